/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.loop_fd_watch: It crashes where loop.fd_watch fails. */
#include "skeleton.h"

static int32_t loop_started(struct good *good, struct good_loop *loop, struct berth_error *error) {
    (void)error;
    struct berth_fd_watch *watch = NULL;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (good->loop->fd_watch(good->host, fd, BERTH_FD_READ, fd_ready, loop, &watch)) {
        abort();
    }
    good->loop->fd_unwatch(watch);
    (void)close(fd);
    return BERTH_OK;
}

GOOD_PLUGIN(.loop_start = loop_started);
