/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches find what the caller may use, and count no more: the condition is part of the query.
 */
#include "plugin/ml_remote/access.h"

/* {"KIND":{"FIELD": */
static void open_leaf(struct base_buf *out, const char *kind, const char *field) {
    json_open_object(out);
    json_key(out, kind);
    json_open_object(out);
    json_key(out, field);
}

static void close_leaf(struct base_buf *out) {
    json_close_object(out);
    json_close_object(out);
}

static void put_term(struct base_buf *out, const char *field, struct berth_str value) {
    open_leaf(out, "term", field);
    json_put_string(out, value);
    close_leaf(out);
}

/* One of these, in a list of alternatives. */
static void put_without(struct base_buf *out, const char *field) {
    open_leaf(out, "bool", "must_not");
    open_leaf(out, "exists", "field");
    json_put_cstr(out, field);
    close_leaf(out);
    close_leaf(out);
}

static void put_owned(struct base_buf *out, struct berth_str name) {
    json_open_object(out);
    json_key(out, "nested");
    json_open_object(out);
    json_member_cstr(out, "path", "owner");
    json_key(out, "query");
    put_term(out, "owner.name.keyword", name);
    close_leaf(out);
}

static void put_shared(struct base_buf *out, const struct berth_user *user) {
    open_leaf(out, "bool", "filter");
    json_open_array(out);
    put_term(out, "access", BERTH_STR("restricted"));
    open_leaf(out, "terms", "backend_roles.keyword");
    json_put_strings(out, user->backend_roles, user->backend_role_count);
    close_leaf(out);
    json_close_array(out);
    close_leaf(out);
}

/* The relations of access.c that may use an object, as a query. */
static void put_objects(struct base_buf *out, const struct berth_user *user) {
    open_leaf(out, "bool", "should");
    json_open_array(out);
    put_term(out, "access", BERTH_STR("public"));
    put_without(out, "access"); /* has no owner either */
    put_owned(out, user->name);
    if (user->backend_role_count) {
        put_shared(out, user);
    }
    json_close_array(out);
    close_leaf(out);
}

/* ---- what belongs to a group ---- */

/* Ids of what the user may use, while a scan finds them. */
struct gathering {
    const struct berth_user *user;
    struct base_arena arena; /* of the ids */
    struct base_map groups;  /* that may be used: the keys count */
    struct json_doc doc;
    struct base_buf *models; /* as JSON strings; NULL: only groups are looked for */
};

static int32_t note_group(void *user, const struct berth_document *document) {
    struct gathering *g = user;
    struct ml_access access;
    struct berth_str id;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 512);
    if (!json_parse(&g->doc, document->source, 0, NULL) ||
        !ml_access_load(json_root(&g->doc), &arena, &access)) {
        return BERTH_E_NO_MEMORY;
    }
    if (!ml_access_may(ML_GROUP, ML_MAY_USE, &access, g->user)) {
        return BERTH_OK;
    }
    id = base_arena_dup(&g->arena, document->id);
    return id.ptr && base_map_set(&g->groups, id, g) ? BERTH_OK : BERTH_E_NO_MEMORY;
}

static int32_t note_model(void *user, const struct berth_document *document) {
    struct gathering *g = user;
    if (!json_parse(&g->doc, document->source, 0, NULL)) {
        return BERTH_E_NO_MEMORY;
    }
    struct json_value group = json_get(json_root(&g->doc), "model_group_id");
    if (!json_present(group) || base_map_get(&g->groups, json_inner(group))) {
        json_put_string(g->models, document->id);
    }
    return g->models->error;
}

/* {"terms":{"FIELD":[…]}} of the groups' ids. */
static void put_groups(struct base_buf *out, const struct base_map *groups) {
    open_leaf(out, "terms", "model_group_id");
    json_open_array(out);
    for (size_t i = 0; i < groups->cap; i++) {
        if (groups->slots[i].value) {
            json_put_string(out, groups->slots[i].key);
        }
    }
    json_close_array(out);
    close_leaf(out);
}

static int32_t put_models(struct ml_call *call, struct gathering *g, struct base_buf *out) {
    open_leaf(out, "terms", "model_id");
    json_open_array(out);
    g->models = out;
    int32_t code = call->plugin->store->scan(call->plugin->host, ml_index(ML_MODEL), note_model, g,
                                             &call->error);
    json_close_array(out);
    close_leaf(out);
    return code;
}

/* Models without a group are for all; of the groups those that may be used. */
static int32_t put_members(struct ml_call *call, enum ml_kind kind, const struct berth_user *user,
                           struct base_buf *out) {
    struct gathering g = {.user = user};
    base_arena_init(&g.arena, 4096);
    base_map_init(&g.groups);
    int32_t code = call->plugin->store->scan(call->plugin->host, ml_index(ML_GROUP), note_group, &g,
                                             &call->error);
    if (!code && kind == ML_TASK) {
        code = put_models(call, &g, out);
    } else if (!code) {
        open_leaf(out, "bool", "should");
        json_open_array(out);
        put_without(out, "model_group_id");
        put_groups(out, &g.groups);
        json_close_array(out);
        close_leaf(out);
    }
    base_map_deinit(&g.groups);
    base_arena_deinit(&g.arena);
    json_doc_deinit(&g.doc);
    return code;
}

struct berth_str ml_access_filter(struct ml_call *call, enum ml_kind kind) {
    const struct berth_user *user =
        ml_access_user(call->plugin, call->settings, call->request, kind);
    int32_t code = BERTH_OK;
    BASE_BUF_AUTO query;
    base_buf_init(&query, BASE_BUF_MAX_DEFAULT);
    if (!user || user->is_admin) {
        return base_str("", 0);
    }
    if (kind == ML_CONNECTOR || kind == ML_GROUP) {
        put_objects(&query, user);
    } else {
        code = put_members(call, kind, user, &query);
    }
    return code ? base_str(NULL, 0) : ml_keep(&call->arena, &query);
}
