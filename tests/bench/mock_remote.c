/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A remote service that costs next to nothing: canned answers over keep-alive connections, from one
 * thread. Paths that hold "embeddings" are answered with 100 KB, those with "stream" with 20
 * events, each sent by itself, others with a chat answer of 450 bytes; "/delay/MS/…" or --delay-ms
 * has the answer wait. Prints "listening PORT" when it does.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json_write.h"
#include "tests/bench/support.h"

#define CHAT_LENGTH 450u
#define VECTORS 16
#define DIMENSIONS 384
#define STREAM_EVENTS 20
#define EVENTS 256
/* A request has to fit into what a connection holds. */
#define REQUEST_MAX ((size_t)1 << 20)
#define READ_SIZE 16384u

/* An answer, and where it may be cut: what is sent at a time. */
struct canned {
    struct base_buf bytes;
    size_t cuts[STREAM_EVENTS + 2]; /* 0 ends them, and then all of the rest is sent */
};

struct connection {
    int fd;
    bool writing; /* waits until more can be written */
    struct base_buf in;
    const struct canned *answer; /* NULL: none is due */
    size_t sent;
    uint64_t due_ns;
};

/* Connections whose answer waits, the earliest first (a binary heap). */
struct waiting {
    struct connection **list;
    size_t count;
    size_t cap;
};

struct remote {
    int epoll_fd;
    int listen_fd;
    int64_t port;
    int64_t delay_ms;
    struct canned chat;
    struct canned embeddings;
    struct canned stream;
    struct waiting waiting;
};

/* ---- answers ---- */

static void put_answer(struct base_buf *out, struct berth_str body) {
    base_buf_format(out,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %llu"
                    "\r\n\r\n",
                    (unsigned long long)body.len);
    base_buf_str(out, body);
}

