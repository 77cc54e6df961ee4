/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/documents.h"

#include "base/clock.h"
#include "plugin/ml_remote/access.h"

#include <stdio.h>

#define KEYWORD "{\"type\":\"keyword\"}"
#define TEXT_KEYWORD "{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\"}}}"
#define DATE "{\"type\":\"date\"}"
#define NUMBER "{\"type\":\"long\"}"
#define SECRET "{\"type\":\"secret\"}"
#define BOOLEAN "{\"type\":\"boolean\"}"
#define OWNER                                                                                      \
    "{\"type\":\"nested\",\"properties\":{\"name\":" TEXT_KEYWORD                                  \
    ",\"backend_roles\":" TEXT_KEYWORD ",\"roles\":" TEXT_KEYWORD                                  \
    ",\"custom_attribute_names\":" TEXT_KEYWORD "}}"

static const char *const connector_order[] = {
    "name",         "version",           "description",   "protocol", "parameters",
    "credential",   "actions",           "backend_roles", "owner",    "access",
    "created_time", "last_updated_time", "client_config", NULL,
};
static const char *const model_order[] = {
    "name",
    "model_group_id",
    "algorithm",
    "model_version",
    "description",
    "model_format",
    "model_state",
    "model_config",
    "deploy_setting",
    "is_enabled",
    "is_controller_enabled",
    "rate_limiter",
    "created_time",
    "last_updated_time",
    "last_registered_time",
    "last_deployed_time",
    "last_undeployed_time",
    "model_id",
    "auto_redeploy_retry_times",
    "planning_worker_node_count",
    "current_worker_node_count",
    "planning_worker_nodes",
    "deploy_to_all_nodes",
    "is_hidden",
    "connector",
    "connector_id",
    "guardrails",
    "interface",
    NULL,
};
static const char *const group_order[] = {
    "name",         "latest_version",    "description", "backend_roles", "owner", "access",
    "created_time", "last_updated_time", NULL,
};
static const char *const task_order[] = {
    "model_id",    "task_type",   "function_name",    "state", "input_type", "progress",
    "worker_node", "create_time", "last_update_time", "error", "user",       "is_async",
    "remote_job",  NULL,
};
static const char *const controller_order[] = {"model_id", "user_rate_limiter", NULL};
static const char *const config_order[] = {
    "type", "configuration", "create_time", "last_update_time", NULL,
};
static const char *const name_order[] = {"model_group_id", NULL};
static const char *const use_order[] = {NULL};

