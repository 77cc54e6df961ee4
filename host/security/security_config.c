/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/security_config.h"

#include "base/json_write.h"
#include "host/base/file.h"
#include "host/security/builtin.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK 16384
/* Action groups within action groups. */
#define GROUP_DEPTH_MAX 16
/* Patterns of one role, with its groups in their place. */
#define PATTERNS_MAX 4096

#define COMMON_FIELDS                                                                              \
    {"description", ENTRY_TEXT, offsetof(struct security_entry, description)},                     \
        {"reserved", ENTRY_FLAG, offsetof(struct security_entry, reserved)},                       \
        {"hidden", ENTRY_FLAG, offsetof(struct security_entry, hidden)},                           \
        {"static", ENTRY_IGNORED, 0} /* what is built in is decided here, not by a file */

static const struct entry_field user_fields[] = {
    COMMON_FIELDS,
    {"hash", ENTRY_TEXT, offsetof(struct security_user, hash)},
    {"backend_roles", ENTRY_LIST, offsetof(struct security_user, backend_roles)},
    {"opendistro_security_roles", ENTRY_LIST, offsetof(struct security_user, direct_roles)},
    {"attributes", ENTRY_PAIRS, offsetof(struct security_user, attributes)},
};

static const struct entry_field role_fields[] = {
    COMMON_FIELDS,
    {"cluster_permissions", ENTRY_LIST, offsetof(struct security_role, permissions)},
    {"index_permissions", ENTRY_IGNORED, 0},
    {"tenant_permissions", ENTRY_IGNORED, 0},
    {"extension_permissions", ENTRY_IGNORED, 0},
};

static const struct entry_field mapping_fields[] = {
    COMMON_FIELDS,
    {"users", ENTRY_LIST, offsetof(struct security_mapping, users)},
    {"backend_roles", ENTRY_LIST, offsetof(struct security_mapping, backend_roles)},
    {"and_backend_roles", ENTRY_LIST, offsetof(struct security_mapping, and_backend_roles)},
    {"hosts", ENTRY_LIST, offsetof(struct security_mapping, hosts)},
};

static const struct entry_field group_fields[] = {
    COMMON_FIELDS,
    {"allowed_actions", ENTRY_LIST, offsetof(struct security_group, actions)},
    {"type", ENTRY_TEXT, offsetof(struct security_group, type)},
};

/* ---- adding entries ---- */

static int32_t add_entry(struct security_table *table, struct berth_str name,
                         struct security_entry *entry, struct berth_error *error) {
    struct security_entry *known = base_map_get(&table->by_name, name);
    entry->name = name;
    if (!base_map_set(&table->by_name, name, entry)) {
        return base_error_memory(error);
    }
    if (!known) {
        *table->last = entry;
        table->last = &entry->next;
        return BERTH_OK;
    }
    struct security_entry **at = &table->first;
    while (*at != known) {
        at = &(*at)->next;
    }
    entry->next = known->next;
    *at = entry;
    if (table->last == &known->next) {
        table->last = &entry->next;
    }
    return BERTH_OK;
}

static int32_t add_user(void *context, struct berth_str name, void *entry,
                        struct berth_error *error) {
    struct security_config *config = context;
    struct security_user *user = entry;
    int32_t code = password_check_hash(user->hash, error);
    name_list_order(&user->backend_roles);
    return code ? code : add_entry(&config->tables[SECURITY_USERS], name, &user->entry, error);
}

static int32_t add_role(void *context, struct berth_str name, void *entry,
                        struct berth_error *error) {
    struct security_config *config = context;
    struct security_role *role = entry;
    return add_entry(&config->tables[SECURITY_ROLES], name, &role->entry, error);
}

/* OpenSearch takes /expressions/ here; a name that happens to look like one would never match. */
static int32_t refuse_expressions(const struct name_list *list, struct berth_error *error) {
    for (uint32_t i = 0; i < list->count; i++) {
        struct berth_str item = list->items[i];
        if (item.len > 1 && item.ptr[0] == '/' && item.ptr[item.len - 1] == '/') {
            return base_error(error, BERTH_E_INVALID,
                              "names the expression [" BASE_FMT "]; taken are names with * and ?",
                              BASE_ARG(item));
        }
    }
    return BERTH_OK;
}

