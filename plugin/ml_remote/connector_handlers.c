/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connectors: create, get, update, delete, search.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/connector.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/reference.h"

/* What a client is given that only wants to know whether its request can be read. */
#define DRY_RUN_ID "dryRunConnector"

static int32_t store_new(struct ml_call *call, struct ml_connector_draft *draft) {
    struct ml_place place = {.kind = ML_CONNECTOR, .prefix = ""};
    struct berth_str now = ml_now(&call->arena);
    int32_t code = now.ptr ? ml_new_id(call, ML_CONNECTOR, "connector_id", &place.id)
                           : base_error_memory(&call->error);
    if (code) {
        return code;
    }
    draft->edits[draft->count++] = (struct ml_edit){"created_time", now};
    draft->edits[draft->count++] = (struct ml_edit){"last_updated_time", now};
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    code = ml_connector_make(call, &place, JSON_NONE, draft, &source);
    struct berth_write write =
        ml_write(ML_CONNECTOR, BERTH_WRITE_CREATE, place.id, base_buf_view(&source));
    code = code ? code : ml_store_write(call->plugin, &write, 1, NULL, &call->error);
    if (!code) {
        json_open_object(&call->out);
        json_member_string(&call->out, "connector_id", place.id);
        json_close_object(&call->out);
    }
    return code;
}

int32_t ml_create_connector(struct ml_call *call) {
    bool dry_run = false;
    bool given = false;
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : ml_call_read_body(call);
    code = code ? code : ml_call_bool(call, call->body, "dry_run", &dry_run, &given);
    if (!code && dry_run) {
        base_buf_cstr(&call->out, "{\"connector_id\":\"" DRY_RUN_ID "\"}");
        return BERTH_OK;
    }
    struct ml_connector_draft draft;
    code = code ? code : ml_connector_read(call, call->body, false, &draft);
    code = code ? code : ml_access_create(call, ML_CONNECTOR, draft.edits, &draft.count);
    return code ? code : store_new(call, &draft);
}

int32_t ml_get_connector(struct ml_call *call) {
    ML_DOCUMENT_AUTO connector = {0};
    int32_t code = ml_access_get(call, ML_CONNECTOR, ml_call_id(call), ML_MAY_USE, &connector);
    code = code ? code : ml_connector_check_protocol(connector.root, &call->error);
    if (!code) {
        ml_document_show(ML_CONNECTOR, connector.root, &call->out);
    }
    return code;
}

/* The models that use a connector, in a query; further conditions may follow. */
static struct berth_str users_query(struct ml_call *call, const char *more) {
    BASE_BUF_AUTO query;
    base_buf_init(&query, BASE_BUF_MAX_DEFAULT);
    struct berth_str term = ml_term(&call->arena, "connector_id.keyword", ml_call_id(call));
    base_buf_cstr(&query, "{\"bool\":{\"filter\":[");
    base_buf_str(&query, term);
    base_buf_format(&query, "%s]}}", more);
    return term.ptr ? ml_keep(&call->arena, &query) : term;
}

/* A deployed model has the connector's values in memory: they must not come to differ. */
static int32_t check_not_deployed(struct ml_call *call) {
    int64_t count = 0;
    BASE_BUF_AUTO ids;
    base_buf_init(&ids, BASE_BUF_MAX_DEFAULT);
    struct berth_str query = users_query(
        call, ",{\"terms\":{\"model_state\":[\"DEPLOYED\",\"DEPLOYING\",\"PARTIALLY_DEPLOYED\"]}}");
    int32_t code = ml_count(call->plugin, ML_MODEL, query, &count, &ids, &call->error);
    if (!code && count > 0) {
        code = ml_status(&call->error, 400,
                         "the connector is used by %lld deployed model(s), undeploy them first: "
                         "[" BASE_FMT "]",
                         (long long)count, BASE_ARG(base_buf_view(&ids)));
    }
    return code;
}

