/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.two_generations: It holds a name that only one in the process can have. */
#include "skeleton.h"

#include <sys/socket.h>
#include <sys/un.h>

static int32_t created(struct good *good, struct berth_error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)error;
    (void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "berth-good-%d", getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        return BERTH_E_EXISTS;
    }
    good->own = (void *)(intptr_t)fd;
    return BERTH_OK;
}

static void destroyed(struct good *good) {
    (void)close((int)(intptr_t)good->own);
}

GOOD_PLUGIN(.create = created, .destroy = destroyed);
