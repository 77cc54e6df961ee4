/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of certificates as texts (RFC 2253), such as "CN=admin,OU=ops,O=Example".
 */
#ifndef HOST_SECURITY_DISTINGUISHED_NAME_H
#define HOST_SECURITY_DISTINGUISHED_NAME_H

#include "base/arena.h"

/*
 * Whether two texts are the same name: the parts are the same and in the same order; blanks around
 * commas and equals signs and the case of the types do not count, those of the values do.
 */
bool distinguished_name_same(struct berth_str a, struct berth_str b);

/* The value of the first part of that type, such as "CN", without escapes; empty: there is none. */
struct berth_str distinguished_name_value(struct berth_str name, const char *type,
                                          struct base_arena *arena);

#endif
