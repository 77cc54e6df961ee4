/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/input.h"

#include "plugin/ml_remote/call.h"

/* The algorithms of the API's predict path, and which form of body each takes. */
static const struct {
    const char *name;
    enum ml_input_kind kind;
} algorithms[] = {
    {"remote", ML_INPUT_PARAMETERS},          {"text_embedding", ML_INPUT_DOCS},
    {"sparse_encoding", ML_INPUT_DOCS},       {"sparse_tokenize", ML_INPUT_DOCS},
    {"text_similarity", ML_INPUT_SIMILARITY}, {"question_answering", ML_INPUT_QUESTION},
};

int32_t ml_input_kind_of(struct berth_str algorithm, enum ml_input_kind *out_kind,
                         struct berth_error *error) {
    for (size_t i = 0; i < BASE_COUNT(algorithms); i++) {
        if (base_str_eq_nocase(algorithm, base_cstr(algorithms[i].name))) {
            *out_kind = algorithms[i].kind;
            return BERTH_OK;
        }
    }
    return ml_invalid(error,
                      "there is no algorithm [" BASE_FMT
                      "] for remote models; there are remote, text_embedding, sparse_encoding, "
                      "sparse_tokenize, text_similarity and question_answering",
                      BASE_ARG(algorithm));
}

const char *ml_input_type(enum ml_input_kind kind) {
    static const char *const types[] = {
        [ML_INPUT_PARAMETERS] = "REMOTE",
        [ML_INPUT_DOCS] = "TEXT_DOCS",
        [ML_INPUT_SIMILARITY] = "TEXT_SIMILARITY",
        [ML_INPUT_QUESTION] = "QUESTION_ANSWERING",
    };
    return types[kind];
}

const char *ml_input_name(enum ml_input_kind kind) {
    static const char *const names[] = {
        [ML_INPUT_PARAMETERS] = "[parameters]",
        [ML_INPUT_DOCS] = "[text_docs]",
        [ML_INPUT_SIMILARITY] = "[query_text] and [text_docs]",
        [ML_INPUT_QUESTION] = "[question] and [context]",
    };
    return names[kind];
}

static int32_t read_parameters(struct json_value body, bool required, struct ml_input *input,
                               struct berth_error *error) {
    struct json_value parameters = json_get(body, "parameters");
    bool given = json_present(parameters) && !json_is(parameters, JSON_NULL);
    if (!given && !required) {
        return BERTH_OK;
    }
    input->parameters = parameters;
    return json_is(parameters, JSON_OBJECT)
               ? BERTH_OK
               : ml_invalid(error, "the body needs [parameters]: an object");
}

static int32_t read_docs(struct json_value body, struct ml_input *input,
                         struct berth_error *error) {
    struct json_value docs = json_get(body, "text_docs");
    if (!json_is(docs, JSON_ARRAY) || json_count(docs) == 0) {
        return ml_invalid(error, "the body needs [text_docs]: an array with at least one text");
    }
    for (struct json_value v = json_first(docs); json_present(v); v = json_next(docs, v)) {
        if (!json_is(v, JSON_STRING) && !json_is(v, JSON_NULL)) {
            return ml_invalid(error, "[text_docs] holds texts and nulls, not [" BASE_FMT "]",
                              BASE_ARG(base_str_slice(json_raw(v), 0, 80)));
        }
    }
    input->docs = docs;
    return BERTH_OK;
}

static int32_t read_text(struct json_value body, const char *name, struct json_value *out_text,
                         struct berth_error *error) {
    *out_text = json_get(body, name);
    return json_is(*out_text, JSON_STRING) ? BERTH_OK
                                           : ml_invalid(error, "the body needs [%s]: a text", name);
}

int32_t ml_input_read(struct json_value body, enum ml_input_kind kind, struct ml_input *out_input,
                      struct berth_error *error) {
    struct ml_input input = {.kind = kind};
    int32_t code = read_parameters(body, kind == ML_INPUT_PARAMETERS, &input, error);
    if (kind == ML_INPUT_SIMILARITY) {
        code = code ? code : read_text(body, "query_text", &input.query, error);
    }
    if (kind == ML_INPUT_QUESTION) {
        code = code ? code : read_text(body, "question", &input.query, error);
        code = code ? code : read_text(body, "context", &input.context, error);
    }
    if (kind == ML_INPUT_DOCS || kind == ML_INPUT_SIMILARITY) {
        code = code ? code : read_docs(body, &input, error);
    }
    if (!code) {
        *out_input = input;
    }
    return code;
}