/* What is constant of each kind. */
static const struct {
    const char *index;
    const char *noun;
    const char *const *order;
    const char *secret;        /* a member that is never shown */
    const char *secret_within; /* an object whose member of that name is not shown either */
    const char *mapping;
} kinds[ML_KINDS] = {
    [ML_CONNECTOR] = {".plugins-ml-connector", "connector", connector_order, "credential", NULL,
                      "{\"properties\":{\"name\":" TEXT_KEYWORD ",\"version\":" KEYWORD
                      ",\"description\":" TEXT_KEYWORD ",\"protocol\":" KEYWORD
                      ",\"credential\":" SECRET ",\"access\":" KEYWORD
                      ",\"backend_roles\":" TEXT_KEYWORD ",\"owner\":" OWNER
                      ",\"created_time\":" DATE ",\"last_updated_time\":" DATE "}}"},
    [ML_MODEL] = {".plugins-ml-model", "model", model_order, NULL, "connector",
                  "{\"properties\":{\"name\":" TEXT_KEYWORD ",\"description\":" TEXT_KEYWORD
                  ",\"model_group_id\":" KEYWORD ",\"algorithm\":" KEYWORD ",\"model_id\":" KEYWORD
                  ",\"model_version\":" KEYWORD ",\"model_state\":" KEYWORD
                  ",\"model_format\":" KEYWORD ",\"is_hidden\":" BOOLEAN ",\"is_enabled\":" BOOLEAN
                  ",\"is_controller_enabled\":" BOOLEAN ",\"deploy_to_all_nodes\":" BOOLEAN
                  ",\"connector_id\":" TEXT_KEYWORD ",\"planning_worker_nodes\":" KEYWORD
                  ",\"planning_worker_node_count\":" NUMBER ",\"current_worker_node_count\":" NUMBER
                  ",\"auto_redeploy_retry_times\":" NUMBER ",\"created_time\":" DATE
                  ",\"last_updated_time\":" DATE ",\"last_registered_time\":" DATE
                  ",\"last_deployed_time\":" DATE ",\"last_undeployed_time\":" DATE
                  ",\"connector\":{\"properties\":{\"credential\":" SECRET "}}}}"},
    [ML_GROUP] = {".plugins-ml-model-group", "model group", group_order, NULL, NULL,
                  "{\"properties\":{\"name\":" TEXT_KEYWORD ",\"description\":" TEXT_KEYWORD
                  ",\"latest_version\":" NUMBER ",\"access\":" KEYWORD
                  ",\"backend_roles\":" TEXT_KEYWORD ",\"owner\":" OWNER ",\"created_time\":" DATE
                  ",\"last_updated_time\":" DATE "}}"},
    [ML_TASK] = {".plugins-ml-task", "task", task_order, NULL, NULL,
                 "{\"properties\":{\"model_id\":" KEYWORD ",\"task_type\":" KEYWORD
                 ",\"function_name\":" KEYWORD ",\"state\":" KEYWORD ",\"input_type\":" KEYWORD
                 ",\"progress\":" NUMBER ",\"worker_node\":" KEYWORD ",\"create_time\":" DATE
                 ",\"last_update_time\":" DATE ",\"is_async\":" BOOLEAN ",\"user\":" OWNER
                 ",\"error\":" TEXT_KEYWORD "}}"},
    /* The users that a controller names would be many fields, and nothing searches for them. */
    [ML_CONTROLLER] = {".plugins-ml-controller", "controller", controller_order, NULL, NULL,
                       "{\"properties\":{\"model_id\":" KEYWORD "}}"},
    [ML_CONFIG] = {".plugins-ml-config", "configuration", config_order, NULL, NULL,
                   "{\"properties\":{\"type\":" KEYWORD ",\"create_time\":" DATE
                   ",\"last_update_time\":" DATE "}}"},
    /* Which group has a name: its id is the name, so that no two groups can have the same. */
    [ML_GROUP_NAME] = {".berth-ml-group-name", "group name", name_order, NULL, NULL, ""},
    /* Its sequence number tells that a model came to refer to the connector: reference.h */
    [ML_CONNECTOR_USE] = {".berth-ml-connector-use", "connector use", use_order, NULL, NULL, ""},
};

struct berth_str ml_index(enum ml_kind kind) {
    return base_cstr(kinds[kind].index);
}

const char *ml_noun(enum ml_kind kind) {
    return kinds[kind].noun;
}

int32_t ml_documents_declare(struct ml_plugin *plugin, struct berth_error *error) {
    int32_t code = BERTH_OK;
    for (int kind = 0; kind < ML_KINDS && !code; kind++) {
        struct berth_index index = {.size = sizeof index,
                                    .name = base_cstr(kinds[kind].index),
                                    .mapping = base_cstr(kinds[kind].mapping)};
        code = plugin->store->declare_index(plugin->host, &index, error);
    }
    return code;
}

/* ---- reading ---- */

int32_t ml_document_get(struct ml_plugin *plugin, enum ml_kind kind, struct berth_str id,
                        struct ml_document *out_document, struct berth_error *error) {
    *out_document = (struct ml_document){.plugin = plugin};
    int32_t code =
        plugin->store->get(plugin->host, ml_index(kind), id, &out_document->stored, error);
    if (code == BERTH_E_NOT_FOUND) {
        return ml_status(error, 404, "there is no %s [" BASE_FMT "]", kinds[kind].noun,
                         BASE_ARG(id));
    }
    if (code) {
        return code;
    }
    struct json_error fault;
    if (!json_parse(&out_document->doc, out_document->stored->source, 0, &fault)) {
        ml_document_release(out_document);
        return fault.fault == JSON_FAULT_MEMORY
                   ? base_error_memory(error)
                   : base_error(error, BERTH_E_CORRUPT, "the stored %s [" BASE_FMT "] is damaged",
                                kinds[kind].noun, BASE_ARG(id));
    }
    out_document->root = json_root(&out_document->doc);
    return BERTH_OK;
}

void ml_document_release(struct ml_document *document) {
    if (document->plugin) {
        document->plugin->store->document_release(document->stored);
        json_doc_deinit(&document->doc);
        *document = (struct ml_document){0};
    }
}

/* ---- making ---- */

