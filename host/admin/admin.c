/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>
#include <sys/un.h>

#include "host/admin/admin.h"

#include "base/clock.h"
#include "base/json_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 8
/* How long a line may take to come, and an answer to go. */
#define TALK_SECONDS 5

enum { LISTENER, REFRESH, FILES, FDS };

struct admin {
    struct plugins *plugins;
    struct log *log;
    int directory;
    int fds[FDS];
    _Atomic bool is_ending;
    pthread_t thread;
};

/* However long the directory's path is, which an address has little room for. */
static struct sockaddr_un address_in(int directory_fd) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" ADMIN_SOCKET,
                   directory_fd);
    return address;
}

/* ---- a connection ---- */

static bool is_allowed(int fd) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

/* Up to a line's end, which is not part of it. False: none came. */
static bool read_line(int fd, struct base_buf *line) {
    uint64_t end = base_monotonic_ns() + TALK_SECONDS * 1000 * BASE_NS_PER_MS;
    while (base_monotonic_ns() < end) {
        char *to = base_buf_reserve(line, 4096);
        ssize_t n = to ? recv(fd, to, 4096, 0) : 0;
        if (n <= 0) {
            return false;
        }
        const char *newline = memchr(to, '\n', (size_t)n);
        line->len += newline ? (size_t)(newline - to) : (size_t)n;
        if (newline) {
            return true;
        }
    }
    return false;
}

static void send_all(int fd, struct berth_str text) {
    while (text.len) {
        ssize_t n = send(fd, text.ptr, BASE_LEN(text), MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        text = base_str_from(text, (uint64_t)n);
    }
}

static void put_error(struct base_buf *out, const struct berth_error *error) {
    base_buf_clear(out);
    json_open_object(out);
    json_key(out, "error");
    json_open_object(out);
    json_member_cstr(out, "type", base_error_type(error));
    json_member_cstr(out, "reason", error->message);
    json_close_object(out);
    json_member_u64(out, "status", base_error_status(error));
    json_close_object(out);
}

static int32_t carry_out(struct admin *admin, struct berth_str line, struct base_buf *out,
                         struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    struct plugin_order order;
    struct base_arena arena;
    if (!json_parse(&doc, line, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_PARSE, "the order", error);
    }
    base_arena_init(&arena, 512);
    json_open_object(out);
    json_member_bool(out, "acknowledged", true);
    int32_t code = order_read_json(json_root(&doc), &arena, &order, error);
    code = code ? code : order_carry_out(admin->plugins, &order, out, error);
    json_close_object(out);
    base_arena_deinit(&arena);
    return code;
}

static void serve(struct admin *admin, int fd) {
    const struct timeval limit = {.tv_sec = TALK_SECONDS};
    struct berth_error error = BASE_ERROR_INIT;
    BASE_BUF_AUTO line;
    BASE_BUF_AUTO out;
    base_buf_init(&line, ADMIN_LINE_MAX);
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (!read_line(fd, &line)) {
        return;
    }
    int32_t code = is_allowed(fd) ? BERTH_OK
                                  : base_error(&error, BERTH_E_DENIED,
                                               "orders are taken of root and of Berth's own user");
    code = code ? code : carry_out(admin, base_buf_view(&line), &out, &error);
    if (code) {
        put_error(&out, &error);
    }
    base_buf_char(&out, '\n');
    send_all(fd, base_buf_view(&out));
}

/* ---- files that change ---- */

static void watch_one(void *user, const struct plugin_info *info) {
    const struct admin *admin = user;
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, BASE_FMT, BASE_ARG(info->file));
    char *slash = strrchr(folder, '/');
    *(slash == folder ? slash + 1 : slash ? slash : folder) = '\0';
    /* Again for one that is watched is the same. */
    if (inotify_add_watch(admin->fds[FILES], slash ? folder : ".", IN_MOVED_TO) < 0) {
        LOG(admin->log, BERTH_LOG_WARN, "plugin_not_watched",
            LOG_FIELD("directory", base_cstr(folder)),
            LOG_FIELD("reason", base_cstr(strerror(errno))));
    }
}

/* Reads what lies there, which says no more than that something has come. */
static void drain(int fd) {
    char bytes[4096];
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
}

static void refresh(struct admin *admin) {
    order_refresh(admin->plugins, admin->log);
    if (admin->fds[FILES] >= 0) {
        plugins_each(admin->plugins, watch_one, admin); /* one may be of another place now */
    }
}

/* ---- the thread ---- */

