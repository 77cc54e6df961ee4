/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.identity/1: who makes a request, and what they may do.
 */
#ifndef BERTH_IDENTITY_H
#define BERTH_IDENTITY_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_IDENTITY_ID "berth.identity/1"

/* A user, as authenticated by the host. */
struct berth_user {
    uint32_t size;
    uint32_t is_admin;
    struct berth_str name;
    const struct berth_str *backend_roles;
    const struct berth_str *roles;
    uint32_t backend_role_count;
    uint32_t role_count;
};
BERTH_ASSERT_SIZE(struct berth_user, 48);
BERTH_ASSERT_OFFSET(struct berth_user, name, 8);
BERTH_ASSERT_OFFSET(struct berth_user, backend_roles, 24);
BERTH_ASSERT_OFFSET(struct berth_user, roles, 32);
BERTH_ASSERT_OFFSET(struct berth_user, backend_role_count, 40);

struct berth_identity_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Gives the user of a request; NOT_FOUND where the host has no users or the caller is the
     * host itself.
     * @thread any
     * @state SERVING DRAINING
     * @owner the request owns the user
     * @errors NOT_FOUND
     */
    int32_t (*user)(struct berth_request *request, const struct berth_user **out_user);

    /*
     * Tells whether the user of a request has a permission; BERTH_OK means yes. The permission of
     * the route itself was checked before its handler was called.
     * @thread any
     * @state SERVING DRAINING
     * @owner nothing changes hands
     * @errors DENIED
     */
    int32_t (*may)(struct berth_request *request, struct berth_str permission);
};
BERTH_ASSERT_SIZE(struct berth_identity_v1, 24);
BERTH_ASSERT_OFFSET(struct berth_identity_v1, user, 8);
BERTH_ASSERT_OFFSET(struct berth_identity_v1, may, 16);

BERTH_EXTERN_C_END

#endif
