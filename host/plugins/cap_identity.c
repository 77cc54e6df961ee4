/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"
#include "host/router/router.h"

/* Without configured users every caller is the host's own: no user, and nothing is forbidden. */
static int32_t user(struct berth_request *request, const struct berth_user **out_user) {
    const struct security_caller *caller = router_caller(request);
    if (!caller) {
        return BERTH_E_NOT_FOUND;
    }
    *out_user = &caller->user;
    return BERTH_OK;
}

static int32_t may(struct berth_request *request, struct berth_str permission) {
    const struct security_caller *caller = router_caller(request);
    return !caller || security_may(caller, permission) ? BERTH_OK : BERTH_E_DENIED;
}

const struct berth_identity_v1 cap_identity = {
    .size = sizeof cap_identity,
    .user = user,
    .may = may,
};