static void *work(void *user) {
    struct admin *admin = user;
    while (!admin->is_ending) {
        struct pollfd fds[FDS];
        for (int i = 0; i < FDS; i++) {
            fds[i] = (struct pollfd){.fd = admin->fds[i], .events = POLLIN};
        }
        if (poll(fds, FDS, -1) < 0) {
            continue;
        }
        if (fds[LISTENER].revents) {
            int fd = accept4(admin->fds[LISTENER], NULL, NULL, SOCK_CLOEXEC);
            if (fd >= 0) {
                serve(admin, fd);
                (void)close(fd);
            }
        }
        if (fds[REFRESH].revents || fds[FILES].revents) {
            drain(admin->fds[REFRESH]);
            drain(admin->fds[FILES]);
            if (!admin->is_ending) {
                refresh(admin);
            }
        }
    }
    return NULL;
}

static int32_t listen_there(struct admin *admin, struct berth_error *error) {
    struct sockaddr_un address = address_in(admin->directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    admin->fds[LISTENER] = fd;
    /* One that is there is of a node that was killed: the directory is locked. */
    (void)unlink(address.sun_path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(address.sun_path, S_IRUSR | S_IWUSR) != 0 || listen(fd, BACKLOG) != 0) {
        return base_error(error, BERTH_E_IO,
                          "cannot listen on [" ADMIN_SOCKET "] in the data directory: %s",
                          strerror(errno));
    }
    return BERTH_OK;
}

static int32_t start_thread(struct admin *admin, struct berth_error *error) {
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&admin->thread, NULL, work, admin);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed
               ? base_error(error, BERTH_E_NO_MEMORY, "cannot start a thread: %s", strerror(failed))
               : BERTH_OK;
}

static void close_all(struct admin *admin) {
    for (int i = 0; i < FDS; i++) {
        if (admin->fds[i] >= 0) {
            (void)close(admin->fds[i]);
        }
    }
    if (admin->directory >= 0) {
        (void)unlinkat(admin->directory, ADMIN_SOCKET, 0);
        (void)close(admin->directory);
    }
    free(admin);
}

int32_t admin_start(struct plugins *plugins, const char *data_path, bool watch_files,
                    struct log *log, struct admin **out_admin, struct berth_error *error) {
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin) {
        return base_error_memory(error);
    }
    admin->plugins = plugins;
    admin->log = log;
    admin->directory = open(data_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    admin->fds[LISTENER] = -1;
    admin->fds[REFRESH] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    admin->fds[FILES] = watch_files ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
    int32_t code = BERTH_OK;
    if (admin->directory < 0 || admin->fds[REFRESH] < 0 || (watch_files && admin->fds[FILES] < 0)) {
        code = base_error(error, BERTH_E_IO, "cannot watch the data directory and files: %s",
                          strerror(errno));
    }
    code = code ? code : listen_there(admin, error);
    if (!code && watch_files) {
        plugins_each(plugins, watch_one, admin);
    }
    code = code ? code : start_thread(admin, error);
    if (code) {
        close_all(admin);
        return code;
    }
    *out_admin = admin;
    return BERTH_OK;
}

void admin_refresh(struct admin *admin) {
    const uint64_t one = 1;
    (void)!write(admin->fds[REFRESH], &one, sizeof one);
}

void admin_stop(struct admin *admin) {
    if (admin) {
        admin->is_ending = true;
        admin_refresh(admin);
        (void)pthread_join(admin->thread, NULL);
        close_all(admin);
    }
}

/* ---- who orders ---- */

int32_t admin_ask(const char *data_path, struct berth_str line, struct base_buf *out_answer,
                  struct berth_error *error) {
    int directory = open(data_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int32_t code = BERTH_OK;
    if (directory < 0) {
        code = base_error(error, BERTH_E_NOT_FOUND, "cannot open the data directory [%s]: %s",
                          data_path, strerror(errno));
    } else {
        struct sockaddr_un address = address_in(directory);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
            code = base_error(error, BERTH_E_UNAVAILABLE,
                              "no node answers on [%s/" ADMIN_SOCKET "]: %s", data_path,
                              strerror(errno));
        }
    }
    if (!code) {
        send_all(fd, line);
        send_all(fd, BERTH_STR("\n"));
        char *to;
        ssize_t n = 0;
        while ((to = base_buf_reserve(out_answer, 4096)) && (n = recv(fd, to, 4096, 0)) > 0) {
            out_answer->len += (size_t)n;
        }
        if (out_answer->len == 0 || out_answer->ptr[out_answer->len - 1] != '\n') {
            code = base_error(error, BERTH_E_UNAVAILABLE, "the node did not answer");
        } else {
            out_answer->len--;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (directory >= 0) {
        (void)close(directory);
    }
    return code;
}
