/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator of a fixed rate, which a stalled server does not slow down: a request is due at
 * its moment whether or not earlier ones have been answered, and its latency counts from that
 * moment. One that finds no free connection waits for one, and its waiting counts.
 *
 * Prints one line of JSON: counts, and latencies in microseconds.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json_write.h"
#include "tests/bench/support.h"

#define EVENTS 256
#define READ_SIZE 65536
#define REQUEST_MAX ((size_t)1 << 20)
#define HEAD_MAX 16384u
/* How long the answers that are due at the end are waited for. */
#define DRAIN_NS (10 * (uint64_t)BENCH_NS_PER_S)

struct connection {
    struct connection *next; /* in the list of free ones */
    int fd;
    size_t request; /* that is being answered */
    bool busy;
    bool in_body;
    uint64_t body_left;
    uint32_t status;
    char head[HEAD_MAX];
    size_t head_len;
};

struct load {
    int64_t port;
    const char *path;
    const char *body_file;
    int64_t rate;
    int64_t connection_count;
    int64_t seconds;
    int epoll_fd;
    struct base_buf request;
    struct connection *connections;
    struct connection *free;
    uint64_t start_ns;
    uint64_t end_ns; /* of the last answer */
    size_t total;    /* requests of the whole run */
    size_t due;      /* whose moment has come */
    size_t begun;    /* that were sent; those from begun to due wait for a connection */
    size_t answered; /* with 200; their latencies are in the list */
    size_t failed;
    uint64_t *latencies;
};

static uint64_t moment_of(const struct load *l, size_t request) {
    return l->start_ns + (uint64_t)request * BENCH_NS_PER_S / (uint64_t)l->rate;
}

/* ---- connections ---- */

static void open_connection(struct load *l, struct connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)l->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    c->fd = bench_socket(0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) ||
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &event)) {
        bench_die("connect");
    }
}

static void set_free(struct load *l, struct connection *c) {
    c->busy = false;
    c->in_body = false;
    c->head_len = 0;
    c->next = l->free;
    l->free = c;
}

/* A connection that broke: its request has failed, another one takes its place. */
static void replace(struct load *l, struct connection *c) {
    (void)close(c->fd);
    open_connection(l, c);
    if (c->busy) {
        l->failed++;
        set_free(l, c);
    }
}

/* ---- requests ---- */

static void begin(struct load *l) {
    while (l->begun < l->due && l->free) {
        struct connection *c = l->free;
        l->free = c->next;
        c->busy = true;
        c->request = l->begun++;
        if (send(c->fd, l->request.ptr, l->request.len, MSG_NOSIGNAL | MSG_DONTWAIT) !=
            (ssize_t)l->request.len) {
            replace(l, c);
        }
    }
}

static void finish(struct load *l, struct connection *c) {
    if (c->status == 200) {
        l->latencies[l->answered++] = base_monotonic_ns() - moment_of(l, c->request);
    } else {
        l->failed++;
    }
    set_free(l, c);
}

/* False when it is not the head of an answer that can be followed. */
static bool take_head(struct connection *c, const char *bytes, size_t len, size_t *out_used) {
    size_t before = c->head_len;
    size_t part = len < sizeof c->head - before ? len : sizeof c->head - before;
    memcpy(c->head + before, bytes, part);
    size_t head = bench_head_length(c->head, before + part);
    c->head_len += part;
    *out_used = part;
    if (head == 0) {
        return c->head_len < sizeof c->head;
    }
    struct berth_str text = base_str(c->head, head);
    int64_t length = bench_content_length(text);
    int64_t status = 0;
    bool ok = text.len > 12 && base_str_i64(base_str_slice(text, 9, 12), &status);
    c->status = (uint32_t)status;
    c->body_left = (uint64_t)length;
    c->in_body = true;
    *out_used = head - before;
    return ok && length >= 0;
}

/* What the server has sent; false when the connection cannot go on. */
static bool take(struct load *l, struct connection *c, const char *bytes, size_t len) {
    while (len && c->busy) {
        size_t used = 0;
        if (!c->in_body && !take_head(c, bytes, len, &used)) {
            return false;
        }
        if (c->in_body) {
            uint64_t part = len - used < c->body_left ? len - used : c->body_left;
            c->body_left -= part;
            used += (size_t)part;
            if (c->body_left == 0) {
                finish(l, c);
            }
        }
        bytes += used;
        len -= used;
    }
    return len == 0;
}

