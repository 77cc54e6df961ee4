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