static int32_t add_mapping(void *context, struct berth_str name, void *entry,
                           struct berth_error *error) {
    struct security_config *config = context;
    struct security_mapping *mapping = entry;
    const struct name_list *lists[] = {&mapping->users, &mapping->backend_roles,
                                       &mapping->and_backend_roles, &mapping->hosts};
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(lists) && !code; i++) {
        code = refuse_expressions(lists[i], error);
    }
    config->by_host |= mapping->hosts.count > 0;
    return code ? code
                : add_entry(&config->tables[SECURITY_MAPPINGS], name, &mapping->entry, error);
}

static int32_t add_group(void *context, struct berth_str name, void *entry,
                         struct berth_error *error) {
    struct security_config *config = context;
    struct security_group *group = entry;
    return add_entry(&config->tables[SECURITY_GROUPS], name, &group->entry, error);
}

/* ---- the four files ---- */

#define FORM(type, fields, kind, add) {type, fields, BASE_COUNT(fields), sizeof(struct kind), add}

static const struct {
    const char *file;
    bool needed;
    const char *builtin;
    struct entry_form form;
} files[SECURITY_KINDS] = {
    [SECURITY_USERS] = {"internal_users.yml", true, "",
                        FORM("internalusers", user_fields, security_user, add_user)},
    [SECURITY_ROLES] = {"roles.yml", false, builtin_roles,
                        FORM("roles", role_fields, security_role, add_role)},
    [SECURITY_MAPPINGS] = {"roles_mapping.yml", false, "",
                           FORM("rolesmapping", mapping_fields, security_mapping, add_mapping)},
    [SECURITY_GROUPS] = {"action_groups.yml", false, builtin_action_groups,
                         FORM("actiongroups", group_fields, security_group, add_group)},
};

static int32_t read_builtin(struct security_config *config, enum security_kind kind,
                            struct berth_error *error) {
    int32_t code = entries_read(&files[kind].form, "built in", base_cstr(files[kind].builtin),
                                &config->arena, config, error);
    for (struct security_entry *e = config->tables[kind].first; e; e = e->next) {
        e->is_static = true;
    }
    return code;
}

static int32_t read_file(struct security_config *config, const char *directory,
                         enum security_kind kind, struct berth_error *error) {
    char path[PATH_MAX];
    BASE_BUF_AUTO text;
    if (snprintf(path, sizeof path, "%s/%s", directory, files[kind].file) >= (int)sizeof path) {
        return base_error(error, BERTH_E_INVALID, "the path of the security files is too long");
    }
    base_buf_init(&text, ENTRIES_FILE_MAX);
    int32_t code = file_read(path, &text, error);
    if (code == BERTH_E_NOT_FOUND && !files[kind].needed) {
        return BERTH_OK;
    }
    return code ? code
                : entries_read(&files[kind].form, path, base_buf_view(&text), &config->arena,
                               config, error);
}

/* ---- action groups in their place ---- */

