/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model groups: register, get, update, delete, search.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/group.h"
#include "plugin/ml_remote/handlers.h"

static int32_t name_is_taken(struct ml_call *call, struct berth_str name, const char *name_id) {
    ML_DOCUMENT_AUTO holder = {0};
    if (ml_document_get(call->plugin, ML_GROUP_NAME, base_cstr(name_id), &holder, &call->error)) {
        return ml_invalid(&call->error, "a model group has the name [" BASE_FMT "] already",
                          BASE_ARG(name));
    }
    return ml_invalid(
        &call->error, "the model group [" BASE_FMT "] has the name [" BASE_FMT "] already",
        BASE_ARG(json_inner(json_get(holder.root, "model_group_id"))), BASE_ARG(name));
}

static int32_t store_new(struct ml_call *call, struct berth_str name,
                         struct berth_str description) {
    struct ml_edit edits[5 + ML_ACCESS_EDITS];
    size_t count = 0;
    struct berth_str id;
    struct berth_str now = ml_now(&call->arena);
    int32_t code = ml_access_create(call, ML_GROUP, edits, &count);
    code = code ? code : ml_new_id(call, ML_GROUP, "model_group_id", &id);
    if (code) {
        return code;
    }
    const struct ml_edit own[] = {
        {"name", ml_quote(&call->arena, name)},
        {"latest_version", BERTH_STR("0")},
        {"description", description.ptr ? ml_quote(&call->arena, description) : base_str(NULL, 0)},
        {"created_time", now},
        {"last_updated_time", now},
    };
    memcpy(edits + count, own, sizeof own);
    count += BASE_COUNT(own);
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    ml_document_edit(ML_GROUP, JSON_NONE, edits, count, &source);
    struct berth_str holder = ml_group_name_source(call, name, id);
    char name_id[ML_NAME_ID_LENGTH + 1];
    if (source.error || !now.ptr || !own[0].raw.ptr || !holder.ptr ||
        ml_group_name_id(name, name_id, &call->error)) {
        return base_error_memory(&call->error);
    }
    struct berth_write writes[] = {
        ml_write(ML_GROUP, BERTH_WRITE_CREATE, id, base_buf_view(&source)),
        ml_write(ML_GROUP_NAME, BERTH_WRITE_CREATE, base_cstr(name_id), holder),
    };
    code = ml_store_write(call->plugin, writes, BASE_COUNT(writes), NULL, &call->error);
    if (code == BERTH_E_EXISTS) {
        return name_is_taken(call, name, name_id);
    }
    if (!code) {
        json_open_object(&call->out);
        json_member_string(&call->out, "model_group_id", id);
        json_member_cstr(&call->out, "status", "CREATED");
        json_close_object(&call->out);
    }
    return code;
}

int32_t ml_register_group(struct ml_call *call) {
    struct berth_str name = {NULL, 0};
    struct berth_str description = {NULL, 0};
    int32_t code = ml_call_read_body(call);
    code = code ? code : ml_call_text(call, call->body, "name", &name);
    code = code ? code : ml_call_text(call, call->body, "description", &description);
    if (!code && base_str_empty(base_str_trim(name))) {
        code = ml_invalid(&call->error, "a model group needs a [name]");
    }
    return code ? code : store_new(call, name, description);
}

int32_t ml_get_group(struct ml_call *call) {
    ML_DOCUMENT_AUTO group = {0};
    int32_t code = ml_access_get(call, ML_GROUP, ml_call_id(call), ML_MAY_USE, &group);
    if (!code) {
        ml_document_show(ML_GROUP, group.root, &call->out);
    }
    return code;
}

/* One attempt; CONFLICT when a registration came in between. */
static int32_t update_once(struct ml_call *call, struct berth_str name, const char *name_id,
                           struct berth_str description) {
    ML_DOCUMENT_AUTO group = {0};
    struct berth_str id = ml_call_id(call);
    struct berth_str old_name;
    struct ml_edit edits[3 + ML_ACCESS_EDITS] = {{"last_updated_time", ml_now(&call->arena)}};
    size_t count = 1;
    int32_t code = ml_access_get(call, ML_GROUP, id, ML_MAY_CHANGE, &group);
    code = code ? code : ml_access_update(call, ML_GROUP, &group, edits, &count);
    if (code) {
        return code;
    }
    if (!json_string(json_get(group.root, "name"), &call->arena, &old_name)) {
        return base_error_memory(&call->error);
    }
    if (name.len) {
        edits[count++] = (struct ml_edit){"name", ml_quote(&call->arena, name)};
    }
    if (description.len) {
        edits[count++] = (struct ml_edit){"description", ml_quote(&call->arena, description)};
    }
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    ml_document_edit(ML_GROUP, group.root, edits, count, &source);
    struct berth_str holder = ml_group_name_source(call, name, id);
    char old_name_id[ML_NAME_ID_LENGTH + 1];
    if (source.error || !holder.ptr || !edits[0].raw.ptr ||
        ml_group_name_id(old_name, old_name_id, &call->error)) {
        return base_error_memory(&call->error);
    }
    struct berth_write writes[3] = {ml_write_update(&group, base_buf_view(&source))};
    uint32_t writes_made = 1;
    if (name.len && !base_str_eq(name, old_name)) {
        writes[writes_made++] =
            ml_write(ML_GROUP_NAME, BERTH_WRITE_DELETE, base_cstr(old_name_id), base_str("", 0));
        writes[writes_made++] =
            ml_write(ML_GROUP_NAME, BERTH_WRITE_CREATE, base_cstr(name_id), holder);
    }
    return ml_store_write(call->plugin, writes, writes_made, NULL, &call->error);
}

