/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the remote service and the load generator share: the little of HTTP/1.1 that they need of
 * one another, waiting to the nanosecond, command lines.
 */
#ifndef TESTS_BENCH_SUPPORT_H
#define TESTS_BENCH_SUPPORT_H

#include <sys/epoll.h>

#include "base/clock.h"
#include "base/str.h"

#define BENCH_NS_PER_S 1000000000u

/* Bytes up to and with the empty line; 0 when it is not there yet. */
size_t bench_head_length(const char *bytes, size_t len);

/* The value of Content-Length; -1 where a head has none. */
int64_t bench_content_length(struct berth_str head);

/* Waits until deadline_ns (of base_monotonic_ns) at most; UINT64_MAX: as long as it takes. */
int bench_wait(int epoll_fd, struct epoll_event *events, int count, uint64_t deadline_ns);

/* A TCP socket that does not collect small writes; flags such as SOCK_NONBLOCK. */
int bench_socket(int flags);

/* Ends the program with a message. */
_Noreturn void bench_die(const char *what);

/* One option of the form --name value, its default in *value. */
struct bench_option {
    const char *name;
    const char *help;
    int64_t *number; /* one of both */
    const char **text;
};

/* Reads the command line; on a mistake tells the options and ends the program with 2. */
void bench_options(int argc, char **argv, const struct bench_option *options, size_t count);

#endif
