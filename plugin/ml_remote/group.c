/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/group.h"

#include "plugin/ml_remote/access.h"

#include <openssl/evp.h>
#include <stdio.h>

int32_t ml_group_name_id(struct berth_str name, char out_id[ML_NAME_ID_LENGTH + 1],
                         struct berth_error *error) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (EVP_Digest(name.ptr ? name.ptr : "", BASE_LEN(name), digest, &len, EVP_sha256(), NULL) !=
        1) {
        return base_error_memory(error);
    }
    base_hex(digest, len, out_id);
    return BERTH_OK;
}

struct berth_str ml_group_name_source(struct ml_call *call, struct berth_str name,
                                      struct berth_str group_id) {
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    json_open_object(&source);
    json_member_string(&source, "name", name);
    json_member_string(&source, "model_group_id", group_id);
    json_close_object(&source);
    return ml_keep(&call->arena, &source);
}

/* A source made in a buffer, kept by the call; ptr NULL without memory. */
static struct berth_str keep_edit(struct ml_call *call, struct json_value old,
                                  const struct ml_edit *edits, size_t count) {
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    ml_document_edit(ML_GROUP, old, edits, count, &source);
    return ml_keep(&call->arena, &source);
}

static int32_t next_version(struct ml_call *call, struct berth_str id,
                            struct ml_group_use *out_use) {
    ML_DOCUMENT_AUTO group = {0};
    int32_t code = ml_access_get(call, ML_GROUP, id, ML_MAY_USE, &group);
    if (code) {
        return code;
    }
    int64_t latest = 0;
    (void)json_i64(json_get(group.root, "latest_version"), &latest);
    char number[24];
    int len = snprintf(number, sizeof number, "%lld", (long long)latest + 1);
    struct ml_edit edits[] = {
        {"latest_version", base_str(number, (size_t)len)},
        {"last_updated_time", ml_now(&call->arena)},
    };
    struct berth_str source = keep_edit(call, group.root, edits, BASE_COUNT(edits));
    struct berth_str kept_id = base_arena_dup(&call->arena, id);
    if (!source.ptr || !kept_id.ptr || !edits[1].raw.ptr) {
        return base_error_memory(&call->error);
    }
    (void)snprintf(out_use->id, sizeof out_use->id, BASE_FMT, BASE_ARG(id));
    out_use->version = latest + 1;
    out_use->writes[0] = ml_write_over(&group, BERTH_WRITE_PUT, source);
    out_use->writes[0].index = ml_index(ML_GROUP); /* the document's own texts end with it */
    out_use->writes[0].id = kept_id;
    out_use->write_count = 1;
    return BERTH_OK;
}

/* A group that has the model's name and its first version. */
static int32_t make_group(struct ml_call *call, struct berth_str name, const char *name_id,
                          struct berth_str description, struct ml_group_use *out_use) {
    call->plugin->store->generate_id(call->plugin->host, out_use->id);
    struct berth_str id = base_arena_dup(&call->arena, base_cstr(out_use->id));
    struct berth_str now = ml_now(&call->arena);
    struct ml_edit edits[5 + ML_ACCESS_EDITS] = {
        {"name", ml_quote(&call->arena, name)},
        {"latest_version", BERTH_STR("1")},
        {"created_time", now},
        {"last_updated_time", now},
        {"description", description.ptr ? ml_quote(&call->arena, description) : base_str(NULL, 0)},
    };
    size_t count = 5;
    int32_t code = ml_access_default(call, ML_GROUP, edits, &count);
    if (code) {
        return code;
    }
    struct berth_str source = keep_edit(call, JSON_NONE, edits, count);
    struct berth_str refers = ml_group_name_source(call, name, id);
    struct berth_str kept_name = base_arena_dup(&call->arena, base_cstr(name_id));
    if (!id.ptr || !now.ptr || !edits[0].raw.ptr || !source.ptr || !refers.ptr || !kept_name.ptr) {
        return base_error_memory(&call->error);
    }
    out_use->version = 1;
    out_use->writes[0] = ml_write(ML_GROUP, BERTH_WRITE_CREATE, id, source);
    out_use->writes[1] = ml_write(ML_GROUP_NAME, BERTH_WRITE_CREATE, kept_name, refers);
    out_use->write_count = 2;
    return BERTH_OK;
}

int32_t ml_group_take_version(struct ml_call *call, struct berth_str group_id,
                              struct berth_str name, struct berth_str description,
                              struct ml_group_use *out_use) {
    *out_use = (struct ml_group_use){0};
    if (group_id.ptr) {
        return next_version(call, group_id, out_use);
    }
    char name_id[ML_NAME_ID_LENGTH + 1];
    ML_DOCUMENT_AUTO known = {0};
    int32_t code = ml_group_name_id(name, name_id, &call->error);
    code = code ? code
                : ml_document_get(call->plugin, ML_GROUP_NAME, base_cstr(name_id), &known,
                                  &call->error);
    if (code == BERTH_E_NOT_FOUND) {
        return make_group(call, name, name_id, description, out_use);
    }
    return code ? code
                : next_version(call, json_inner(json_get(known.root, "model_group_id")), out_use);
}