static const struct ml_edit *find_edit(const struct ml_edit *edits, size_t count,
                                       struct berth_str name) {
    for (size_t i = 0; i < count; i++) {
        if (base_str_is(name, edits[i].name)) {
            return &edits[i];
        }
    }
    return NULL;
}

static bool is_ordered(const char *const *order, struct json_value key) {
    for (; *order; order++) {
        if (json_string_is(key, base_cstr(*order))) {
            return true;
        }
    }
    return false;
}

void ml_document_edit(enum ml_kind kind, struct json_value old, const struct ml_edit *edits,
                      size_t count, struct base_buf *out) {
    const char *const *order = kinds[kind].order;
    json_open_object(out);
    for (size_t i = 0; order[i]; i++) {
        const struct ml_edit *edit = find_edit(edits, count, base_cstr(order[i]));
        struct json_value kept = json_get(old, order[i]);
        if (edit && edit->raw.ptr) {
            json_member_raw(out, order[i], edit->raw);
        } else if (!edit && json_present(kept)) {
            json_member_raw(out, order[i], json_raw(kept));
        }
    }
    for (struct json_value k = json_first(old); json_present(k);) {
        struct json_value v = json_next(old, k);
        if (!is_ordered(order, k) && !find_edit(edits, count, json_inner(k))) {
            json_put_raw(out, json_raw(k));
            base_buf_char(out, ':');
            json_put_raw(out, json_raw(v));
        }
        k = json_next(old, v);
    }
    json_close_object(out);
}

/*
 * The member of the same name, whatever escapes the two keys are written with. Without memory out
 * is marked: what is not found would be kept or removed against the patch.
 */
static struct json_value member_like(struct json_value object, struct json_value key,
                                     struct base_buf *out) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 256);
    struct berth_str name;
    if (!json_string(key, &arena, &name)) {
        out->error = BERTH_E_NO_MEMORY;
        return JSON_NONE;
    }
    return json_get_str(object, name);
}

/* Depth is bounded by the reader's. */
void ml_merge(struct json_value old, struct json_value patch, struct base_buf *out) {
    if (!json_is(patch, JSON_OBJECT)) {
        json_put_raw(out, json_raw(patch));
        return;
    }
    if (!json_is(old, JSON_OBJECT)) {
        old = JSON_NONE;
    }
    json_open_object(out);
    for (struct json_value k = json_first(old); json_present(k);) {
        struct json_value v = json_next(old, k);
        struct json_value changed = member_like(patch, k, out);
        if (!json_is(changed, JSON_NULL)) {
            json_put_raw(out, json_raw(k));
            base_buf_char(out, ':');
            if (json_present(changed)) {
                ml_merge(v, changed, out);
            } else {
                json_put_raw(out, json_raw(v));
            }
        }
        k = json_next(old, v);
    }
    for (struct json_value k = json_first(patch); json_present(k);) {
        struct json_value v = json_next(patch, k);
        if (!json_present(member_like(old, k, out)) && !json_is(v, JSON_NULL)) {
            json_put_raw(out, json_raw(k));
            base_buf_char(out, ':');
            ml_merge(JSON_NONE, v, out);
        }
        k = json_next(patch, v);
    }
    json_close_object(out);
}

/* Appends an object without its member hidden, and the object within it without a credential. */
static void show(struct json_value object, const char *hidden, const char *within,
                 struct base_buf *out) {
    json_open_object(out);
    for (struct json_value k = json_first(object); json_present(k);) {
        struct json_value v = json_next(object, k);
        if (!hidden || !json_string_is(k, base_cstr(hidden))) {
            json_put_raw(out, json_raw(k));
            base_buf_char(out, ':');
            if (within && json_string_is(k, base_cstr(within))) {
                show(v, "credential", NULL, out);
            } else {
                json_put_raw(out, json_raw(v));
            }
        }
        k = json_next(object, v);
    }
    json_close_object(out);
}

void ml_document_show(enum ml_kind kind, struct json_value root, struct base_buf *out) {
    show(root, kinds[kind].secret, kinds[kind].secret_within, out);
}

/* ---- ids ---- */

static bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_id(struct berth_str id) {
    bool ok = id.len > 0 && id.len <= BERTH_ID_MAX && is_alphanumeric(id.ptr[0]);
    for (uint64_t i = 0; i < id.len && ok; i++) {
        ok = is_alphanumeric(id.ptr[i]) || id.ptr[i] == '_' || id.ptr[i] == '-';
    }
    return ok;
}

