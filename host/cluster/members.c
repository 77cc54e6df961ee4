/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cluster/members.h"

#include <stdlib.h>

#define ARENA_CHUNK 1024

struct member {
    struct member *next; /* by ids */
    struct berth_node node;
    int64_t since; /* the revision in which its key was made */
    uint64_t settings;
    struct base_arena arena;
};

struct members {
    struct berth_str prefix;
    struct member *first;
    uint32_t count;
    struct berth_node *list;
};

struct members *members_create(const char *prefix) {
    struct members *members = calloc(1, sizeof *members);
    if (members) {
        members->prefix = base_cstr(prefix);
    }
    return members;
}

static void free_member(struct member *member) {
    if (member) {
        base_arena_deinit(&member->arena);
        free(member);
    }
}

void members_clear(struct members *members) {
    while (members->first) {
        struct member *next = members->first->next;
        free_member(members->first);
        members->first = next;
    }
    members->count = 0;
}

void members_destroy(struct members *members) {
    if (members) {
        members_clear(members);
        free(members->list);
        free(members);
    }
}

/* ---- reading ---- */

/* A string in the member's own memory: one without escapes is read as a part of the text. */
static bool keep_string(struct json_value value, struct base_arena *arena,
                        struct berth_str *out_text) {
    struct berth_str text;
    if (!json_string(value, arena, &text)) {
        return false;
    }
    *out_text = base_arena_dup(arena, text);
    return out_text->ptr != NULL;
}

static bool read_texts(struct json_value list, struct base_arena *arena,
                       const struct berth_str **out_texts, uint32_t *out_count) {
    struct berth_str *texts = base_arena_array(arena, json_count(list) + 1, sizeof *texts);
    uint32_t count = 0;
    for (struct json_value v = json_first(list); texts && json_present(v); v = json_next(list, v)) {
        if (!keep_string(v, arena, &texts[count++])) {
            return false;
        }
    }
    *out_texts = texts;
    *out_count = count;
    return texts != NULL;
}

/* {"name": "value"} */
static bool read_attributes(struct json_value object, struct base_arena *arena,
                            const struct berth_node_attribute **out_pairs, uint32_t *out_count) {
    struct berth_node_attribute *pairs =
        base_arena_array(arena, json_count(object) + 1, sizeof *pairs);
    uint32_t count = 0;
    bool is_value = false;
    for (struct json_value v = json_first(object); pairs && json_present(v);
         v = json_next(object, v), is_value = !is_value) {
        if (!keep_string(v, arena, is_value ? &pairs[count].value : &pairs[count].name)) {
            return false;
        }
        count += is_value;
    }
    *out_pairs = pairs;
    *out_count = count;
    return pairs != NULL;
}

/* [{"name": …, "version": …}] */
static bool read_plugins(struct json_value list, struct base_arena *arena,
                         const struct berth_node_attribute **out_pairs, uint32_t *out_count) {
    struct berth_node_attribute *pairs =
        base_arena_array(arena, json_count(list) + 1, sizeof *pairs);
    uint32_t count = 0;
    for (struct json_value v = json_first(list); pairs && json_present(v); v = json_next(list, v)) {
        if (!keep_string(json_get(v, "name"), arena, &pairs[count].name) ||
            !keep_string(json_get(v, "version"), arena, &pairs[count].value)) {
            return false;
        }
        count++;
    }
    *out_pairs = pairs;
    *out_count = count;
    return pairs != NULL;
}

/* Whether it holds strings alone; the names of an object's members are some. */
static bool has_texts(struct json_value container) {
    for (struct json_value v = json_first(container); json_present(v);
         v = json_next(container, v)) {
        if (!json_is(v, JSON_STRING)) {
            return false;
        }
    }
    return true;
}

static bool has_plugins(struct json_value list) {
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        if (!json_is(json_get(v, "name"), JSON_STRING) ||
            !json_is(json_get(v, "version"), JSON_STRING)) {
            return false;
        }
    }
    return true;
}

static bool is_if_any(struct json_value value, enum json_type type) {
    return !json_present(value) || json_is(value, type);
}

/*
 * What a later version says besides is of no concern; this much each one says. All that is read
 * has its type here, so that reading fails for lack of memory alone: a failure has the watch tell
 * the same again, and a value that never reads would hold up all that comes behind it.
 */
