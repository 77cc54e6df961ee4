/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes a request: a user with the roles that the mappings give. Made on any thread, it then
 * belongs to one loop, whose requests count it.
 */
#ifndef HOST_SECURITY_CALLER_H
#define HOST_SECURITY_CALLER_H

#include <berth/identity.h>

#include "host/security/security_config.h"

struct security_caller {
    uint32_t references;
    struct berth_user user;
    struct security_config *config; /* a reference: roles are looked up in it */
    struct name_list backend_roles;
    struct name_list roles;
    struct base_arena arena; /* all texts of the user */
};

/* What somebody has shown to be. */
struct security_claims {
    struct berth_str name;
    const struct name_list *backend_roles; /* NULL: none */
    const struct name_list *direct_roles;  /* that need no mapping; NULL: none */
    struct berth_str address;              /* for mappings by host */
};

/* Has one reference. NULL without memory. */
struct security_caller *security_caller_create(struct security_config *config,
                                               const struct security_claims *claims);

/* On the loop. NULL is allowed. */
void security_caller_release(struct security_caller *caller);

/* Whether one of the caller's roles has a permission. Any thread. */
bool security_may(const struct security_caller *caller, struct berth_str permission);

#endif
