/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/model_options.h"

#include "plugin/ml_remote/guardrails.h"
#include "plugin/ml_remote/interface.h"
#include "plugin/ml_remote/limiter.h"

#include <stdarg.h>
#include <stdio.h>

/* Reads one object and appends it as it is stored. */
typedef int32_t (*read_fn)(struct ml_call *call, struct json_value object, struct base_buf *out);

__attribute__((format(printf, 2, 3))) static int32_t wrong(struct ml_call *call, const char *format,
                                                           ...) {
    char what[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return base_error(&call->error, BERTH_E_PARSE, "%s", what);
}

/* ---- rate_limiter ---- */

static int32_t put_limit(struct ml_call *call, struct json_value object, const char *what,
                         struct base_buf *out) {
    struct berth_str limit = {NULL, 0};
    double number;
    int32_t code = ml_call_text(call, object, "limit", &limit);
    if (code || !limit.ptr) {
        return code;
    }
    if (!base_str_f64(limit, &number) || !(number >= 0)) {
        return wrong(call, "[%s.limit] is a number from 0, not [" BASE_FMT "]", what,
                     BASE_ARG(base_str_slice(limit, 0, 80)));
    }
    json_member_string(out, "limit", limit);
    return BERTH_OK;
}

static int32_t put_unit(struct ml_call *call, struct json_value object, const char *what,
                        struct base_buf *out) {
    struct berth_str unit = {NULL, 0};
    int32_t code = ml_call_text(call, object, "unit", &unit);
    if (code || !unit.ptr) {
        return code;
    }
    for (const struct ml_limiter_unit *u = ml_limiter_units; u->name; u++) {
        if (base_str_is(unit, u->name)) {
            json_member_string(out, "unit", unit);
            return BERTH_OK;
        }
    }
    return wrong(call,
                 "[%s.unit] cannot be [" BASE_FMT
                 "]: NANOSECONDS, MICROSECONDS, MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS",
                 what, BASE_ARG(base_str_slice(unit, 0, 80)));
}

int32_t ml_rate_limiter_normalise(struct ml_call *call, struct json_value object, const char *what,
                                  struct base_buf *out) {
    if (!json_is(object, JSON_OBJECT)) {
        return wrong(call, "[%s] is an object", what);
    }
    json_open_object(out);
    int32_t code = put_limit(call, object, what, out);
    code = code ? code : put_unit(call, object, what, out);
    json_close_object(out);
    return code;
}

static int32_t read_limiter(struct ml_call *call, struct json_value object, struct base_buf *out) {
    return ml_rate_limiter_normalise(call, object, "rate_limiter", out);
}

/* ---- deploy_setting ---- */

static int32_t read_deploy_setting(struct ml_call *call, struct json_value object,
                                   struct base_buf *out) {
    bool automatic = false;
    bool given = false;
    struct berth_str ttl = {NULL, 0};
    int64_t minutes;
    int32_t code = ml_call_bool(call, object, "is_auto_deploy_enabled", &automatic, &given);
    code = code ? code : ml_call_text(call, object, "model_ttl_minutes", &ttl);
    if (!code && ttl.ptr && !base_str_i64(ttl, &minutes)) {
        return wrong(call,
                     "[deploy_setting.model_ttl_minutes] is a whole number, not [" BASE_FMT "]",
                     BASE_ARG(base_str_slice(ttl, 0, 80)));
    }
    json_open_object(out);
    if (given) {
        json_member_bool(out, "is_auto_deploy_enabled", automatic);
    }
    if (ttl.ptr && !code) {
        json_member_i64(out, "model_ttl_minutes", minutes);
    }
    json_close_object(out);
    return code;
}

/* ---- the table ---- */

static int32_t read_as_sent(struct ml_call *call, struct json_value object, struct base_buf *out) {
    (void)call;
    json_minify(out, json_raw(object));
    return BERTH_OK;
}

static const struct {
    const char *name;
    read_fn read;
} objects[] = {
    {"model_config", read_as_sent},        {"deploy_setting", read_deploy_setting},
    {"rate_limiter", read_limiter},        {"guardrails", ml_guardrails_normalise},
    {"interface", ml_interface_normalise},
};

static int32_t read_object(struct ml_call *call, size_t which, struct ml_model_options *options) {
    const char *name = objects[which].name;
    struct json_value given = json_get(call->body, name);
    if (!json_present(given)) {
        return BERTH_OK;
    }
    if (json_is(given, JSON_NULL)) {
        options->edits[options->count++] = (struct ml_edit){name, {NULL, 0}};
        return BERTH_OK;
    }
    if (!json_is(given, JSON_OBJECT)) {
        return wrong(call, "[%s] is an object", name);
    }
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    int32_t code = objects[which].read(call, given, &out);
    if (!code) {
        struct berth_str raw = ml_keep(&call->arena, &out);
        options->edits[options->count++] = (struct ml_edit){name, raw};
        code = raw.ptr ? BERTH_OK : base_error_memory(&call->error);
    }
    return code;
}

int32_t ml_model_options_read(struct ml_call *call, struct ml_model_options *out_options) {
    int32_t code = BERTH_OK;
    *out_options = (struct ml_model_options){.count = 0};
    for (size_t i = 0; i < BASE_COUNT(objects) && !code; i++) {
        code = read_object(call, i, out_options);
    }
    return code;
}

int32_t ml_model_options_merge(struct ml_call *call, struct json_value model,
                               struct ml_model_options *options) {
    for (size_t i = 0; i < options->count; i++) {
        struct ml_edit *edit = &options->edits[i];
        struct json_value old = json_get(model, edit->name);
        JSON_DOC_AUTO doc = {0};
        if (!edit->raw.ptr || !json_is(old, JSON_OBJECT)) {
            continue;
        }
        BASE_BUF_AUTO merged;
        base_buf_init(&merged, BASE_BUF_MAX_DEFAULT);
        if (!json_parse(&doc, edit->raw, 0, NULL)) {
            return base_error_memory(&call->error);
        }
        ml_merge(old, json_root(&doc), &merged);
        edit->raw = ml_keep(&call->arena, &merged);
        if (!edit->raw.ptr) {
            return base_error_memory(&call->error);
        }
    }
    return BERTH_OK;
}
