/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/caller.h"

#include <stdlib.h>

#include "host/security/builtin.h"

#define ARENA_CHUNK 512

static bool matches_one(const struct name_list *patterns, const struct name_list *names) {
    for (uint32_t i = 0; i < names->count; i++) {
        if (name_list_matches(patterns, names->items[i])) {
            return true;
        }
    }
    return false;
}

static bool matches_all(const struct name_list *patterns, const struct name_list *names) {
    for (uint32_t i = 0; i < patterns->count; i++) {
        const struct name_list one = {&patterns->items[i], 1};
        if (!matches_one(&one, names)) {
            return false;
        }
    }
    return patterns->count > 0;
}

static bool is_mapped(const struct security_mapping *mapping, const struct security_caller *caller,
                      const struct security_claims *claims) {
    return name_list_matches(&mapping->users, claims->name) ||
           name_list_matches(&mapping->hosts, claims->address) ||
           matches_one(&mapping->backend_roles, &caller->backend_roles) ||
           matches_all(&mapping->and_backend_roles, &caller->backend_roles);
}

/* Copies the texts: those of a token are gone with its request. */
static bool copy_names(struct security_caller *caller, const struct name_list *from,
                       struct name_list *to) {
    uint32_t count = from ? from->count : 0;
    to->items = base_arena_array(&caller->arena, count + 1u, sizeof *to->items);
    bool ok = to->items != NULL;
    for (uint32_t i = 0; i < count && ok; i++) {
        to->items[i] = base_arena_dup(&caller->arena, from->items[i]);
        ok = to->items[i].ptr != NULL;
        to->count++;
    }
    return ok;
}

/* The roles that the user has by a mapping, and those that need none. */
static bool find_roles(struct security_caller *caller, const struct security_claims *claims) {
    const struct security_table *mappings = &caller->config->tables[SECURITY_MAPPINGS];
    struct name_list direct = {0};
    if (!copy_names(caller, claims->direct_roles, &direct)) {
        return false;
    }
    caller->roles.items = base_arena_array(
        &caller->arena, direct.count + mappings->by_name.count + 1, sizeof *caller->roles.items);
    if (!caller->roles.items) {
        return false;
    }
    for (const struct security_entry *e = mappings->first; e; e = e->next) {
        if (is_mapped((const struct security_mapping *)(const void *)e, caller, claims)) {
            caller->roles.items[caller->roles.count++] = e->name;
        }
    }
    for (uint32_t i = 0; i < direct.count; i++) {
        caller->roles.items[caller->roles.count++] = direct.items[i];
    }
    name_list_order(&caller->roles);
    return true;
}

struct security_caller *security_caller_create(struct security_config *config,
                                               const struct security_claims *claims) {
    struct security_caller *caller = calloc(1, sizeof *caller);
    if (!caller) {
        return NULL;
    }
    caller->references = 1;
    caller->config = security_config_ref(config);
    base_arena_init(&caller->arena, ARENA_CHUNK);
    struct berth_str name = base_arena_dup(&caller->arena, claims->name);
    if (!name.ptr || !copy_names(caller, claims->backend_roles, &caller->backend_roles) ||
        !find_roles(caller, claims)) {
        security_caller_release(caller);
        return NULL;
    }
    name_list_order(&caller->backend_roles);
    caller->user = (struct berth_user){
        .size = sizeof caller->user,
        .is_admin = name_list_has(&caller->roles, BERTH_STR(SECURITY_ADMIN_ROLE)),
        .name = name,
        .backend_roles = caller->backend_roles.items,
        .roles = caller->roles.items,
        .backend_role_count = caller->backend_roles.count,
        .role_count = caller->roles.count,
    };
    return caller;
}

void security_caller_release(struct security_caller *caller) {
    if (caller && --caller->references == 0) {
        security_config_unref(caller->config);
        base_arena_deinit(&caller->arena);
        free(caller);
    }
}

bool security_may(const struct security_caller *caller, struct berth_str permission) {
    for (uint32_t i = 0; i < caller->roles.count; i++) {
        const struct security_role *role =
            security_config_role(caller->config, caller->roles.items[i]);
        if (role && name_list_matches(&role->patterns, permission)) {
            return true;
        }
    }
    return false;
}