int32_t ml_update_group(struct ml_call *call) {
    struct berth_str name = {"", 0};
    struct berth_str description = {"", 0};
    int32_t code = ml_call_read_body(call);
    code = code ? code : ml_call_text(call, call->body, "name", &name);
    code = code ? code : ml_call_text(call, call->body, "description", &description);
    if (code) {
        return code;
    }
    /* Blank values change nothing. */
    name = base_str_trim(name).len ? name : base_str("", 0);
    description = base_str_trim(description).len ? description : base_str("", 0);
    char name_id[ML_NAME_ID_LENGTH + 1];
    if (ml_group_name_id(name, name_id, &call->error)) {
        return base_error_memory(&call->error);
    }
    code = BERTH_E_CONFLICT;
    for (int i = 0; i < ML_ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = update_once(call, name, name_id, description);
    }
    if (code == BERTH_E_EXISTS) {
        return name_is_taken(call, name, name_id);
    }
    if (!code) {
        base_buf_cstr(&call->out, "{\"status\":\"Updated\"}");
    }
    return code;
}

static int32_t check_empty(struct ml_call *call) {
    int64_t count = 0;
    BASE_BUF_AUTO ids;
    base_buf_init(&ids, BASE_BUF_MAX_DEFAULT);
    int32_t code =
        ml_count(call->plugin, ML_MODEL, ml_term(&call->arena, "model_group_id", ml_call_id(call)),
                 &count, &ids, &call->error);
    return code || count == 0
               ? code
               : ml_status(&call->error, 409,
                           "the model group has %lld model(s), delete them first: [" BASE_FMT "]",
                           (long long)count, BASE_ARG(base_buf_view(&ids)));
}

/* The writes that delete a group and give its name back. */
static int32_t make_deletion(struct ml_call *call, const struct ml_document *group,
                             char name_id[ML_NAME_ID_LENGTH + 1], struct berth_write writes[2]) {
    struct berth_str name;
    if (!json_string(json_get(group->root, "name"), &call->arena, &name) ||
        ml_group_name_id(name, name_id, &call->error)) {
        return base_error_memory(&call->error);
    }
    writes[0] = ml_write_over(group, BERTH_WRITE_DELETE, base_str("", 0));
    writes[1] = ml_write(ML_GROUP_NAME, BERTH_WRITE_DELETE, base_cstr(name_id), base_str("", 0));
    return BERTH_OK;
}

/* One attempt; CONFLICT when a registration came in between. */
static int32_t delete_once(struct ml_call *call) {
    ML_DOCUMENT_AUTO group = {0};
    struct berth_str id = ml_call_id(call);
    char name_id[ML_NAME_ID_LENGTH + 1];
    struct berth_write writes[2] = {ml_write(ML_GROUP, BERTH_WRITE_DELETE, id, base_str("", 0))};
    struct berth_write_result results[BASE_COUNT(writes)];
    int32_t code = ml_access_get(call, ML_GROUP, id, ML_MAY_CHANGE, &group);
    bool exists = code == BERTH_OK;
    code = code == BERTH_E_NOT_FOUND ? BERTH_OK : code;
    code = code || !exists ? code : make_deletion(call, &group, name_id, writes);
    code = code ? code : check_empty(call);
    code =
        code ? code : ml_store_write(call->plugin, writes, exists ? 2 : 1, results, &call->error);
    return code ? code : ml_put_deletion(call, ML_GROUP, id, &results[0]);
}

int32_t ml_delete_group(struct ml_call *call) {
    int32_t code = BERTH_E_CONFLICT;
    (void)pthread_mutex_lock(&call->plugin->references_lock);
    for (int i = 0; i < ML_ATTEMPTS_MAX && ml_is_meanwhile(code); i++) {
        code = delete_once(call);
    }
    (void)pthread_mutex_unlock(&call->plugin->references_lock);
    return code;
}

int32_t ml_search_groups(struct ml_call *call) {
    return ml_search(call, ML_GROUP);
}
