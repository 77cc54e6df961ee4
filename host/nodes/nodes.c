/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nodes/nodes.h"

#include "base/arena.h"
#include "host/base/file.h"
#include "host/base/id.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK 1024
#define ADDRESS_MAX 300

struct watch {
    struct watch *next;
    const char *owner;
    berth_nodes_fn fn;
    void *user;
};

/* All nodes at a time, shared by those who read them. */
struct roster {
    _Atomic uint32_t references;
    struct base_arena arena;
    struct berth_node *nodes; /* this one first */
    uint32_t count;
};

struct nodes {
    struct berth_node local;
    pthread_mutex_t tell_lock; /* guards watches, and is held while they are told */
    struct watch *watches;
    pthread_mutex_t lock; /* guards roster */
    struct roster *roster;
    char id[ID_NODE_LENGTH + 1];
    char address[ADDRESS_MAX];
    struct base_arena arena;
};

static bool is_id(struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return text.len == ID_NODE_LENGTH;
}

static int32_t load_id(struct nodes *nodes, const char *data_path, struct berth_error *error) {
    char path[PATH_MAX];
    BASE_BUF_AUTO text;
    base_buf_init(&text, 256);
    (void)snprintf(path, sizeof path, "%s/node.id", data_path);
    int32_t code = file_read(path, &text, error);
    if (code == BERTH_OK) {
        struct berth_str id = base_str_trim(base_buf_view(&text));
        if (!is_id(id)) {
            return base_error(error, BERTH_E_CORRUPT, "[%s] does not hold a node id", path);
        }
        memcpy(nodes->id, id.ptr, ID_NODE_LENGTH);
        return BERTH_OK;
    }
    if (code != BERTH_E_NOT_FOUND) {
        return code;
    }
    id_generate(nodes->id, ID_NODE_LENGTH);
    return file_write_private(path, base_str(nodes->id, ID_NODE_LENGTH), error);
}

/* Any name can be a role: what it means is the matter of whoever asks for it. */
static int32_t check_role(struct berth_str role, struct berth_error *error) {
    bool ok = role.len > 0;
    for (uint64_t i = 0; i < role.len; i++) {
        char c = role.ptr[i];
        ok = ok && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    }
    return ok ? BERTH_OK
              : base_error(error, BERTH_E_INVALID,
                           "node.roles: [" BASE_FMT
                           "] is no role: lower case letters, digits and _, as in cluster_manager, "
                           "data, ingest, ml",
                           BASE_ARG(role));
}

static int32_t copy_options(struct nodes *nodes, const struct nodes_options *options,
                            struct berth_error *error) {
    struct base_arena *arena = &nodes->arena;
    struct berth_str *roles = base_arena_array(arena, options->role_count + 1u, sizeof *roles);
    struct berth_node_attribute *attributes =
        base_arena_array(arena, options->attribute_count + 1u, sizeof *attributes);
    struct berth_str name = base_arena_dup(arena, options->name);
    bool ok = roles && attributes && name.ptr;
    for (uint32_t i = 0; ok && i < options->role_count; i++) {
        int32_t code = check_role(options->roles[i], error);
        if (code) {
            return code;
        }
        roles[i] = base_arena_dup(arena, options->roles[i]);
        ok = roles[i].ptr != NULL;
    }
    for (uint32_t i = 0; ok && i < options->attribute_count; i++) {
        attributes[i].name = base_arena_dup(arena, options->attributes[i].name);
        attributes[i].value = base_arena_dup(arena, options->attributes[i].value);
        ok = attributes[i].name.ptr && attributes[i].value.ptr;
    }
    nodes->local = (struct berth_node){.size = sizeof nodes->local,
                                       .is_local = 1,
                                       .id = base_str(nodes->id, ID_NODE_LENGTH),
                                       .name = name,
                                       .roles = roles,
                                       .attributes = attributes,
                                       .role_count = options->role_count,
                                       .attribute_count = options->attribute_count};
    return ok ? BERTH_OK : base_error_memory(error);
}

/* ---- rosters ---- */

static void roster_unref(struct roster *roster) {
    if (roster && atomic_fetch_sub(&roster->references, 1) == 1) {
        base_arena_deinit(&roster->arena);
        free(roster);
    }
}

