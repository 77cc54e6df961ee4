/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/support.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

size_t bench_head_length(const char *bytes, size_t len) {
    const char *end = len ? memmem(bytes, len, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - bytes) + 4 : 0;
}

int64_t bench_content_length(struct berth_str head) {
    struct berth_str line;
    int64_t length = -1;
    while (base_str_split(&head, '\n', &line)) {
        uint64_t colon = base_str_find(line, ':');
        if (colon < line.len &&
            base_str_eq_nocase(base_str_slice(line, 0, colon), BERTH_STR("content-length"))) {
            (void)base_str_i64(base_str_trim(base_str_from(line, colon + 1)), &length);
        }
    }
    return length;
}

int bench_wait(int epoll_fd, struct epoll_event *events, int count, uint64_t deadline_ns) {
    uint64_t now = base_monotonic_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / BENCH_NS_PER_S),
                               .tv_nsec = (long)(left % BENCH_NS_PER_S)};
    return epoll_pwait2(epoll_fd, events, count, deadline_ns == UINT64_MAX ? NULL : &timeout, NULL);
}

int bench_socket(int flags) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    int one = 1;
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one)) {
        bench_die("socket");
    }
    return fd;
}

_Noreturn void bench_die(const char *what) {
    perror(what);
    exit(1);
}

static _Noreturn void usage(const char *program, const struct bench_option *options, size_t count) {
    (void)fprintf(stderr, "usage: %s [--option value …]\n", program);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stderr, "  --%-12s %s\n", options[i].name, options[i].help);
    }
    exit(2);
}

void bench_options(int argc, char **argv, const struct bench_option *options, size_t count) {
    for (int i = 1; i < argc; i += 2) {
        bool taken = false;
        for (size_t k = 0; k < count && i + 1 < argc && !taken; k++) {
            taken = strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, options[k].name) == 0;
            if (taken && options[k].text) {
                *options[k].text = argv[i + 1];
            } else if (taken) {
                taken = base_str_i64(base_cstr(argv[i + 1]), options[k].number);
            }
        }
        if (!taken) {
            usage(argv[0], options, count);
        }
    }
}