int32_t ml_new_id(struct ml_call *call, enum ml_kind kind, const char *name,
                  struct berth_str *out_id) {
    struct berth_str chosen = {NULL, 0};
    int32_t code = ml_call_text(call, call->body, name, &chosen);
    if (!code && !chosen.ptr) {
        char id[BERTH_ID_LENGTH + 1];
        call->plugin->store->generate_id(call->plugin->host, id);
        *out_id = base_arena_dup(&call->arena, base_cstr(id));
        return out_id->ptr ? BERTH_OK : base_error_memory(&call->error);
    }
    if (!code && !is_id(chosen)) {
        return ml_invalid(&call->error,
                          "[%s] begins with a letter or digit, goes on with these, - and _, and "
                          "has at most %u bytes, not [" BASE_FMT "]",
                          name, BERTH_ID_MAX, BASE_ARG(base_str_slice(chosen, 0, 80)));
    }
    if (code) {
        return code;
    }
    ML_DOCUMENT_AUTO taken = {0};
    struct berth_error reason = BASE_ERROR_INIT;
    code = ml_document_get(call->plugin, kind, chosen, &taken, &reason);
    if (code == BERTH_E_NOT_FOUND) {
        *out_id = chosen;
        return BERTH_OK;
    }
    if (code) {
        call->error = reason;
        return code;
    }
    return ml_status(&call->error, 409, "there is a %s [" BASE_FMT "] already", kinds[kind].noun,
                     BASE_ARG(chosen));
}

/* ---- writing ---- */

struct berth_write ml_write(enum ml_kind kind, uint32_t op, struct berth_str id,
                            struct berth_str source) {
    return (struct berth_write){.size = sizeof(struct berth_write),
                                .op = op,
                                .index = ml_index(kind),
                                .id = id,
                                .source = source};
}

struct berth_write ml_write_over(const struct ml_document *document, uint32_t op,
                                 struct berth_str source) {
    return (struct berth_write){.size = sizeof(struct berth_write),
                                .op = op,
                                .flags = BERTH_WRITE_IF_SEQ_NO,
                                .index = document->stored->index,
                                .id = document->stored->id,
                                .source = source,
                                .if_seq_no = document->stored->seq_no};
}

struct berth_write ml_write_update(const struct ml_document *document, struct berth_str source) {
    struct berth_write write = ml_write_over(document, BERTH_WRITE_PUT, source);
    write.flags |= BERTH_WRITE_REFRESH_LATER;
    return write;
}

int32_t ml_store_write(struct ml_plugin *plugin, const struct berth_write *writes, uint32_t count,
                       struct berth_write_result *out_results, struct berth_error *error) {
    for (uint32_t i = 0; i < count && out_results; i++) {
        out_results[i].size = sizeof out_results[i];
    }
    return plugin->store->write(plugin->host, writes, count, out_results, error);
}

void ml_put_write_result(enum ml_kind kind, struct berth_str id,
                         const struct berth_write_result *result, struct base_buf *out) {
    static const char *const names[] = {
        [BERTH_WRITE_CREATED] = "created",
        [BERTH_WRITE_UPDATED] = "updated",
        [BERTH_WRITE_DELETED] = "deleted",
        [BERTH_WRITE_NOT_FOUND] = "not_found",
    };
    bool deletion =
        result->result == BERTH_WRITE_DELETED || result->result == BERTH_WRITE_NOT_FOUND;
    json_open_object(out);
    json_member_cstr(out, "_index", kinds[kind].index);
    json_member_string(out, "_id", id);
    json_member_u64(out, "_version", result->version);
    json_member_cstr(out, "result", names[result->result]);
    if (deletion) {
        json_member_bool(out, "forced_refresh", true);
    }
    json_member_raw(out, "_shards", BERTH_STR("{\"total\":1,\"successful\":1,\"failed\":0}"));
    json_member_u64(out, "_seq_no", result->seq_no);
    json_member_u64(out, "_primary_term", result->primary_term);
    json_close_object(out);
}

