/* SPDX-License-Identifier: Apache-2.0 */
/* @check routes.reply: It never replies. */
#include "skeleton.h"

static void answer(struct good *good, struct berth_request *request,
                   const struct berth_request_view *view) {
    (void)good;
    (void)request;
    (void)view;
}

GOOD_PLUGIN(.answer = answer);
