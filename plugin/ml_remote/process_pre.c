/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pre-processing: from documents to the parameters that a connector's template asks for.
 */
#include "plugin/ml_remote/process_internal.h"

struct making {
    const struct ml_input *input;
    size_t first;
    size_t count;
    struct base_buf *out;
};

struct ml_pre_function {
    const char *name;
    enum ml_input_kind input;
    bool is_single; /* a document a call */
    void (*make)(const struct making *m, const char *const *names);
    const char *names[4]; /* of the parameters that make writes, in its order */
};

/* Begins a parameter, unless the client sent it. */
static bool begin(const struct making *m, const char *name) {
    if (json_present(json_get(m->input->parameters, name))) {
        return false;
    }
    json_key(m->out, name);
    return true;
}

static void put_docs(const struct making *m) {
    json_open_array(m->out);
    struct json_value doc = json_at(m->input->docs, m->first);
    for (size_t i = 0; i < m->count; i++, doc = json_next(m->input->docs, doc)) {
        json_put_raw(m->out, json_raw(doc));
    }
    json_close_array(m->out);
}

/* name = ["d1", "d2"] */
static void make_list(const struct making *m, const char *const *names) {
    if (begin(m, names[0])) {
        put_docs(m);
    }
}

/* The first document under the first name, the second under the second; null is none. */
static void make_each(const struct making *m, const char *const *names) {
    for (size_t i = 0; i < m->count && names[i]; i++) {
        struct json_value doc = json_at(m->input->docs, m->first + i);
        if (!json_is(doc, JSON_NULL) && begin(m, names[i])) {
            json_put_raw(m->out, json_raw(doc));
        }
    }
}

/* query, documents, and how many there are, so that the service ranks all. */
static void make_rerank(const struct making *m, const char *const *names) {
    if (begin(m, names[0])) {
        json_put_raw(m->out, json_raw(m->input->query));
    }
    if (begin(m, names[1])) {
        put_docs(m);
    }
    if (begin(m, names[2])) {
        json_put_u64(m->out, m->count);
    }
}

/* {"textQuery": {"text": q}, "type": "TEXT"} */
static void put_typed_text(struct base_buf *out, const char *key, struct json_value text) {
    json_open_object(out);
    json_key(out, key);
    json_open_object(out);
    json_member_raw(out, "text", json_raw(text));
    json_close_object(out);
    json_member_cstr(out, "type", "TEXT");
    json_close_object(out);
}

static void make_bedrock_rerank(const struct making *m, const char *const *names) {
    if (begin(m, names[0])) {
        json_open_array(m->out);
        put_typed_text(m->out, "textQuery", m->input->query);
        json_close_array(m->out);
    }
    if (begin(m, names[1])) {
        json_open_array(m->out);
        struct json_value doc = json_at(m->input->docs, m->first);
        for (size_t i = 0; i < m->count; i++, doc = json_next(m->input->docs, doc)) {
            json_open_object(m->out);
            json_key(m->out, "inlineDocumentSource");
            put_typed_text(m->out, "textDocument", doc);
            json_member_cstr(m->out, "type", "INLINE");
            json_close_object(m->out);
        }
        json_close_array(m->out);
    }
    if (begin(m, names[2])) {
        json_put_u64(m->out, m->count);
    }
}

/* The first document is an object of modalities as JSON text, or else a text. */
static void make_nova(const struct making *m, const char *const *names) {
    static const char *const modalities[] = {"text", "image", "video", "audio"};
    struct json_value doc = json_at(m->input->docs, m->first);
    BASE_BUF_AUTO text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    json_unescape(&text, json_inner(doc));
    JSON_DOC_AUTO parsed = {0};
    bool object = !text.error && json_parse(&parsed, base_buf_view(&text), 0, NULL) &&
                  json_is(json_root(&parsed), JSON_OBJECT);
    for (size_t i = 0; i < BASE_COUNT(modalities) && object; i++) {
        struct json_value value = json_get(json_root(&parsed), modalities[i]);
        if (json_present(value) && begin(m, names[i])) {
            json_put_raw(m->out, json_raw(value));
        }
    }
    if (!object && begin(m, names[0])) {
        json_put_raw(m->out, json_raw(doc));
    }
}