int32_t ml_put_deletion(struct ml_call *call, enum ml_kind kind, struct berth_str id,
                        const struct berth_write_result *result) {
    struct berth_index_info info = {.size = sizeof info};
    if (result->result == BERTH_WRITE_NOT_FOUND) {
        int32_t code = call->plugin->store->index_info(call->plugin->host, ml_index(kind), &info,
                                                       &call->error);
        if (code || !info.exists) {
            return code ? code
                        : ml_status(&call->error, 404, "there is no %s [" BASE_FMT "]",
                                    kinds[kind].noun, BASE_ARG(id));
        }
    }
    ml_put_write_result(kind, id, result, &call->out);
    return BERTH_OK;
}

/* ---- searching ---- */

static void read_hits(struct berth_str answer, int64_t *out_count, struct base_buf *out_ids) {
    JSON_DOC_AUTO doc = {0};
    if (!json_parse(&doc, answer, 0, NULL)) {
        return;
    }
    struct json_value hits = json_get(json_root(&doc), "hits");
    (void)json_i64(json_get(json_get(hits, "total"), "value"), out_count);
    struct json_value list = json_get(hits, "hits");
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        base_buf_format(out_ids, "%s" BASE_FMT, out_ids->len ? ", " : "",
                        BASE_ARG(json_inner(json_get(v, "_id"))));
    }
}

int32_t ml_count(struct ml_plugin *plugin, enum ml_kind kind, struct berth_str query,
                 int64_t *out_count, struct base_buf *out_ids, struct berth_error *error) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    base_buf_format(&body, "{\"size\":%d,\"_source\":false,\"track_total_hits\":true,\"query\":",
                    ML_REFERENCES_SHOWN);
    base_buf_str(&body, query);
    base_buf_char(&body, '}');
    struct berth_search search = {.size = sizeof search,
                                  .flags = BERTH_SEARCH_REFRESH,
                                  .index = ml_index(kind),
                                  .body = base_buf_view(&body)};
    const struct berth_text *answer = NULL;
    int32_t code = body.error || !query.ptr
                       ? base_error_memory(error)
                       : plugin->store->search(plugin->host, &search, &answer, error);
    *out_count = 0;
    if (!code) {
        read_hits(answer->text, out_count, out_ids);
        plugin->store->text_release(answer);
    }
    return code;
}

struct berth_str ml_term(struct base_arena *arena, const char *field, struct berth_str value) {
    BASE_BUF_AUTO query;
    base_buf_init(&query, BASE_BUF_MAX_DEFAULT);
    base_buf_format(&query, "{\"term\":{\"%s\":", field);
    json_put_string(&query, value);
    base_buf_cstr(&query, "}}");
    return ml_keep(arena, &query);
}

/* A body whose "_source" is false, without it: ML Commons shows the source all the same. */
static struct berth_str with_source(struct berth_str body, struct base_buf *out) {
    JSON_DOC_AUTO doc = {0};
    if (!json_parse(&doc, body, JSON_COMMENTS | JSON_UNIQUE_KEYS, NULL) ||
        !json_is(json_get(json_root(&doc), "_source"), JSON_FALSE)) {
        return body;
    }
    show(json_root(&doc), "_source", NULL, out);
    return base_buf_view(out);
}

int32_t ml_search(struct ml_call *call, enum ml_kind kind) {
    struct ml_plugin *plugin = call->plugin;
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    struct berth_search search = {.size = sizeof search,
                                  .index = ml_index(kind),
                                  .body = with_source(call->view->body, &body),
                                  .filter = ml_access_filter(call, kind)};
    const struct berth_text *answer = NULL;
    int32_t code = body.error || !search.filter.ptr
                       ? base_error_memory(&call->error)
                       : plugin->store->search(plugin->host, &search, &answer, &call->error);
    if (!code) {
        base_buf_str(&call->out, answer->text);
        plugin->store->text_release(answer);
    }
    return code;
}

/* ---- values ---- */

struct berth_str ml_now(struct base_arena *arena) {
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)base_wall_ms());
    return base_arena_dup(arena, base_str(text, (size_t)len));
}

struct berth_str ml_keep(struct base_arena *arena, const struct base_buf *buf) {
    return buf->error ? base_str(NULL, 0) : base_arena_dup(arena, base_buf_view(buf));
}

struct berth_str ml_quote(struct base_arena *arena, struct berth_str text) {
    BASE_BUF_AUTO quoted;
    base_buf_init(&quoted, BASE_BUF_MAX_DEFAULT);
    json_put_string(&quoted, text);
    return ml_keep(arena, &quoted);
}
