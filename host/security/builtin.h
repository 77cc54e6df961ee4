/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles and action groups that are there without a file, in the form of the files. A file's entry
 * of the same name takes their place.
 */
#ifndef HOST_SECURITY_BUILTIN_H
#define HOST_SECURITY_BUILTIN_H

/* The role whose users are administrators. */
#define SECURITY_ADMIN_ROLE "all_access"

extern const char builtin_roles[];
extern const char builtin_action_groups[];

#endif
