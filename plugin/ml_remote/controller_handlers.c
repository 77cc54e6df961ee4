/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers: set, change, show and remove the rate limits of a model's users.
 *
 * A controller and the model's is_controller_enabled are written together.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/controller.h"
#include "plugin/ml_remote/documents.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/model_options.h"

#include <stdio.h>

static int32_t check_enabled(struct ml_call *call) {
    return call->settings->controller_enabled
               ? BERTH_OK
               : ml_invalid(&call->error, "controllers are switched off; the setting "
                                          "[plugins.ml_commons.controller_enabled] switches them "
                                          "on");
}

/* ---- the body ---- */

static int32_t put_user(struct ml_call *call, struct json_value name, struct json_value limit,
                        bool may_remove, struct base_buf *out) {
    char what[128];
    (void)snprintf(what, sizeof what, "user_rate_limiter." BASE_FMT,
                   BASE_ARG(base_str_slice(json_inner(name), 0, 80)));
    json_put_raw(out, json_raw(name));
    base_buf_char(out, ':');
    if (json_is(limit, JSON_NULL) && may_remove) {
        json_put_null(out);
        return BERTH_OK;
    }
    return ml_rate_limiter_normalise(call, limit, what, out);
}

/* The limits as they are stored, each checked. may_remove: a user's null stays, for ml_merge. */
static int32_t read_limits(struct ml_call *call, bool may_remove, struct base_buf *out) {
    struct json_value users = JSON_NONE;
    uint32_t count = 0;
    int32_t code = ml_call_container(call, call->body, "user_rate_limiter", JSON_OBJECT, &users);
    if (!code && !json_present(users)) {
        return ml_invalid(&call->error, "a controller needs [user_rate_limiter]: an object of "
                                        "users, each with a limit and a unit");
    }
    json_open_object(out);
    for (struct json_value k = json_first(users); json_present(k) && !code;) {
        struct json_value v = json_next(users, k);
        code = ++count > ML_CONTROLLER_USERS_MAX
                   ? ml_invalid(&call->error, "[user_rate_limiter] limits at most %u users",
                                ML_CONTROLLER_USERS_MAX)
                   : put_user(call, k, v, may_remove, out);
        k = json_next(users, v);
    }
    json_close_object(out);
    return !code && out->error ? base_error_memory(&call->error) : code;
}

/* ---- writing ---- */

/* The stored controller; out_exists false where there is none. */
static int32_t find_controller(struct ml_call *call, struct ml_document *out, bool *out_exists) {
    int32_t code =
        ml_document_get(call->plugin, ML_CONTROLLER, ml_call_id(call), out, &call->error);
    *out_exists = code == BERTH_OK;
    return code == BERTH_E_NOT_FOUND ? BERTH_OK : code;
}

/* The write that tells the model whether it has a controller. */
static int32_t make_model_write(struct ml_call *call, const struct ml_document *model, bool enabled,
                                struct berth_write *out_write) {
    const struct ml_edit edits[] = {
        {"is_controller_enabled", enabled ? BERTH_STR("true") : BERTH_STR("false")},
        {"last_updated_time", ml_now(&call->arena)},
    };
    BASE_BUF_AUTO source;
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    ml_document_edit(ML_MODEL, model->root, edits, BASE_COUNT(edits), &source);
    struct berth_str kept = ml_keep(&call->arena, &source);
    if (!edits[1].raw.ptr || !kept.ptr) {
        return base_error_memory(&call->error);
    }
    *out_write = ml_write_over(model, BERTH_WRITE_PUT, kept);
    return BERTH_OK;
}

static int32_t make_source(struct ml_call *call, struct berth_str limits, struct base_buf *out) {
    json_open_object(out);
    json_member_string(out, "model_id", ml_call_id(call));
    json_member_raw(out, "user_rate_limiter", limits);
    json_close_object(out);
    return out->error ? base_error_memory(&call->error) : BERTH_OK;
}

static int32_t write_both(struct ml_call *call, const struct ml_document *model, bool enabled,
                          struct berth_write controller, struct berth_write_result *out_result) {
    struct berth_write writes[] = {controller, {0}};
    struct berth_write_result results[BASE_COUNT(writes)];
    int32_t code = make_model_write(call, model, enabled, &writes[1]);
    code = code ? code
                : ml_store_write(call->plugin, writes, BASE_COUNT(writes), results, &call->error);
    if (!code) {
        *out_result = results[0];
    }
    return code;
}

/* Runs fn again while somebody else writes the same. */
static int32_t repeat(struct ml_call *call, int32_t (*fn)(struct ml_call *call)) {
    int32_t code = BERTH_E_CONFLICT;
    (void)pthread_mutex_lock(&call->plugin->references_lock);
    for (int i = 0; i < ML_ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = fn(call);
    }
    (void)pthread_mutex_unlock(&call->plugin->references_lock);
    return code;
}

