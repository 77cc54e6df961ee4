/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/call.h"

#include "base/utf8.h"
#include "plugin/ml_remote/stats.h"

#include <stdarg.h>
#include <stdio.h>

#define ARENA_CHUNK 4096

static void reply(struct ml_call *call, int32_t code) {
    if (!code && call->out.error) {
        code = base_error_memory(&call->error);
    }
    if (code) {
        (void)call->plugin->routes->reply_error(call->request, &call->error);
        return;
    }
    struct berth_str part = base_buf_view(&call->out);
    (void)call->plugin->routes->reply(
        call->request,
        &(struct berth_reply){
            .size = sizeof(struct berth_reply), .status = 200, .parts = &part, .part_count = 1});
}

void ml_call_resume(struct ml_plugin *plugin, ml_call_fn fn, enum ml_stat_action counted,
                    struct berth_request *request, const struct berth_request_view *view,
                    struct ml_answer *answer) {
    struct ml_call call = {
        .plugin = plugin, .request = request, .view = view, .counted = counted, .answer = answer};
    call.error = (struct berth_error)BASE_ERROR_INIT;
    call.settings = ml_settings_acquire(plugin);
    base_arena_init_private(&call.arena, ARENA_CHUNK);
    base_buf_init(&call.out, BASE_BUF_MAX_DEFAULT);
    int32_t code = fn(&call);
    if (!call.goes_on) {
        ml_stats_note_call(plugin, counted, code ? base_error_status(&call.error) : 200);
        reply(&call, code);
    }
    base_buf_deinit(&call.out);
    json_doc_deinit(&call.doc);
    base_arena_deinit(&call.arena);
    ml_settings_release(call.settings);
}

void ml_call_run(struct ml_plugin *plugin, ml_call_fn fn, enum ml_stat_action counted,
                 struct berth_request *request, const struct berth_request_view *view) {
    ml_call_resume(plugin, fn, counted, request, view, NULL);
}

int32_t ml_call_read_optional_body(struct ml_call *call) {
    struct json_error fault;
    if (call->view->body.len == 0) {
        return BERTH_OK;
    }
    if (!json_parse(&call->doc, call->view->body, JSON_COMMENTS | JSON_TRAILING | JSON_UNIQUE_KEYS,
                    &fault)) {
        return json_report(&fault, "the body", &call->error);
    }
    call->body = json_root(&call->doc);
    struct berth_str shown = json_raw(call->body);
    shown.len = base_utf8_floor(shown.ptr, BASE_LEN(shown), 60);
    return json_is(call->body, JSON_OBJECT)
               ? BERTH_OK
               : ml_wrong_kind(&call->error, "the body is a JSON object, not [" BASE_FMT "]",
                               BASE_ARG(shown));
}

int32_t ml_call_read_body(struct ml_call *call) {
    return call->view->body.len
               ? ml_call_read_optional_body(call)
               : base_error(&call->error, BERTH_E_PARSE, "a body is required: a JSON object");
}

int32_t ml_call_text(struct ml_call *call, struct json_value object, const char *name,
                     struct berth_str *out_text) {
    struct json_value value = json_get(object, name);
    switch (json_type(value)) {
    case JSON_ABSENT:
    case JSON_NULL:
        return BERTH_OK;
    case JSON_STRING:
        return json_string(value, &call->arena, out_text) ? BERTH_OK
                                                          : base_error_memory(&call->error);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        *out_text = json_raw(value);
        return BERTH_OK;
    default:
        return ml_wrong_kind(&call->error, "[%s] is text, not an object or array", name);
    }
}

int32_t ml_call_bool(struct ml_call *call, struct json_value object, const char *name,
                     bool *out_value, bool *out_given) {
    struct json_value value = json_get(object, name);
    bool yes = json_is(value, JSON_TRUE) || json_string_is(value, BERTH_STR("true"));
    bool no = json_is(value, JSON_FALSE) || json_string_is(value, BERTH_STR("false"));
    *out_given = yes || no;
    *out_value = yes;
    if (yes || no || !json_present(value) || json_is(value, JSON_NULL)) {
        return BERTH_OK;
    }
    return ml_wrong_kind(&call->error, "[%s] is true or false", name);
}

int32_t ml_call_container(struct ml_call *call, struct json_value object, const char *name,
                          enum json_type type, struct json_value *out_value) {
    struct json_value value = json_get(object, name);
    *out_value = JSON_NONE;
    if (!json_present(value) || json_is(value, JSON_NULL)) {
        return BERTH_OK;
    }
    if (!json_is(value, type)) {
        return ml_wrong_kind(&call->error, "[%s] is %s", name,
                             type == JSON_OBJECT ? "an object" : "an array");
    }
    *out_value = value;
    return BERTH_OK;
}

static int32_t fail(struct berth_error *error, int32_t code, uint32_t status, const char *type,
                    const char *format, va_list args) {
    /* One more than an error holds, so that it sees whether it must cut. */
    char message[BERTH_ERROR_MESSAGE_MAX + 1];
    (void)vsnprintf(message, sizeof message, format, args);
    return base_error_rest(error, code, status, type, "%s", message);
}

int32_t ml_invalid(struct berth_error *error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int32_t code = fail(error, BERTH_E_INVALID, 400, "illegal_argument_exception", format, args);
    va_end(args);
    return code;
}

int32_t ml_status(struct berth_error *error, uint32_t status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int32_t code = status == 404   ? BERTH_E_NOT_FOUND
                   : status == 403 ? BERTH_E_DENIED
                   : status == 409 ? BERTH_E_EXISTS
                                   : BERTH_E_INVALID;
    code = fail(error, code, status, "status_exception", format, args);
    va_end(args);
    return code;
}

int32_t ml_wrong_kind(struct berth_error *error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int32_t code = fail(error, BERTH_E_PARSE, 400, "parsing_exception", format, args);
    va_end(args);
    return code;
}