static void handle(struct load *l, struct connection *c) {
    static char bytes[READ_SIZE];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    bool ok = n > 0 ? take(l, c, bytes, (size_t)n) : n < 0 && errno == EAGAIN;
    if (!ok) {
        replace(l, c);
    }
}

/* ---- the run ---- */

static void run(struct load *l) {
    uint64_t end = moment_of(l, l->total) + DRAIN_NS;
    while (l->answered + l->failed < l->total) {
        struct epoll_event events[EVENTS];
        uint64_t now = base_monotonic_ns();
        while (l->due < l->total && moment_of(l, l->due) <= now) {
            l->due++;
        }
        begin(l);
        if (now >= end) {
            break;
        }
        int count =
            bench_wait(l->epoll_fd, events, EVENTS, l->due < l->total ? moment_of(l, l->due) : end);
        for (int i = 0; i < count; i++) {
            handle(l, events[i].data.ptr);
        }
    }
    l->end_ns = base_monotonic_ns();
}

static int compare(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void put_quantile(const struct load *l, const char *name, double share) {
    size_t at = (size_t)(share * (double)l->answered);
    at = at < l->answered ? at : l->answered - 1;
    (void)printf(", \"%s\": %.1f", name, l->answered ? (double)l->latencies[at] / 1000.0 : 0.0);
}

static void report(struct load *l) {
    qsort(l->latencies, l->answered, sizeof *l->latencies, compare);
    (void)printf("{\"seconds\": %.6f, \"requests\": %zu, \"failed\": %zu, \"unanswered\": %zu",
                 (double)(l->end_ns - l->start_ns) / BENCH_NS_PER_S, l->answered, l->failed,
                 l->total - l->answered - l->failed);
    put_quantile(l, "p50_us", 0.5);
    put_quantile(l, "p99_us", 0.99);
    put_quantile(l, "p999_us", 0.999);
    put_quantile(l, "max_us", 1.0);
    (void)puts("}");
}

static void read_body(const char *path, struct base_buf *out) {
    FILE *file = fopen(path, "rb");
    char *to = file ? base_buf_reserve(out, REQUEST_MAX) : NULL;
    if (!to) {
        bench_die(path);
    }
    out->len = fread(to, 1, REQUEST_MAX, file);
    (void)fclose(file);
}

static void prepare(struct load *l) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, REQUEST_MAX);
    base_buf_init(&l->request, 2 * REQUEST_MAX);
    read_body(l->body_file, &body);
    base_buf_format(&l->request,
                    "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    l->path, body.len);
    base_buf_str(&l->request, base_buf_view(&body));
    l->total = (size_t)(l->rate * l->seconds);
    l->latencies = calloc(l->total + 1, sizeof *l->latencies);
    l->connections = calloc((size_t)l->connection_count, sizeof *l->connections);
    if (!l->latencies || !l->connections || l->request.error) {
        bench_die("memory");
    }
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int64_t i = 0; i < l->connection_count; i++) {
        open_connection(l, &l->connections[i]);
        set_free(l, &l->connections[i]);
    }
    l->start_ns = base_monotonic_ns();
}

static void release(struct load *l) {
    for (int64_t i = 0; i < l->connection_count; i++) {
        (void)close(l->connections[i].fd);
    }
    (void)close(l->epoll_fd);
    free(l->connections);
    free(l->latencies);
    base_buf_deinit(&l->request);
}

int main(int argc, char **argv) {
    struct load l = {.path = "/", .rate = 1000, .connection_count = 64, .seconds = 5};
    const struct bench_option options[] = {
        {.name = "port", .help = "of the server on 127.0.0.1", .number = &l.port},
        {.name = "path", .help = "of the request", .text = &l.path},
        {.name = "body", .help = "a file with the request's body", .text = &l.body_file},
        {.name = "rate", .help = "requests a second (1000)", .number = &l.rate},
        {.name = "connections", .help = "(64)", .number = &l.connection_count},
        {.name = "seconds", .help = "(5)", .number = &l.seconds},
    };
    struct rlimit files;
    bench_options(argc, argv, options, BASE_COUNT(options));
    if (!l.body_file || l.port <= 0 || l.rate <= 0 || l.connection_count <= 0 || l.seconds <= 0) {
        (void)fputs("needed: --port, --body, and numbers above zero\n", stderr);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    prepare(&l);
    run(&l);
    report(&l);
    release(&l);
    return l.failed || l.answered < l.total ? 1 : 0;
}
