/* SPDX-License-Identifier: Apache-2.0 */
/* @check memory.secrets: It does not release a sealed text. */
#include "skeleton.h"

static void work(struct good *good, struct berth_request *request,
                 const struct berth_request_view *view) {
    const struct berth_secret *sealed = NULL;
    (void)good->secrets->seal(good->host, BERTH_STR("here"), BERTH_STR("text"), &sealed, NULL);
    good_work(good, request, view);
}

GOOD_PLUGIN(.work = work);
