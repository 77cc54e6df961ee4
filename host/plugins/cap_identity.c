/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

/* Without configured users every caller is the host's own: no user, and nothing is forbidden. */
static int32_t user(struct berth_request *request, const struct berth_user **out_user) {
    (void)request;
    (void)out_user;
    return BERTH_E_NOT_FOUND;
}

static int32_t may(struct berth_request *request, struct berth_str permission) {
    (void)request;
    (void)permission;
    return BERTH_OK;
}

const struct berth_identity_v1 cap_identity = {
    .size = sizeof cap_identity,
    .user = user,
    .may = may,
};
