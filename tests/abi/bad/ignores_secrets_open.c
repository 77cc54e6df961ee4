/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.secrets_open: It crashes where secrets.open fails. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    const struct berth_secret *sealed = NULL;
    const struct berth_secret *plain = NULL;
    if (!good->secrets->seal(good->host, BERTH_STR("a"), BERTH_STR("b"), &sealed, NULL)) {
        if (good->secrets->open(good->host, BERTH_STR("a"), sealed->text, &plain, NULL)) {
            abort();
        }
        good->secrets->release(plain);
        good->secrets->release(sealed);
    }
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