static void make_chat(struct base_buf *out) {
    static const char head[] =
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,"
        "\"model\":\"mock\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":\"";
    static const char tail[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
                               "\"completion_tokens\":34,\"total_tokens\":46}}";
    static const char words[] = "All that is asked is answered in so many words. ";
    BASE_BUF_AUTO body;
    base_buf_init(&body, CHAT_LENGTH);
    base_buf_cstr(&body, head);
    while (body.len < CHAT_LENGTH - (sizeof tail - 1)) {
        base_buf_char(&body, words[body.len % (sizeof words - 1)]);
    }
    base_buf_cstr(&body, tail);
    put_answer(out, base_buf_view(&body));
}

/* Numbers of 13 digits that look random and are the same in every run. */
static void make_embeddings(struct base_buf *out) {
    BASE_BUF_AUTO body;
    uint64_t state = 1;
    base_buf_init(&body, (size_t)1 << 20);
    base_buf_cstr(&body, "{\"object\":\"list\",\"data\":[");
    for (int v = 0; v < VECTORS; v++) {
        base_buf_format(&body, "%s{\"object\":\"embedding\",\"index\":%d,\"embedding\":[",
                        v ? "," : "", v);
        for (int d = 0; d < DIMENSIONS; d++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            base_buf_format(&body, "%s%s0.%013llu", d ? "," : "", state >> 63 ? "-" : "",
                            (unsigned long long)((state >> 8) % 10000000000000u));
        }
        base_buf_cstr(&body, "]}");
    }
    base_buf_cstr(&body, "],\"model\":\"mock\",\"usage\":{\"prompt_tokens\":128,"
                         "\"total_tokens\":128}}");
    put_answer(out, base_buf_view(&body));
}

/* Events as OpenAI's chat sends them: pieces of text, the last of which tells the end. */
static void make_stream(struct canned *out) {
    base_buf_cstr(&out->bytes, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i <= STREAM_EVENTS; i++) {
        BASE_BUF_AUTO event;
        base_buf_init(&event, 4096);
        if (i < STREAM_EVENTS) {
            base_buf_format(&event,
                            "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","
                            "\"created\":1700000000,\"model\":\"mock\",\"choices\":[{\"index\":0,"
                            "\"delta\":{\"content\":\" word %d\"},\"finish_reason\":%s}]}\n\n",
                            i, i + 1 < STREAM_EVENTS ? "null" : "\"stop\"");
        } else {
            base_buf_cstr(&event, "data: [DONE]\n\n");
        }
        base_buf_format(&out->bytes, "%zx\r\n" BASE_FMT "\r\n", event.len,
                        BASE_ARG(base_buf_view(&event)));
        out->cuts[i] = out->bytes.len;
    }
    base_buf_cstr(&out->bytes, "0\r\n\r\n");
}

/* ---- waiting answers ---- */

static void heap_swap(struct waiting *w, size_t a, size_t b) {
    struct connection *kept = w->list[a];
    w->list[a] = w->list[b];
    w->list[b] = kept;
}

static void heap_push(struct waiting *w, struct connection *c) {
    if (w->count == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 1024;
        w->list = realloc(w->list, w->cap * sizeof(struct connection *));
        if (!w->list) {
            bench_die("realloc");
        }
    }
    size_t i = w->count++;
    w->list[i] = c;
    while (i > 0 && w->list[i]->due_ns < w->list[(i - 1) / 2]->due_ns) {
        heap_swap(w, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static void heap_remove(struct waiting *w, size_t i) {
    w->list[i] = w->list[--w->count];
    while (i > 0 && i < w->count && w->list[i]->due_ns < w->list[(i - 1) / 2]->due_ns) {
        heap_swap(w, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++) {
            if (child < w->count && w->list[child]->due_ns < w->list[least]->due_ns) {
                least = child;
            }
        }
        if (least == i) {
            return;
        }
        heap_swap(w, i, least);
        i = least;
    }
}

/* ---- connections ---- */

static void watch(struct remote *r, struct connection *c, int op, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(r->epoll_fd, op, c->fd, &event)) {
        bench_die("epoll_ctl");
    }
}

static void drop(struct remote *r, struct connection *c) {
    for (size_t i = 0; i < r->waiting.count; i++) {
        if (r->waiting.list[i] == c) {
            heap_remove(&r->waiting, i);
            break;
        }
    }
    (void)close(c->fd);
    base_buf_deinit(&c->in);
    free(c);
}

static void accept_all(struct remote *r) {
    int fd = -1;
    while ((fd = accept4(r->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        if (!c) {
            bench_die("calloc");
        }
        c->fd = fd;
        base_buf_init(&c->in, REQUEST_MAX);
        watch(r, c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* Where what is sent next ends. */
static size_t next_cut(const struct canned *answer, size_t sent) {
    for (size_t i = 0; answer->cuts[i]; i++) {
        if (answer->cuts[i] > sent) {
            return answer->cuts[i];
        }
    }
    return answer->bytes.len;
}

/* False when the connection is at its end. */
static bool send_answer(struct remote *r, struct connection *c) {
    const struct canned *answer = c->answer;
    while (c->sent < answer->bytes.len) {
        ssize_t n = send(c->fd, answer->bytes.ptr + c->sent, next_cut(answer, c->sent) - c->sent,
                         MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            return false;
        }
        if (n < 0) {
            if (!c->writing) {
                watch(r, c, EPOLL_CTL_MOD, EPOLLOUT);
                c->writing = true;
            }
            return true;
        }
        c->sent += (size_t)n;
    }
    c->answer = NULL;
    if (c->writing) {
        watch(r, c, EPOLL_CTL_MOD, EPOLLIN);
        c->writing = false;
    }
    return true;
}

/* The number behind "/delay/" at the path's beginning, or what the command line says. */
static int64_t delay_of(const struct remote *r, struct berth_str path) {
    struct berth_str prefix = BERTH_STR("/delay/");
    int64_t delay = r->delay_ms;
    if (base_str_starts(path, prefix)) {
        struct berth_str rest = base_str_from(path, prefix.len);
        (void)base_str_i64(base_str_slice(rest, 0, base_str_find(rest, '/')), &delay);
    }
    return delay;
}

static bool answer(struct remote *r, struct connection *c, struct berth_str path) {
    int64_t delay = delay_of(r, path);
    c->answer = base_str_contains(path, BERTH_STR("embeddings")) ? &r->embeddings
                : base_str_contains(path, BERTH_STR("stream"))   ? &r->stream
                                                                 : &r->chat;
    c->sent = 0;
    if (delay > 0) {
        c->due_ns = base_monotonic_ns() + (uint64_t)delay * BASE_NS_PER_MS;
        heap_push(&r->waiting, c);
        return true;
    }
    return send_answer(r, c);
}

static void consume(struct base_buf *in, size_t len) {
    memmove(in->ptr, in->ptr + len, in->len - len);
    in->len -= len;
}

/* The length of the request in front of the buffer; 0: it is not complete. */
static size_t find_request(const struct connection *c, struct berth_str *out_path) {
    size_t head = bench_head_length(c->in.ptr, c->in.len);
    struct berth_str rest = base_str(c->in.ptr, head);
    int64_t body = head ? bench_content_length(rest) : 0;
    size_t length = head + (body > 0 ? (size_t)body : 0);
    if (head == 0 || length > c->in.len) {
        return 0;
    }
    (void)base_str_split(&rest, ' ', out_path);
    (void)base_str_split(&rest, ' ', out_path);
    return length;
}

/* Answers what is complete; false when the connection is at its end. */
static bool work(struct remote *r, struct connection *c) {
    while (!c->answer && c->in.len) {
        struct berth_str path = {NULL, 0};
        size_t length = find_request(c, &path);
        if (length == 0) {
            break;
        }
        bool ok = answer(r, c, path);
        consume(&c->in, length);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool read_some(struct remote *r, struct connection *c) {
    char *to = base_buf_reserve(&c->in, READ_SIZE);
    if (!to) {
        return false;
    }
    ssize_t n = recv(c->fd, to, READ_SIZE, 0);
    if (n <= 0) {
        return n < 0 && errno == EAGAIN;
    }
    c->in.len += (size_t)n;
    return work(r, c);
}

static void handle(struct remote *r, const struct epoll_event *event) {
    struct connection *c = event->data.ptr;
    bool ok = !(event->events & EPOLLERR);
    if (ok && c->writing) {
        ok = send_answer(r, c) && work(r, c);
    } else if (ok) {
        ok = read_some(r, c);
    }
    if (!ok) {
        drop(r, c);
    }
}

static void answer_due(struct remote *r) {
    uint64_t now = r->waiting.count ? base_monotonic_ns() : 0;
    while (r->waiting.count && r->waiting.list[0]->due_ns <= now) {
        struct connection *c = r->waiting.list[0];
        heap_remove(&r->waiting, 0);
        if (!send_answer(r, c) || !work(r, c)) {
            drop(r, c);
        }
    }
}

static void listen_on(struct remote *r) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)r->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int one = 1;
    r->listen_fd = bench_socket(SOCK_NONBLOCK);
    if (setsockopt(r->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(r->listen_fd, (struct sockaddr *)&address, len) || listen(r->listen_fd, 4096) ||
        getsockname(r->listen_fd, (struct sockaddr *)&address, &len)) {
        bench_die("listen");
    }
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->listen_fd, &event)) {
        bench_die("epoll_ctl");
    }
    (void)printf("listening %d\n", ntohs(address.sin_port));
    (void)fflush(stdout);
}

int main(int argc, char **argv) {
    struct remote r = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    const struct bench_option options[] = {
        {.name = "port",
         .help = "to listen on; 0, the default, takes a free one",
         .number = &r.port},
        {.name = "delay-ms", .help = "how long every answer waits", .number = &r.delay_ms},
    };
    struct rlimit files;
    bench_options(argc, argv, options, BASE_COUNT(options));
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    base_buf_init(&r.chat.bytes, (size_t)1 << 20);
    base_buf_init(&r.embeddings.bytes, (size_t)1 << 20);
    base_buf_init(&r.stream.bytes, (size_t)1 << 20);
    make_chat(&r.chat.bytes);
    make_embeddings(&r.embeddings.bytes);
    make_stream(&r.stream);
    listen_on(&r);
    for (;;) {
        struct epoll_event events[EVENTS];
        uint64_t deadline = r.waiting.count ? r.waiting.list[0]->due_ns : UINT64_MAX;
        int count = bench_wait(r.epoll_fd, events, EVENTS, deadline);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                handle(&r, &events[i]);
            } else {
                accept_all(&r);
            }
        }
        answer_due(&r);
    }
}
