/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/guardrails.h"

#include "base/json_write.h"

#define EXPRESSIONS_MAX 64u

static const char *const sides[] = {"input_guardrail", "output_guardrail"};

/* ---- reading what a client sends ---- */

static int32_t compile_list(struct json_value list, struct base_arena *arena,
                            struct ml_trust **out_list, struct berth_error *error) {
    struct berth_str texts[EXPRESSIONS_MAX];
    uint32_t count = 0;
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        if (count == EXPRESSIONS_MAX) {
            return ml_invalid(error, "a guardrail has at most %u expressions", EXPRESSIONS_MAX);
        }
        if (!json_is(v, JSON_STRING)) {
            return ml_invalid(error, "a guardrail's [regex] holds texts");
        }
        if (!json_string(v, arena, &texts[count++])) {
            return base_error_memory(error);
        }
    }
    return count ? ml_trust_create(texts, count, out_list, error) : BERTH_OK;
}

static void unload(struct ml_guardrail *guardrail) {
    ml_trust_destroy(guardrail->forbidden);
    ml_trust_destroy(guardrail->allowed);
}

/* Leaves the text as it is where there is none. */
static int32_t load_text(struct json_value side, const char *name, struct base_arena *arena,
                         struct berth_str *out_text, struct berth_error *error) {
    struct json_value value = json_get(side, name);
    return !json_is(value, JSON_STRING) || json_string(value, arena, out_text)
               ? BERTH_OK
               : base_error_memory(error);
}

static int32_t load_side(struct json_value stored, bool by_model, struct base_arena *arena,
                         struct ml_guardrail *out, struct berth_error *error) {
    struct berth_str expression = {NULL, 0};
    if (!json_is(stored, JSON_OBJECT)) {
        return BERTH_OK;
    }
    if (!by_model) {
        return compile_list(json_get(stored, "regex"), arena, &out->forbidden, error);
    }
    int32_t code = load_text(stored, "model_id", arena, &out->model_id, error);
    code = code ? code : load_text(stored, "response_filter", arena, &out->response_filter, error);
    code = code ? code : load_text(stored, "response_validation_regex", arena, &expression, error);
    return code || !expression.ptr ? code : ml_trust_create(&expression, 1, &out->allowed, error);
}

static bool is_by_model(struct json_value guardrails) {
    struct json_value type = json_get(guardrails, "type");
    return json_is(type, JSON_STRING) && base_str_eq_nocase(json_inner(type), BERTH_STR("model"));
}

int32_t ml_guardrails_load(struct json_value stored, struct base_arena *arena,
                           struct ml_guardrails *out_guardrails, struct berth_error *error) {
    struct ml_guardrails loaded = {0};
    bool by_model = is_by_model(stored);
    int32_t code = load_side(json_get(stored, sides[0]), by_model, arena, &loaded.input, error);
    code =
        code ? code : load_side(json_get(stored, sides[1]), by_model, arena, &loaded.output, error);
    if (code) {
        ml_guardrails_unload(&loaded);
    } else {
        *out_guardrails = loaded;
    }
    return code;
}

void ml_guardrails_unload(struct ml_guardrails *guardrails) {
    unload(&guardrails->input);
    unload(&guardrails->output);
}

/* What a side must have for its type, beside what compiling it finds. */
static int32_t check_side(struct ml_call *call, struct json_value side, const char *name,
                          bool by_model) {
    if (!json_present(side) || json_is(side, JSON_NULL)) {
        return BERTH_OK;
    }
    if (!json_is(side, JSON_OBJECT)) {
        return ml_invalid(&call->error, "[guardrails.%s] is an object", name);
    }
    if (json_count(json_get(side, "stop_words")) > 0) {
        return ml_invalid(&call->error,
                          "[guardrails.%s.stop_words] searches an index of documents, which there "
                          "are none of here; write the words as [regex]",
                          name);
    }
    struct json_value regex = json_get(side, "regex");
    if (!by_model && json_present(regex) && !json_is(regex, JSON_ARRAY)) {
        return ml_invalid(&call->error, "[guardrails.%s.regex] is an array of texts", name);
    }
    if (by_model && !json_is(json_get(side, "model_id"), JSON_STRING)) {
        return ml_invalid(&call->error,
                          "[guardrails.%s] needs the [model_id] of the model that is asked", name);
    }
    return BERTH_OK;
}

int32_t ml_guardrails_normalise(struct ml_call *call, struct json_value object,
                                struct base_buf *out) {
    struct berth_str type = {NULL, 0};
    int32_t code = ml_call_text(call, object, "type", &type);
    bool by_model = is_by_model(object);
    if (!code && type.ptr && !by_model && !base_str_eq_nocase(type, BERTH_STR("local_regex"))) {
        code = ml_invalid(&call->error,
                          "[guardrails.type] cannot be [" BASE_FMT "]: local_regex, model",
                          BASE_ARG(base_str_slice(type, 0, 80)));
    }
    for (size_t i = 0; i < BASE_COUNT(sides) && !code; i++) {
        code = check_side(call, json_get(object, sides[i]), sides[i], by_model);
    }
    struct ml_guardrails loaded = {0};
    code = code ? code : ml_guardrails_load(object, &call->arena, &loaded, &call->error);
    ml_guardrails_unload(&loaded);
    if (!code) {
        json_minify(out, json_raw(object));
    }
    return code;
}

/* ---- checking ---- */

int32_t ml_guardrail_check(const struct ml_guardrail *guardrail, struct berth_str text,
                           const char *what, void *match_data, struct berth_error *error) {
    enum ml_match found =
        guardrail->forbidden ? ml_trust_match(guardrail->forbidden, text, match_data) : ML_MATCH_NO;
    if (found == ML_MATCH_UNKNOWN) {
        return ml_invalid(error,
                          "a guardrail's expression takes too long on this %s, which is therefore "
                          "refused",
                          what);
    }
    return found == ML_MATCH_YES
               ? ml_invalid(error, "a guardrail of the model forbids this %s", what)
               : BERTH_OK;
}

int32_t ml_guardrail_check_answer(const struct ml_guardrail *guardrail, struct berth_str answer,
                                  const char *what, void *match_data, struct berth_error *error) {
    BASE_BUF_AUTO quoted;
    base_buf_init(&quoted, BASE_BUF_MAX_DEFAULT);
    json_put_string(&quoted, answer);
    if (quoted.error) {
        return base_error_memory(error);
    }
    /* Expressions are written for the text itself, or for it as JSON. */
    return !guardrail->allowed || ml_trust_matches(guardrail->allowed, answer, match_data) ||
                   ml_trust_matches(guardrail->allowed, base_buf_view(&quoted), match_data)
               ? BERTH_OK
               : ml_invalid(error, "the model that guards this one forbids this %s", what);
}
