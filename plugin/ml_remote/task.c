/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/task.h"

#include "base/clock.h"

struct node_call {
    struct base_arena *arena;
    struct berth_str id;
};

static void note_local(void *user, const struct berth_node *nodes, uint32_t count) {
    struct node_call *call = user;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].is_local) {
            call->id = base_arena_dup(call->arena, nodes[i].id);
        }
    }
}

struct berth_str ml_node_id(struct ml_plugin *plugin, struct base_arena *arena) {
    struct node_call call = {.arena = arena};
    (void)plugin->nodes->read(plugin->host, note_local, &call);
    return call.id;
}

struct berth_str ml_task_error(struct ml_plugin *plugin, struct base_arena *arena,
                               struct berth_str reason) {
    struct berth_str node_id = ml_node_id(plugin, arena);
    BASE_BUF_AUTO text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    json_open_object(&text);
    json_key_str(&text, node_id);
    json_put_string(&text, reason);
    json_close_object(&text);
    return node_id.ptr && !text.error ? ml_quote(arena, base_buf_view(&text)) : base_str(NULL, 0);
}

int32_t ml_task_make(struct ml_plugin *plugin, struct base_arena *arena, const struct ml_task *task,
                     char out_id[BERTH_ID_LENGTH + 1], struct berth_write *out_write) {
    uint64_t now = base_wall_ms();
    bool memory = true;
    struct berth_str node_id = ml_node_id(plugin, arena);
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    plugin->store->generate_id(plugin->host, out_id);
    json_open_object(&source);
    json_member_string(&source, "model_id", task->model_id);
    json_member_cstr(&source, "task_type", task->type);
    json_member_cstr(&source, "function_name", "REMOTE");
    json_member_cstr(&source, "state", task->state);
    if (task->remote_job.len) {
        json_member_cstr(&source, "input_type", "REMOTE");
    }
    json_key(&source, "worker_node");
    if (task->nodes.len) {
        json_put_raw(&source, task->nodes);
    } else {
        json_put_strings(&source, &node_id, 1);
    }
    json_member_u64(&source, "create_time", now);
    json_member_u64(&source, "last_update_time", now);
    if (task->error.len || task->errors.len) {
        struct berth_str error = task->errors.len ? ml_quote(arena, task->errors)
                                                  : ml_task_error(plugin, arena, task->error);
        json_member_raw(&source, "error", error);
        memory = error.ptr != NULL;
    }
    json_member_bool(&source, "is_async", task->is_async);
    if (task->remote_job.len) {
        json_member_raw(&source, "remote_job", task->remote_job);
    }
    json_close_object(&source);
    struct berth_str id = base_arena_dup(arena, base_cstr(out_id));
    struct berth_str kept = ml_keep(arena, &source);
    if (!memory || !node_id.ptr || !id.ptr || !kept.ptr) {
        return BERTH_E_NO_MEMORY;
    }
    *out_write = ml_write(ML_TASK, BERTH_WRITE_CREATE, id, kept);
    return BERTH_OK;
}
