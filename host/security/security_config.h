/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the users are and what they may do: internal_users.yml, roles.yml, roles_mapping.yml and
 * action_groups.yml of one directory, as OpenSearch's security plugin writes them.
 *
 * One immutable snapshot, counted, made as a whole or not at all. What the files say of indices
 * and tenants is read over: there are none here. Any thread.
 */
#ifndef HOST_SECURITY_SECURITY_CONFIG_H
#define HOST_SECURITY_SECURITY_CONFIG_H

#include <stdatomic.h>

#include "base/map.h"
#include "host/security/entries.h"
#include "host/security/password.h"

/* What the entries of all files have in common. */
struct security_entry {
    struct security_entry *next; /* in the order of the files */
    struct berth_str name;
    struct berth_str description;
    bool reserved;  /* not to be changed over REST */
    bool hidden;    /* not shown over REST either */
    bool is_static; /* built in */
    bool is_stored; /* put there by an overlay */
    bool is_shadow; /* of an entry of a file, or of one that is built in */
};

struct security_user {
    struct security_entry entry;
    struct berth_str hash;
    struct name_list backend_roles;
    struct name_list direct_roles; /* roles without a mapping: opendistro_security_roles */
    struct entry_pairs attributes;
};

struct security_role {
    struct security_entry entry;
    struct name_list permissions; /* as written: patterns and names of action groups */
    struct name_list patterns;    /* with the groups in their place */
};

struct security_mapping {
    struct security_entry entry; /* the name is the role's */
    struct name_list users;
    struct name_list backend_roles;
    struct name_list and_backend_roles;
    struct name_list hosts;
};

struct security_group {
    struct security_entry entry;
    struct name_list actions;
    struct berth_str type;
    bool visiting; /* while it is resolved, to find cycles */
};

/* Entries of one kind. */
struct security_table {
    struct security_entry *first;
    struct security_entry **last;
    struct base_map by_name;
};

enum security_kind {
    SECURITY_USERS,
    SECURITY_ROLES,
    SECURITY_MAPPINGS,
    SECURITY_GROUPS,
    SECURITY_KINDS,
};

struct security_config {
    _Atomic uint32_t refs;
    struct base_arena arena;
    struct security_table tables[SECURITY_KINDS];
    bool by_host;                         /* a mapping asks for the client's address */
    char decoy[PASSWORD_HASH_LENGTH + 1]; /* what the password of an unknown user is held against */
};

/* Entries that are kept elsewhere than in files, and put over theirs. */
struct security_overlay {
    /* Calls security_config_put and security_config_drop. */
    int32_t (*apply)(void *user, struct security_config *config, struct berth_error *error);
    void *user;
};

/*
 * Reads the directory, and applies the overlays, one after the other. internal_users.yml must be
 * there, the other files may.
 */
int32_t security_config_read(const char *directory, const struct security_overlay *overlays,
                             uint32_t overlay_count, struct security_config **out_config,
                             struct berth_error *error);

/*
 * For overlays: puts an entry, whose fields are a JSON object, in the place of the one of that
 * name; takes one away. A reserved entry of a file stays as it is.
 */
int32_t security_config_put(struct security_config *config, enum security_kind kind,
                            struct berth_str name, struct berth_str fields,
                            struct berth_error *error);
void security_config_drop(struct security_config *config, enum security_kind kind,
                          struct berth_str name);

struct security_config *security_config_ref(struct security_config *config);
/* NULL is allowed. */
void security_config_unref(struct security_config *config);

/* As _meta.type names the kind: "internalusers", "roles", "rolesmapping", "actiongroups". */
const char *security_kind_name(enum security_kind kind);

/* NULL when there is none. */
const struct security_entry *security_config_entry(const struct security_config *config,
                                                   enum security_kind kind, struct berth_str name);
const struct security_user *security_config_user(const struct security_config *config,
                                                 struct berth_str name);
const struct security_role *security_config_role(const struct security_config *config,
                                                 struct berth_str name);

#endif