static struct roster *roster_take(struct nodes *nodes) {
    (void)pthread_mutex_lock(&nodes->lock);
    struct roster *roster = nodes->roster;
    (void)atomic_fetch_add(&roster->references, 1);
    (void)pthread_mutex_unlock(&nodes->lock);
    return roster;
}

static bool copy_pairs(struct base_arena *arena, const struct berth_node_attribute **pairs,
                       uint32_t count) {
    struct berth_node_attribute *copies = base_arena_array(arena, count + 1u, sizeof *copies);
    bool ok = copies != NULL;
    for (uint32_t i = 0; i < count && ok; i++) {
        copies[i].name = base_arena_dup(arena, (*pairs)[i].name);
        copies[i].value = base_arena_dup(arena, (*pairs)[i].value);
        ok = copies[i].name.ptr && copies[i].value.ptr;
    }
    *pairs = copies;
    return ok;
}

static bool copy_node(struct base_arena *arena, const struct berth_node *from,
                      struct berth_node *to) {
    *to = *from;
    to->size = sizeof *to;
    struct berth_str *roles = base_arena_array(arena, from->role_count + 1u, sizeof *roles);
    bool ok = roles != NULL;
    for (uint32_t i = 0; i < from->role_count && ok; i++) {
        roles[i] = base_arena_dup(arena, from->roles[i]);
        ok = roles[i].ptr != NULL;
    }
    to->roles = roles;
    to->id = base_arena_dup(arena, from->id);
    to->name = base_arena_dup(arena, from->name);
    to->address = base_arena_dup(arena, from->address);
    return ok && to->id.ptr && to->name.ptr && to->address.ptr &&
           copy_pairs(arena, &to->attributes, to->attribute_count) &&
           copy_pairs(arena, &to->plugins, to->plugin_count);
}

static bool is_local(const struct nodes *nodes, const struct berth_node *node) {
    return base_str_eq(node->id, nodes->local.id);
}

static struct roster *roster_create(const struct nodes *nodes, const struct berth_node *all,
                                    uint32_t count) {
    struct roster *roster = calloc(1, sizeof *roster);
    if (!roster) {
        return NULL;
    }
    roster->references = 1;
    base_arena_init(&roster->arena, ARENA_CHUNK);
    roster->nodes = base_arena_array(&roster->arena, count + 1u, sizeof *roster->nodes);
    bool ok = roster->nodes && copy_node(&roster->arena, &nodes->local, &roster->nodes[0]);
    roster->count = 1;
    for (uint32_t i = 0; i < count && ok; i++) {
        if (is_local(nodes, &all[i])) {
            struct berth_node *own = &roster->nodes[0];
            own->is_elected = all[i].is_elected;
            own->plugins = all[i].plugins;
            own->plugin_count = all[i].plugin_count;
            ok = copy_pairs(&roster->arena, &own->plugins, own->plugin_count);
        } else {
            struct berth_node *other = &roster->nodes[roster->count++];
            ok = copy_node(&roster->arena, &all[i], other);
            other->is_local = 0;
        }
    }
    if (!ok) {
        roster_unref(roster);
        return NULL;
    }
    return roster;
}

static bool same_pairs(const struct berth_node_attribute *a, uint32_t a_count,
                       const struct berth_node_attribute *b, uint32_t b_count) {
    bool same = a_count == b_count;
    for (uint32_t i = 0; i < a_count && same; i++) {
        same = base_str_eq(a[i].name, b[i].name) && base_str_eq(a[i].value, b[i].value);
    }
    return same;
}

static bool same_node(const struct berth_node *a, const struct berth_node *b) {
    bool same = a->is_local == b->is_local && a->is_elected == b->is_elected &&
                a->role_count == b->role_count && base_str_eq(a->id, b->id) &&
                base_str_eq(a->name, b->name) && base_str_eq(a->address, b->address);
    for (uint32_t i = 0; same && i < a->role_count; i++) {
        same = base_str_eq(a->roles[i], b->roles[i]);
    }
    return same &&
           same_pairs(a->attributes, a->attribute_count, b->attributes, b->attribute_count) &&
           same_pairs(a->plugins, a->plugin_count, b->plugins, b->plugin_count);
}

static bool same_roster(const struct roster *a, const struct roster *b) {
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = same_node(&a->nodes[i], &b->nodes[i]);
    }
    return same;
}

