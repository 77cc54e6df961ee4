/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/interface.h"

#include "base/json_write.h"
#include "plugin/ml_remote/java_order.h"
#include "plugin/ml_remote/json_schema.h"

static const char *const sides[] = {"input", "output"};

struct ml_interface {
    const struct ml_schema *input;  /* NULL: anything */
    const struct ml_schema *output; /* likewise */
};

/* ---- what is stored ---- */

/* An object becomes text in the order in which OpenSearch keeps it; a text stays as it is. */
static int32_t put_schema(struct ml_call *call, struct json_value given, const char *name,
                          struct base_buf *out) {
    struct berth_str text;
    BASE_BUF_AUTO made;
    base_buf_init(&made, BASE_BUF_MAX_DEFAULT);
    if (json_is(given, JSON_STRING)) {
        if (!json_string(given, &call->arena, &text)) {
            return base_error_memory(&call->error);
        }
    } else if (json_is(given, JSON_OBJECT)) {
        ml_put_java_ordered(given, &made);
        text = base_buf_view(&made);
    } else {
        return base_error(&call->error, BERTH_E_PARSE,
                          "[interface.%s] is a JSON Schema: an object, or its text", name);
    }
    json_member_string(out, name, text);
    return made.error ? base_error_memory(&call->error) : BERTH_OK;
}

int32_t ml_interface_normalise(struct ml_call *call, struct json_value object,
                               struct base_buf *out) {
    int32_t code = BERTH_OK;
    json_open_object(out);
    for (size_t i = 0; i < BASE_COUNT(sides) && !code; i++) {
        struct json_value given = json_get(object, sides[i]);
        if (json_present(given) && !json_is(given, JSON_NULL)) {
            code = put_schema(call, given, sides[i], out);
        }
    }
    json_close_object(out);
    JSON_DOC_AUTO doc = {0};
    const struct ml_interface *loaded = NULL;
    if (!code && (out->error || !json_parse(&doc, base_buf_view(out), 0, NULL))) {
        code = base_error_memory(&call->error);
    }
    return code ? code : ml_interface_load(json_root(&doc), &call->arena, &loaded, &call->error);
}

/* ---- what is made of it ---- */

static int32_t load_schema(struct json_value stored, const char *name, struct base_arena *arena,
                           const struct ml_schema **out_schema, struct berth_error *error) {
    struct berth_str text;
    struct berth_error reason = BASE_ERROR_INIT;
    if (!json_is(stored, JSON_STRING)) {
        return BERTH_OK;
    }
    int32_t code = json_string(stored, arena, &text)
                       ? ml_schema_compile(text, arena, out_schema, &reason)
                       : base_error_memory(&reason);
    return code == BERTH_OK ? BERTH_OK
           : code == BERTH_E_NO_MEMORY
               ? base_error_memory(error)
               : ml_invalid(error, "[interface.%s]: %s", name, reason.message);
}

int32_t ml_interface_load(struct json_value stored, struct base_arena *arena,
                          const struct ml_interface **out_interface, struct berth_error *error) {
    *out_interface = NULL;
    if (!json_is(stored, JSON_OBJECT)) {
        return BERTH_OK;
    }
    struct ml_interface *interface = base_arena_alloc(arena, sizeof *interface);
    if (!interface) {
        return base_error_memory(error);
    }
    *interface = (struct ml_interface){.input = NULL};
    const struct ml_schema **const schemas[] = {&interface->input, &interface->output};
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(sides) && !code; i++) {
        code = load_schema(json_get(stored, sides[i]), sides[i], arena, schemas[i], error);
    }
    if (!code) {
        *out_interface = interface;
    }
    return code;
}

bool ml_interface_has_output(const struct ml_interface *interface) {
    return interface && interface->output;
}

/* ---- checking ---- */

/*
 * A parameter as the schema sees it: the API takes every value as text, so that a text is what it
 * says as JSON, unless the schema wants a text there.
 */
static void put_parameter(const struct ml_schema *schema, struct json_value key,
                          struct json_value value, struct base_arena *arena, struct base_buf *out) {
    struct berth_str name;
    struct berth_str text = json_raw(value);
    if (!json_string(key, arena, &name) ||
        (json_is(value, JSON_STRING) && !json_string(value, arena, &text))) {
        out->error = out->error ? out->error : BERTH_E_NO_MEMORY;
        return;
    }
    json_key_str(out, name);
    const struct berth_str place[] = {BERTH_STR_INIT("parameters"), name};
    if (ml_schema_wants_string(schema, place, BASE_COUNT(place)) || !json_check(text, 0, NULL)) {
        json_put_string(out, text);
    } else {
        json_put_raw(out, base_str_trim(text));
    }
}

static void put_input(const struct ml_schema *schema, const struct ml_input *input,
                      struct base_arena *arena, struct base_buf *out) {
    static const char *const algorithms[] = {
        [ML_INPUT_PARAMETERS] = "REMOTE",
        [ML_INPUT_DOCS] = "TEXT_EMBEDDING",
        [ML_INPUT_SIMILARITY] = "TEXT_SIMILARITY",
        [ML_INPUT_QUESTION] = "QUESTION_ANSWERING",
    };
    struct json_value p = input->parameters;
    json_open_object(out);
    json_member_cstr(out, "algorithm", algorithms[input->kind]);
    if (json_present(p)) {
        json_key(out, "parameters");
        json_open_object(out);
        for (struct json_value k = json_first(p); json_present(k);) {
            struct json_value v = json_next(p, k);
            put_parameter(schema, k, v, arena, out);
            k = json_next(p, v);
        }
        json_close_object(out);
    }
    if (json_present(input->query)) {
        json_member_raw(out, input->kind == ML_INPUT_SIMILARITY ? "query_text" : "question",
                        json_raw(input->query));
    }
    if (json_present(input->context)) {
        json_member_raw(out, "context", json_raw(input->context));
    }
    if (json_present(input->docs)) {
        json_member_raw(out, "text_docs", json_raw(input->docs));
    }
    json_member_cstr(out, "action_type", "PREDICT");
    json_close_object(out);
}

static int32_t check(const struct ml_schema *schema, struct berth_str text, const char *what,
                     struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct berth_error found = BASE_ERROR_INIT;
    if (!json_parse(&doc, text, 0, NULL)) {
        return base_error_memory(error);
    }
    int32_t code = ml_schema_check(schema, json_root(&doc), &found);
    return code == BERTH_OK ? BERTH_OK
           : code == BERTH_E_NO_MEMORY
               ? base_error_memory(error)
               : ml_status(error, 400, "the %s does not fit the model's interface: %s", what,
                           found.message);
}

int32_t ml_interface_check_input(const struct ml_interface *interface, const struct ml_input *input,
                                 struct berth_error *error) {
    if (!interface || !interface->input) {
        return BERTH_OK;
    }
    struct base_arena arena;
    BASE_BUF_AUTO text;
    base_arena_init(&arena, 1024);
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    put_input(interface->input, input, &arena, &text);
    int32_t code = text.error ? base_error_memory(error)
                              : check(interface->input, base_buf_view(&text), "input", error);
    base_arena_deinit(&arena);
    return code;
}

int32_t ml_interface_check_output(const struct ml_interface *interface, struct berth_str output,
                                  struct berth_error *error) {
    return ml_interface_has_output(interface) ? check(interface->output, output, "output", error)
                                              : BERTH_OK;
}
