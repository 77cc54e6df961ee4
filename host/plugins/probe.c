/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/probe.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* As much of what the child says as an error shows. */
#define SAID_MAX 700

struct child {
    pid_t pid;
    int out; /* what it says */
    char said[SAID_MAX + 1];
    size_t len;
};

/* This very program, as it is on disk or was, with a command that starts plugins and ends. */
static int32_t start(struct child *child, const char *file, struct berth_error *error) {
    char program[] = "berth";
    char command[] = "check-config";
    char option[] = "--plugin";
    char *const arguments[] = {program, command, option, (char *)(uintptr_t)file, NULL};
    extern char **environ;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return base_error(error, BERTH_E_IO, "no pipe for trying the plugin: %s", strerror(errno));
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int code =
        posix_spawn(&child->pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    (void)close(ends[1]);
    if (code != 0) {
        (void)close(ends[0]);
        return base_error(error, BERTH_E_IO, "no process for trying the plugin: %s",
                          strerror(code));
    }
    child->out = ends[0];
    return BERTH_OK;
}

/* Reads until the child closes its end; false when the time is over. */
static bool listen_to(struct child *child, uint64_t deadline_ns) {
    for (;;) {
        uint64_t now = base_monotonic_ns();
        struct pollfd ready = {.fd = child->out, .events = POLLIN};
        int left_ms = now < deadline_ns ? (int)((deadline_ns - now) / BASE_NS_PER_MS) + 1 : 0;
        char rest[256];
        if (left_ms == 0 || poll(&ready, 1, left_ms) == 0) {
            return false;
        }
        bool room = child->len < SAID_MAX;
        ssize_t n = read(child->out, room ? child->said + child->len : rest,
                         room ? SAID_MAX - child->len : sizeof rest);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return true;
        }
        child->len += room && n > 0 ? (size_t)n : 0;
    }
}

int32_t probe_plugin(const char *file, uint64_t timeout_ms, struct berth_error *error) {
    struct child child = {.pid = -1};
    int32_t code = start(&child, file, error);
    if (code) {
        return code;
    }
    bool ended = listen_to(&child, base_monotonic_ns() + timeout_ms * BASE_NS_PER_MS);
    int status = 0;
    if (!ended) {
        (void)kill(child.pid, SIGKILL);
    }
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)close(child.out);
    struct berth_str said = base_str_trim(base_str(child.said, child.len));
    if (!ended) {
        return base_error(error, BERTH_E_TIMEOUT,
                          "the plugin, tried in a process of its own, had not started and stopped "
                          "after %llu ms",
                          (unsigned long long)timeout_ms);
    }
    if (WIFSIGNALED(status)) {
        return base_error(error, BERTH_E_INVALID,
                          "the plugin, tried in a process of its own, ended it by signal %d (%s)",
                          WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    return WEXITSTATUS(status) == 0
               ? BERTH_OK
               : base_error(error, BERTH_E_INVALID,
                            "the plugin, tried in a process of its own, failed: " BASE_FMT,
                            BASE_ARG(said));
}
