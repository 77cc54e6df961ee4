/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.forward: It still waits for the client to leave when another node answers. */
#include "skeleton.h"

static void left(void *user) {
    (void)user;
}

static void elsewhere(struct good *good, struct berth_request *request,
                      const struct berth_request_view *view) {
    if (good->routes->on_cancel(request, left, good) == BERTH_OK) {
        if (good_forward(good, request) == BERTH_OK) {
            return;
        }
        (void)good->routes->on_cancel(request, NULL, NULL);
    }
    good_elsewhere(good, request, view);
}

GOOD_PLUGIN(.elsewhere = elsewhere);