#define PRE "connector.pre_process."
static const struct ml_pre_function functions[] = {
    {PRE "default.embedding", ML_INPUT_DOCS, false, make_list, {"input"}},
    {PRE "openai.embedding", ML_INPUT_DOCS, false, make_list, {"input"}},
    {PRE "cohere.embedding", ML_INPUT_DOCS, false, make_list, {"texts"}},
    {PRE "cohere.multimodal_embedding", ML_INPUT_DOCS, false, make_list, {"images"}},
    {PRE "bedrock.embedding", ML_INPUT_DOCS, true, make_each, {"inputText"}},
    {PRE "bedrock.multimodal_embedding",
     ML_INPUT_DOCS,
     false,
     make_each,
     {"inputText", "inputImage"}},
    {PRE "bedrock.nova.embedding",
     ML_INPUT_DOCS,
     false,
     make_nova,
     {"inputText", "inputImage", "inputVideo", "inputAudio"}},
    {PRE "bedrock.nova.text_embedding", ML_INPUT_DOCS, false, make_each, {"inputText"}},
    {PRE "bedrock.nova.image_embedding", ML_INPUT_DOCS, false, make_each, {"inputImage"}},
    {PRE "bedrock.nova.video_embedding", ML_INPUT_DOCS, false, make_each, {"inputVideo"}},
    {PRE "bedrock.nova.audio_embedding", ML_INPUT_DOCS, false, make_each, {"inputAudio"}},
    {PRE "single.input", ML_INPUT_DOCS, true, make_each, {"input"}},
    {PRE "single.inputs", ML_INPUT_DOCS, true, make_each, {"inputs"}},
    {PRE "cohere.rerank", ML_INPUT_SIMILARITY, false, make_rerank, {"query", "documents", "top_n"}},
    {PRE "default.rerank",
     ML_INPUT_SIMILARITY,
     false,
     make_rerank,
     {"query", "documents", "top_n"}},
    {PRE "bedrock.rerank",
     ML_INPUT_SIMILARITY,
     false,
     make_bedrock_rerank,
     {"queries", "sources", "numberOfResults"}},
};

const struct ml_pre_function *ml_pre_default(void) {
    return &functions[0];
}

int32_t ml_pre_find(struct berth_str text, const struct ml_pre_function **out_function,
                    struct berth_error *error) {
    struct berth_str name = ml_process_name(text);
    for (size_t i = 0; i < BASE_COUNT(functions); i++) {
        if (base_str_is(name, functions[i].name)) {
            *out_function = &functions[i];
            return BERTH_OK;
        }
    }
    return ml_process_unknown("pre_process_function", text, false, error);
}

void ml_pre_each(void (*fn)(void *user, const char *name, bool is_post), void *user) {
    for (size_t i = 0; i < BASE_COUNT(functions); i++) {
        fn(user, functions[i].name, false);
    }
}

int32_t ml_pre_check(const struct ml_pre_function *function, const struct ml_input *input,
                     struct berth_error *error) {
    return function->input == input->kind
               ? BERTH_OK
               : ml_invalid(error, "the model's pre-processing function [%s] takes %s, not %s",
                            function->name, ml_input_name(function->input),
                            ml_input_name(input->kind));
}

const char *ml_pre_name(const struct ml_pre_function *function) {
    return function->name;
}

bool ml_pre_is_single(const struct ml_pre_function *function) {
    return function->is_single;
}

void ml_pre_make(const struct ml_pre_function *function, const struct ml_input *input, size_t first,
                 size_t count, struct base_buf *out) {
    json_open_object(out);
    struct json_value sent = input->parameters;
    for (struct json_value k = json_first(sent); json_present(k);) {
        struct json_value v = json_next(sent, k);
        json_put_raw(out, json_raw(k));
        base_buf_char(out, ':');
        json_put_raw(out, json_raw(v));
        k = json_next(sent, v);
    }
    const struct making m = {.input = input, .first = first, .count = count, .out = out};
    function->make(&m, function->names);
    json_close_object(out);
}