static int32_t resolve(struct security_config *config, const struct name_list *names,
                       struct name_list *out, int depth, struct berth_error *error) {
    for (uint32_t i = 0; i < names->count; i++) {
        struct berth_str name = names->items[i];
        struct security_group *group = base_map_get(&config->tables[SECURITY_GROUPS].by_name, name);
        if (!group && out->count == PATTERNS_MAX) {
            return base_error(error, BERTH_E_INVALID, "more than %d permissions in one role",
                              PATTERNS_MAX);
        }
        if (!group) {
            out->items[out->count++] = name;
            continue;
        }
        if (group->visiting || depth == GROUP_DEPTH_MAX) {
            return base_error(error, BERTH_E_INVALID,
                              "the action group [" BASE_FMT "] holds itself, or is nested more "
                              "than %d deep",
                              BASE_ARG(name), GROUP_DEPTH_MAX);
        }
        group->visiting = true;
        int32_t code = resolve(config, &group->actions, out, depth + 1, error);
        group->visiting = false;
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

static int32_t resolve_roles(struct security_config *config, struct berth_error *error) {
    struct name_list all = {calloc(PATTERNS_MAX, sizeof *all.items), 0};
    int32_t code = all.items ? BERTH_OK : base_error_memory(error);
    for (struct security_entry *e = config->tables[SECURITY_ROLES].first; e && !code; e = e->next) {
        struct security_role *role = (struct security_role *)(void *)e;
        all.count = 0;
        code = resolve(config, &role->permissions, &all, 0, error);
        role->patterns.items =
            code ? NULL : base_arena_array(&config->arena, all.count + 1u, sizeof *all.items);
        if (!code && !role->patterns.items) {
            code = base_error_memory(error);
        }
        if (!code) {
            role->patterns.count = all.count;
            memcpy(role->patterns.items, all.items, all.count * sizeof *all.items);
        }
    }
    free(all.items);
    return code;
}

/* As costly as the costliest user's, so that time does not tell who is there. */
static int32_t make_decoy(struct security_config *config, struct berth_error *error) {
    uint32_t cost = PASSWORD_COST_MIN;
    for (struct security_entry *e = config->tables[SECURITY_USERS].first; e; e = e->next) {
        uint32_t own = password_cost(((struct security_user *)(void *)e)->hash);
        cost = own > cost ? own : cost;
    }
    return password_decoy(cost, config->decoy, error);
}

/* ---- overlays ---- */

int32_t security_config_put(struct security_config *config, enum security_kind kind,
                            struct berth_str name, struct berth_str fields,
                            struct berth_error *error) {
    const struct security_entry *known = security_config_entry(config, kind, name);
    if (known && known->reserved) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO text;
    base_buf_init(&text, ENTRIES_FILE_MAX);
    json_open_object(&text);
    json_key_str(&text, name);
    json_put_raw(&text, fields);
    json_close_object(&text);
    int32_t code = text.error ? base_error_memory(error)
                              : entries_read(&files[kind].form, security_kind_name(kind),
                                             base_buf_view(&text), &config->arena, config, error);
    struct security_entry *entry = code ? NULL : base_map_get(&config->tables[kind].by_name, name);
    if (entry) {
        entry->is_stored = true;
        entry->is_shadow = known && (!known->is_stored || known->is_shadow);
    }
    return code;
}

void security_config_drop(struct security_config *config, enum security_kind kind,
                          struct berth_str name) {
    struct security_table *table = &config->tables[kind];
    struct security_entry *known = base_map_get(&table->by_name, name);
    if (!known || known->reserved) {
        return;
    }
    struct security_entry **at = &table->first;
    while (*at != known) {
        at = &(*at)->next;
    }
    *at = known->next;
    if (table->last == &known->next) {
        table->last = at;
    }
    (void)base_map_remove(&table->by_name, name);
}

int32_t security_config_read(const char *directory, const struct security_overlay *overlays,
                             uint32_t overlay_count, struct security_config **out_config,
                             struct berth_error *error) {
    struct security_config *config = calloc(1, sizeof *config);
    if (!config) {
        return base_error_memory(error);
    }
    atomic_store(&config->refs, 1);
    base_arena_init(&config->arena, ARENA_CHUNK);
    int32_t code = BERTH_OK;
    for (int kind = 0; kind < SECURITY_KINDS && !code; kind++) {
        config->tables[kind].last = &config->tables[kind].first;
        code = read_builtin(config, (enum security_kind)kind, error);
        code = code ? code : read_file(config, directory, (enum security_kind)kind, error);
    }
    for (uint32_t i = 0; i < overlay_count && !code; i++) {
        code = overlays[i].apply(overlays[i].user, config, error);
    }
    code = code ? code : resolve_roles(config, error);
    code = code ? code : make_decoy(config, error);
    if (code) {
        security_config_unref(config);
        return code;
    }
    *out_config = config;
    return BERTH_OK;
}

struct security_config *security_config_ref(struct security_config *config) {
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void security_config_unref(struct security_config *config) {
    if (!config || atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (int kind = 0; kind < SECURITY_KINDS; kind++) {
        base_map_deinit(&config->tables[kind].by_name);
    }
    base_arena_deinit(&config->arena);
    free(config);
}

const char *security_kind_name(enum security_kind kind) {
    return files[kind].form.type;
}

const struct security_entry *security_config_entry(const struct security_config *config,
                                                   enum security_kind kind, struct berth_str name) {
    return base_map_get(&config->tables[kind].by_name, name);
}

const struct security_user *security_config_user(const struct security_config *config,
                                                 struct berth_str name) {
    return base_map_get(&config->tables[SECURITY_USERS].by_name, name);
}

const struct security_role *security_config_role(const struct security_config *config,
                                                 struct berth_str name) {
    return base_map_get(&config->tables[SECURITY_ROLES].by_name, name);
}
