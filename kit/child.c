/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/child.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX 65536

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Where the kit is built with a sanitizer, a finding of it is a crash of the check. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "handle_segv=0:handle_sigbus=0:handle_abort=0:abort_on_error=1";
}

/* Address space is not limited under a sanitizer, which reserves terabytes of it. */
static const struct {
    __rlimit_resource_t resource;
    rlim_t value;
} limits[] = {
    {RLIMIT_CORE, 0},
    {RLIMIT_NOFILE, 512},
    {RLIMIT_FSIZE, (rlim_t)256 << 20},
    {RLIMIT_AS, SANITIZED ? RLIM_INFINITY : (rlim_t)8 << 30},
};

static void limit_child(uint32_t timeout_seconds) {
    for (size_t i = 0; i < BASE_COUNT(limits); i++) {
        struct rlimit limit = {limits[i].value, limits[i].value};
        if (limits[i].value != RLIM_INFINITY) {
            (void)setrlimit(limits[i].resource, &limit);
        }
    }
    struct rlimit cpu = {timeout_seconds, timeout_seconds + 1};
    (void)setrlimit(RLIMIT_CPU, &cpu);
}

static _Noreturn void be_child(const struct kit_subject *subject, const struct kit_check *check,
                               uint32_t timeout_seconds, struct kit_shared *shared, int output) {
    (void)setpgid(0, 0);
    limit_child(timeout_seconds);
    (void)dup2(output, STDOUT_FILENO);
    (void)dup2(output, STDERR_FILENO);
    (void)signal(SIGPIPE, SIG_IGN);
    struct kit_run run = {.subject = subject, .check = check, .shared = shared};
    check->run(&run);
    shared->done = 1;
    _exit(0);
}

/* Waits for the child's end; ends it, and what it started, when the time is over. */
static int wait_for_child(pid_t pid, uint32_t timeout_seconds, bool *out_late) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    uint64_t end = base_monotonic_ns() / BASE_NS_PER_MS + (uint64_t)timeout_seconds * BASE_MS_PER_S;
    int count = -1;
    while (fd >= 0 && count < 0) {
        uint64_t now = base_monotonic_ns() / BASE_NS_PER_MS;
        count = poll(&ready, 1, now < end ? (int)(end - now) : 0);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    *out_late = count == 0;
    int status = 0;
    if (*out_late) {
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)kill(-pid, SIGKILL);
    return status;
}

/* Of what a child wrote, the line that tells most: a sanitizer's or an assertion's, or the last. */
static void best_line(int output, char *out_line, size_t size) {
    static const char *const marks[] = {"ERROR: ", "runtime error: ", "Assertion "};
    static char text[OUTPUT_MAX];
    ssize_t len = pread(output, text, sizeof text - 1, 0);
    out_line[0] = '\0';
    if (len <= 0) {
        return;
    }
    text[len] = '\0';
    struct berth_str rest = base_str_trim(base_str(text, (size_t)len));
    struct berth_str line = {NULL, 0};
    while (base_str_split(&rest, '\n', &line)) {
        (void)snprintf(out_line, size, BASE_FMT, BASE_ARG(line));
        for (size_t i = 0; i < BASE_COUNT(marks); i++) {
            if (base_str_contains(line, base_cstr(marks[i]))) {
                return;
            }
        }
    }
}

static void judge(struct kit_result *result, const struct kit_shared *shared, int status, bool late,
                  uint32_t timeout_seconds, int output) {
    char line[512];
    const char *during = shared->phase[0] ? shared->phase : "the check";
    result->verdict = KIT_CRASH;
    best_line(output, line, sizeof line);
    const char *colon = line[0] ? ": " : "";
    if (late) {
        (void)snprintf(result->reason, sizeof result->reason, "no end within %u s, in %s%s%s",
                       timeout_seconds, during, colon, line);
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(result->reason, sizeof result->reason, "signal %d (%s) in %s%s%s",
                       WTERMSIG(status), strsignal(WTERMSIG(status)), during, colon, line);
    } else if (!shared->done) {
        (void)snprintf(result->reason, sizeof result->reason,
                       "the process was ended with status %d in %s%s%s", WEXITSTATUS(status),
                       during, colon, line);
    } else {
        result->verdict = shared->verdict;
        (void)snprintf(result->reason, sizeof result->reason, "%s", shared->text);
    }
}

int32_t kit_child_run(const struct kit_subject *subject, const struct kit_check *check,
                      uint32_t timeout_seconds, struct kit_result *out_result,
                      struct berth_error *error) {
    struct kit_shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int output = memfd_create("output", MFD_CLOEXEC);
    int32_t code = BERTH_OK;
    if (shared == MAP_FAILED || output < 0) {
        code = base_error_memory(error);
    }
    uint64_t began = base_monotonic_ns();
    pid_t pid = code ? -1 : fork();
    if (pid == 0) {
        be_child(subject, check, timeout_seconds, shared, output);
    }
    if (pid > 0) {
        bool late = false;
        int status = wait_for_child(pid, timeout_seconds, &late);
        *out_result = (struct kit_result){.check = check};
        judge(out_result, shared, status, late, timeout_seconds, output);
        out_result->milliseconds = (base_monotonic_ns() - began) / BASE_NS_PER_MS;
    } else if (!code) {
        code = base_error(error, BERTH_E_IO, "no process could be started: %s", strerror(errno));
    }
    if (shared != MAP_FAILED) {
        (void)munmap(shared, sizeof *shared);
    }
    if (output >= 0) {
        (void)close(output);
    }
    return code;
}