int32_t nodes_set_all(struct nodes *nodes, const struct berth_node *all, uint32_t count) {
    (void)pthread_mutex_lock(&nodes->tell_lock);
    struct roster *roster = roster_create(nodes, all, count);
    if (!roster) {
        (void)pthread_mutex_unlock(&nodes->tell_lock);
        return BERTH_E_NO_MEMORY;
    }
    (void)pthread_mutex_lock(&nodes->lock);
    struct roster *before = nodes->roster;
    nodes->roster = roster;
    (void)pthread_mutex_unlock(&nodes->lock);
    if (!before || !same_roster(before, roster)) {
        for (const struct watch *watch = nodes->watches; watch; watch = watch->next) {
            watch->fn(watch->user, roster->nodes, roster->count);
        }
    }
    roster_unref(before);
    (void)pthread_mutex_unlock(&nodes->tell_lock);
    return BERTH_OK;
}

void nodes_read(struct nodes *nodes, berth_nodes_fn fn, void *user) {
    struct roster *roster = roster_take(nodes);
    fn(user, roster->nodes, roster->count);
    roster_unref(roster);
}

int32_t nodes_create(const struct nodes_options *options, struct nodes **out_nodes,
                     struct berth_error *error) {
    struct nodes *nodes = calloc(1, sizeof *nodes);
    if (!nodes) {
        return base_error_memory(error);
    }
    base_arena_init(&nodes->arena, ARENA_CHUNK);
    (void)pthread_mutex_init(&nodes->lock, NULL);
    (void)pthread_mutex_init(&nodes->tell_lock, NULL);
    int32_t code = load_id(nodes, options->data_path, error);
    code = code ? code : copy_options(nodes, options, error);
    nodes->local.is_elected = !options->in_cluster;
    if (!code && nodes_set_all(nodes, NULL, 0)) {
        code = base_error_memory(error);
    }
    if (code) {
        nodes_destroy(nodes);
        return code;
    }
    *out_nodes = nodes;
    return BERTH_OK;
}

void nodes_destroy(struct nodes *nodes) {
    if (nodes) {
        nodes_unwatch(nodes, NULL);
        roster_unref(nodes->roster);
        (void)pthread_mutex_destroy(&nodes->tell_lock);
        (void)pthread_mutex_destroy(&nodes->lock);
        base_arena_deinit(&nodes->arena);
        free(nodes);
    }
}

int32_t nodes_set_address(struct nodes *nodes, const char *host, uint16_t port) {
    bool v6 = strchr(host, ':') != NULL;
    char address[ADDRESS_MAX];
    int len = snprintf(address, sizeof address, v6 ? "[%s]:%u" : "%s:%u", host, port);
    if (len >= (int)sizeof address) {
        return BERTH_E_TOO_LARGE;
    }
    memcpy(nodes->address, address, (size_t)len + 1);
    nodes->local.address = base_str(nodes->address, (size_t)len);
    return nodes_set_all(nodes, NULL, 0);
}

int32_t nodes_watch(struct nodes *nodes, const char *owner, berth_nodes_fn fn, void *user,
                    struct berth_error *error) {
    struct watch *watch = malloc(sizeof *watch);
    if (!watch) {
        return base_error_memory(error);
    }
    (void)pthread_mutex_lock(&nodes->tell_lock);
    *watch = (struct watch){nodes->watches, owner, fn, user};
    nodes->watches = watch;
    (void)pthread_mutex_unlock(&nodes->tell_lock);
    return BERTH_OK;
}

/* owner NULL: all of them. */
void nodes_unwatch(struct nodes *nodes, const char *owner) {
    (void)pthread_mutex_lock(&nodes->tell_lock);
    struct watch **link = &nodes->watches;
    while (*link) {
        struct watch *watch = *link;
        if (!owner || strcmp(watch->owner, owner) == 0) {
            *link = watch->next;
            free(watch);
        } else {
            link = &watch->next;
        }
    }
    (void)pthread_mutex_unlock(&nodes->tell_lock);
}

const struct berth_node *nodes_local(const struct nodes *nodes) {
    return &nodes->local;
}

bool node_has_role(const struct berth_node *node, struct berth_str role) {
    for (uint32_t i = 0; i < node->role_count; i++) {
        if (base_str_eq(node->roles[i], role)) {
            return true;
        }
    }
    return false;
}
