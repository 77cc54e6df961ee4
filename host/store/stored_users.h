/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, roles and mappings that were changed over REST: documents of an index of the host, laid
 * over the files.
 *
 * A document holds one entry, or that the files' entry of that name is taken away. The change feed
 * has the users read again, so that each node follows.
 */
#ifndef HOST_STORE_STORED_USERS_H
#define HOST_STORE_STORED_USERS_H

#include "host/base/log.h"
#include "host/security/security.h"
#include "host/store/store.h"

struct stored_users;

/* Declares the index. */
int32_t stored_users_open(struct store *store, struct log *log, struct stored_users **out_users,
                          struct berth_error *error);
/* After security is destroyed. NULL is allowed. */
void stored_users_close(struct stored_users *users);

/* For security_options. */
struct security_overlay stored_users_overlay(struct stored_users *users);

/* From now on changes reach security, until the second is called. */
int32_t stored_users_follow(struct stored_users *users, struct security *security,
                            struct berth_error *error);
void stored_users_leave(struct stored_users *users);

/* The longest name of an entry that is changed here. */
#define STORED_USERS_NAME_MAX 256u

/*
 * Puts an entry, whose fields are a JSON object; it is in force when this returns. DENIED for what
 * is reserved, INVALID for what does not hold as a whole.
 */
int32_t stored_users_put(struct stored_users *users, enum security_kind kind, struct berth_str name,
                         struct berth_str fields, bool *out_created, struct berth_error *error);

/* NOT_FOUND, DENIED. */
int32_t stored_users_delete(struct stored_users *users, enum security_kind kind,
                            struct berth_str name, struct berth_error *error);

#endif