static bool has_form(struct json_value said) {
    struct json_value roles = json_get(said, "roles");
    struct json_value attributes = json_get(said, "attributes");
    struct json_value plugins = json_get(said, "plugins");
    return json_is(json_get(said, "name"), JSON_STRING) &&
           json_is(json_get(said, "address"), JSON_STRING) && json_is(roles, JSON_ARRAY) &&
           has_texts(roles) && is_if_any(attributes, JSON_OBJECT) && has_texts(attributes) &&
           is_if_any(plugins, JSON_ARRAY) && has_plugins(plugins);
}

static bool read_member(struct member *member, struct berth_str id, struct json_value said) {
    struct berth_node *node = &member->node;
    int64_t settings = 0;
    node->size = sizeof *node;
    node->id = base_arena_dup(&member->arena, id);
    (void)json_i64(json_get(said, "settings"), &settings);
    member->settings = settings > 0 ? (uint64_t)settings : 0;
    return node->id.ptr && keep_string(json_get(said, "name"), &member->arena, &node->name) &&
           keep_string(json_get(said, "address"), &member->arena, &node->address) &&
           read_texts(json_get(said, "roles"), &member->arena, &node->roles, &node->role_count) &&
           read_attributes(json_get(said, "attributes"), &member->arena, &node->attributes,
                           &node->attribute_count) &&
           read_plugins(json_get(said, "plugins"), &member->arena, &node->plugins,
                        &node->plugin_count);
}

/* NULL in *out where the value is none of a node's. */
static int32_t make_member(struct berth_str id, const struct etcd_pair *pair,
                           struct member **out_member) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    *out_member = NULL;
    if (!json_parse(&doc, pair->value, 0, &fault)) {
        return json_refuse(&fault, BERTH_OK, "a node's value", NULL);
    }
    if (!id.len || !has_form(json_root(&doc))) {
        return BERTH_OK;
    }
    struct member *member = calloc(1, sizeof *member);
    if (!member) {
        return BERTH_E_NO_MEMORY;
    }
    base_arena_init(&member->arena, ARENA_CHUNK);
    member->since = pair->create_revision;
    if (!read_member(member, id, json_root(&doc))) {
        free_member(member);
        return BERTH_E_NO_MEMORY;
    }
    *out_member = member;
    return BERTH_OK;
}

static struct member **place_of(struct members *members, struct berth_str id) {
    struct member **link = &members->first;
    while (*link && base_str_cmp((*link)->node.id, id) < 0) {
        link = &(*link)->next;
    }
    return link;
}

bool members_have(const struct members *members, struct berth_str id) {
    const struct member *m = members->first;
    while (m && !base_str_eq(m->node.id, id)) {
        m = m->next;
    }
    return m != NULL;
}

int32_t members_change(struct members *members, const struct etcd_pair *pair) {
    struct berth_str id = base_str_from(pair->key, members->prefix.len);
    struct member *member = NULL;
    int32_t code = pair->is_deleted ? BERTH_OK : make_member(id, pair, &member);
    if (code) {
        return code;
    }
    struct member **link = place_of(members, id);
    if (*link && base_str_eq((*link)->node.id, id)) {
        struct member *old = *link;
        *link = old->next;
        free_member(old);
        members->count--;
    }
    if (member) {
        member->next = *link;
        *link = member;
        members->count++;
    }
    return BERTH_OK;
}

/* ---- listing ---- */

static bool is_electable(const struct member *member, bool by_role) {
    return !by_role || node_has_role(&member->node, BERTH_STR("cluster_manager"));
}

/* Who has been there longest of those with the role, or, where nobody has it, of all. */
static const struct member *elect(const struct members *members) {
    const struct member *elected = NULL;
    for (int by_role = 1; by_role >= 0 && !elected; by_role--) {
        for (const struct member *m = members->first; m; m = m->next) {
            if (is_electable(m, by_role) && (!elected || m->since < elected->since)) {
                elected = m;
            }
        }
    }
    return elected;
}

const struct berth_node *members_list(struct members *members, uint32_t *out_count,
                                      uint64_t *out_settings) {
    struct berth_node *list = realloc(members->list, (members->count + 1u) * sizeof *members->list);
    if (!list) {
        return NULL;
    }
    const struct member *elected = elect(members);
    uint32_t count = 0;
    *out_settings = UINT64_MAX;
    for (const struct member *m = members->first; m; m = m->next) {
        list[count] = m->node;
        list[count++].is_elected = m == elected;
        *out_settings = m->settings < *out_settings ? m->settings : *out_settings;
    }
    members->list = list;
    *out_count = count;
    return list;
}