static int32_t update_locked(struct ml_call *call, struct ml_connector_draft *draft) {
    ML_DOCUMENT_AUTO connector = {0};
    struct berth_str id = ml_call_id(call);
    int32_t code = ml_access_get(call, ML_CONNECTOR, id, ML_MAY_CHANGE, &connector);
    code =
        code ? code : ml_access_update(call, ML_CONNECTOR, &connector, draft->edits, &draft->count);
    /* One whose protocol is unknown can be repaired by naming a known one, and not used before. */
    bool repairs = !ml_connector_check_protocol(call->body, NULL);
    if (!code && !repairs) {
        code = ml_connector_check_protocol(connector.root, &call->error);
    }
    code = code ? code : check_not_deployed(call);
    struct berth_str now = ml_now(&call->arena);
    if (!code && !now.ptr) {
        code = base_error_memory(&call->error);
    }
    if (code) {
        return code;
    }
    draft->edits[draft->count++] = (struct ml_edit){"last_updated_time", now};
    struct ml_place place = {.kind = ML_CONNECTOR, .id = id, .prefix = ""};
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    code = ml_connector_make(call, &place, connector.root, draft, &source);
    struct berth_write write = ml_write_update(&connector, base_buf_view(&source));
    struct berth_write_result result;
    code = code ? code : ml_store_write(call->plugin, &write, 1, &result, &call->error);
    if (!code) {
        ml_put_write_result(ML_CONNECTOR, id, &result, &call->out);
    }
    return code;
}

int32_t ml_update_connector(struct ml_call *call) {
    struct ml_connector_draft draft;
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : ml_call_read_body(call);
    code = code ? code : ml_connector_read(call, call->body, true, &draft);
    if (!code) {
        (void)pthread_mutex_lock(&call->plugin->references_lock);
        code = update_locked(call, &draft);
        (void)pthread_mutex_unlock(&call->plugin->references_lock);
    }
    return code;
}

static int32_t check_unused(struct ml_call *call) {
    int64_t count = 0;
    BASE_BUF_AUTO ids;
    base_buf_init(&ids, BASE_BUF_MAX_DEFAULT);
    int32_t code =
        ml_count(call->plugin, ML_MODEL, users_query(call, ""), &count, &ids, &call->error);
    return code || count == 0
               ? code
               : ml_status(&call->error, 409,
                           "the connector is used by %lld model(s), delete them first or give "
                           "them another: [" BASE_FMT "]",
                           (long long)count, BASE_ARG(base_buf_view(&ids)));
}

/* One attempt; CONFLICT or EXISTS when a registration came in between. */
static int32_t delete_once(struct ml_call *call) {
    ML_DOCUMENT_AUTO connector = {0};
    struct berth_str id = ml_call_id(call);
    struct berth_write writes[2];
    struct berth_write_result results[BASE_COUNT(writes)];
    int32_t code = ml_access_get(call, ML_CONNECTOR, id, ML_MAY_CHANGE, &connector);
    bool exists = code == BERTH_OK;
    code = code == BERTH_E_NOT_FOUND ? BERTH_OK : code;
    if (!code && exists) {
        writes[0] = ml_write_over(&connector, BERTH_WRITE_DELETE, base_str("", 0));
        code = ml_reference_end(call, id, &writes[1]);
    } else {
        writes[0] = ml_write(ML_CONNECTOR, BERTH_WRITE_DELETE, id, base_str("", 0));
    }
    code = code ? code : check_unused(call);
    code =
        code ? code : ml_store_write(call->plugin, writes, exists ? 2 : 1, results, &call->error);
    return code ? code : ml_put_deletion(call, ML_CONNECTOR, id, &results[0]);
}

int32_t ml_delete_connector(struct ml_call *call) {
    int32_t code = BERTH_E_CONFLICT;
    (void)pthread_mutex_lock(&call->plugin->references_lock);
    for (int i = 0; i < ML_ATTEMPTS_MAX && ml_is_meanwhile(code); i++) {
        code = delete_once(call);
    }
    (void)pthread_mutex_unlock(&call->plugin->references_lock);
    return code;
}

int32_t ml_search_connectors(struct ml_call *call) {
    return ml_search(call, ML_CONNECTOR);
}
