/* SPDX-License-Identifier: Apache-2.0 */
/* @check faults.secrets_seal: It crashes where secrets.seal fails. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    const struct berth_secret *sealed = NULL;
    if (good->secrets->seal(good->host, BERTH_STR("a"), BERTH_STR("b"), &sealed, NULL)) {
        abort();
    }
    good->secrets->release(sealed);
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