/* ---- create ---- */

static int32_t create_once(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    ML_DOCUMENT_AUTO old = {0};
    bool exists = false;
    BASE_BUF_AUTO limits;
    BASE_BUF_AUTO source;
    base_buf_init(&limits, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    struct berth_str id = ml_call_id(call);
    int32_t code = read_limits(call, false, &limits);
    code = code ? code : ml_access_get(call, ML_MODEL, id, ML_MAY_CHANGE, &model);
    if (!code && json_string_is(json_get(model.root, "model_state"), BERTH_STR("DEPLOYING"))) {
        code = ml_status(&call->error, 409,
                         "the model [" BASE_FMT "] is being deployed, try again when it is done",
                         BASE_ARG(id));
    }
    code = code ? code : find_controller(call, &old, &exists);
    code = code ? code : make_source(call, base_buf_view(&limits), &source);
    if (code) {
        return code;
    }
    struct berth_write write =
        exists ? ml_write_over(&old, BERTH_WRITE_PUT, base_buf_view(&source))
               : ml_write(ML_CONTROLLER, BERTH_WRITE_CREATE, id, base_buf_view(&source));
    struct berth_write_result result;
    code = write_both(call, &model, true, write, &result);
    if (!code) {
        json_open_object(&call->out);
        json_member_string(&call->out, "model_id", id);
        json_member_cstr(&call->out, "status", exists ? "UPDATED" : "CREATED");
        json_close_object(&call->out);
    }
    return code;
}

int32_t ml_create_controller(struct ml_call *call) {
    int32_t code = check_enabled(call);
    code = code ? code : ml_call_read_body(call);
    return code ? code : repeat(call, create_once);
}

/* ---- update ---- */

static int32_t update_once(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    ML_DOCUMENT_AUTO old = {0};
    bool exists = false;
    JSON_DOC_AUTO patch = {0};
    BASE_BUF_AUTO limits;
    BASE_BUF_AUTO merged;
    BASE_BUF_AUTO source;
    base_buf_init(&limits, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&merged, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    struct berth_str id = ml_call_id(call);
    int32_t code = read_limits(call, true, &limits);
    code = code ? code : ml_access_get(call, ML_MODEL, id, ML_MAY_CHANGE, &model);
    code = code ? code : find_controller(call, &old, &exists);
    if (!code && !exists) {
        code = ml_status(&call->error, 409,
                         "the model [" BASE_FMT "] has no controller to change; POST makes one",
                         BASE_ARG(id));
    }
    if (!code && !json_parse(&patch, base_buf_view(&limits), 0, NULL)) {
        code = base_error_memory(&call->error);
    }
    if (code) {
        return code;
    }
    ml_merge(json_get(old.root, "user_rate_limiter"), json_root(&patch), &merged);
    code = merged.error ? base_error_memory(&call->error)
                        : make_source(call, base_buf_view(&merged), &source);
    struct berth_write write = ml_write_over(&old, BERTH_WRITE_PUT, base_buf_view(&source));
    struct berth_write_result result;
    code = code ? code : ml_store_write(call->plugin, &write, 1, &result, &call->error);
    if (!code) {
        ml_put_write_result(ML_CONTROLLER, id, &result, &call->out);
    }
    return code;
}

int32_t ml_update_controller(struct ml_call *call) {
    int32_t code = check_enabled(call);
    code = code ? code : ml_call_read_body(call);
    return code ? code : repeat(call, update_once);
}

/* ---- get and delete ---- */

int32_t ml_get_controller(struct ml_call *call) {
    ML_DOCUMENT_AUTO controller = {0};
    int32_t code = check_enabled(call);
    code =
        code ? code : ml_access_get(call, ML_CONTROLLER, ml_call_id(call), ML_MAY_USE, &controller);
    if (!code) {
        ml_document_show(ML_CONTROLLER, controller.root, &call->out);
    }
    return code;
}

static int32_t delete_once(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    ML_DOCUMENT_AUTO old = {0};
    struct berth_str id = ml_call_id(call);
    int32_t code = ml_document_get(call->plugin, ML_CONTROLLER, id, &old, &call->error);
    code = code ? code : ml_access_get(call, ML_MODEL, id, ML_MAY_CHANGE, &model);
    struct berth_write_result result;
    code = code ? code
                : write_both(call, &model, false,
                             ml_write_over(&old, BERTH_WRITE_DELETE, base_str("", 0)), &result);
    if (!code) {
        ml_put_write_result(ML_CONTROLLER, id, &result, &call->out);
    }
    return code;
}

int32_t ml_delete_controller(struct ml_call *call) {
    int32_t code = check_enabled(call);
    return code ? code : repeat(call, delete_once);
}
