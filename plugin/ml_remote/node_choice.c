/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/node_choice.h"

struct see_call {
    struct berth_str id;
    struct ml_node_seen seen;
};

static void see(void *user, const struct berth_node *nodes, uint32_t count) {
    struct see_call *call = user;
    for (uint32_t i = 0; i < count; i++) {
        if (base_str_eq(nodes[i].id, call->id)) {
            call->seen = (struct ml_node_seen){.is_there = true, .is_local = nodes[i].is_local};
        }
    }
}

struct ml_node_seen ml_node_see(struct ml_plugin *plugin, struct berth_str id) {
    struct see_call call = {.id = id};
    (void)plugin->nodes->read(plugin->host, see, &call);
    return call.seen;
}

static int32_t look_up(struct ml_call *call, struct json_value list,
                       struct ml_node_choice *choice) {
    BASE_BUF_AUTO unknown;
    base_buf_init(&unknown, BASE_BUF_MAX_DEFAULT);
    choice->list.ids =
        base_arena_array(&call->arena, json_count(list) + 1, sizeof *choice->list.ids);
    if (!choice->list.ids) {
        return base_error_memory(&call->error);
    }
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        struct berth_str id;
        if (!json_is(v, JSON_STRING)) {
            return ml_wrong_kind(&call->error, "[node_ids] is an array of ids");
        }
        if (!json_string(v, &call->arena, &id)) {
            return base_error_memory(&call->error);
        }
        struct ml_node_seen seen = ml_node_see(call->plugin, id);
        if (seen.is_there) {
            choice->list.ids[choice->list.count++] = id;
        } else {
            base_buf_cstr(&unknown, unknown.len ? ", " : "");
            base_buf_str(&unknown, id);
        }
    }
    choice->unknown = ml_keep(&call->arena, &unknown);
    return unknown.error ? base_error_memory(&call->error) : BERTH_OK;
}

int32_t ml_nodes_choose(struct ml_call *call, struct ml_node_choice *out_choice) {
    struct json_value list;
    *out_choice = (struct ml_node_choice){.unknown = {"", 0}};
    int32_t code = ml_call_container(call, call->body, "node_ids", JSON_ARRAY, &list);
    if (code || !json_present(json_first(list))) {
        return code;
    }
    out_choice->is_given = true;
    return call->settings->allow_custom_deployment_plan
               ? look_up(call, list, out_choice)
               : ml_invalid(&call->error,
                            "[node_ids] is not allowed: the setting "
                            "[plugins.ml_commons.allow_custom_deployment_plan] is false");
}

/* ---- by id and name ---- */

struct name_call {
    const struct berth_str *texts;
    uint32_t text_count;
    struct base_arena *arena;
    struct ml_node_list *out;
    bool ok;
};

static bool means(struct berth_str text, const struct berth_node *node) {
    struct berth_str one;
    while (text.len && base_str_split(&text, ',', &one)) {
        one = base_str_trim(one);
        if ((node->is_local && base_str_is(one, "_local")) || base_str_is(one, "_all") ||
            base_str_eq(one, node->id) || base_str_glob(one, node->name)) {
            return true;
        }
    }
    return false;
}

static void match_names(void *user, const struct berth_node *nodes, uint32_t count) {
    struct name_call *call = user;
    *call->out = (struct ml_node_list){
        .ids = base_arena_array(call->arena, count + 1u, sizeof *call->out->ids)};
    call->ok = call->out->ids != NULL;
    for (uint32_t i = 0; i < count && call->ok; i++) {
        bool is_meant = call->text_count == 0;
        for (uint32_t k = 0; k < call->text_count && !is_meant; k++) {
            is_meant = means(call->texts[k], &nodes[i]);
        }
        if (is_meant) {
            struct berth_str id = base_arena_dup(call->arena, nodes[i].id);
            call->out->ids[call->out->count++] = id;
            call->ok = id.ptr != NULL;
        }
    }
}

int32_t ml_nodes_named(struct ml_plugin *plugin, const struct berth_str *texts, uint32_t count,
                       struct base_arena *arena, struct ml_node_list *out) {
    struct name_call call = {.texts = texts, .text_count = count, .arena = arena, .out = out};
    int32_t code = plugin->nodes->read(plugin->host, match_names, &call);
    return code ? code : call.ok ? BERTH_OK : BERTH_E_NO_MEMORY;
}

/* The texts of the body's list. */
static int32_t read_texts(struct ml_call *call, struct berth_str **out_texts, uint32_t *out_count) {
    struct json_value list;
    *out_count = 0;
    int32_t code = ml_call_container(call, call->body, "node_ids", JSON_ARRAY, &list);
    *out_texts = base_arena_array(&call->arena, json_count(list) + 1, sizeof **out_texts);
    if (!code && !*out_texts) {
        return base_error_memory(&call->error);
    }
    for (struct json_value v = json_first(list); json_present(v) && !code; v = json_next(list, v)) {
        if (!json_is(v, JSON_STRING)) {
            return ml_wrong_kind(&call->error, "[node_ids] is an array of texts");
        }
        code = json_string(v, &call->arena, &(*out_texts)[(*out_count)++])
                   ? BERTH_OK
                   : base_error_memory(&call->error);
    }
    return code;
}

int32_t ml_nodes_of_request(struct ml_call *call, struct berth_str path, struct ml_node_list *out) {
    struct berth_str *texts;
    struct ml_node_list of_path;
    uint32_t count;
    int32_t code = read_texts(call, &texts, &count);
    if (code) {
        return code;
    }
    if (ml_nodes_named(call->plugin, texts, count, &call->arena, out) ||
        ml_nodes_named(call->plugin, &path, path.len != 0, &call->arena, &of_path)) {
        return base_error_memory(&call->error);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->count; i++) {
        if (ml_node_list_has(&of_path, out->ids[i])) {
            out->ids[kept++] = out->ids[i];
        }
    }
    out->count = kept;
    return BERTH_OK;
}
