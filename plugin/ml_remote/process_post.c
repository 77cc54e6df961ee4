/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Post-processing: from a service's answer to tensors. The text of numbers is copied, not read.
 */
#include "plugin/ml_remote/process_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Documents that one answer ranks. */
#define RANKS_MAX 100000u

struct making {
    const struct ml_post_function *function;
    struct json_value at; /* what the function's path, or the filter, leads to */
    bool is_filtered;
    const char *type; /* of the tensors' data */
    struct base_buf *out;
    struct berth_error *error;
};

struct ml_post_function {
    const char *name;
    const char *path; /* members from the root, joined by dots; empty: the root */
    int32_t (*make)(const struct making *m);
    const char *item;  /* the member of each element that is meant; NULL: the element */
    const char *index; /* of a ranked document */
    const char *type;  /* NULL: FLOAT32, or what the filter names */
};

__attribute__((format(printf, 2, 3))) static int32_t unfit(const struct making *m,
                                                           const char *format, ...) {
    char what[160];
    const char *path = m->function->path;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return ml_status(m->error, 502,
                     "the remote service's answer does not fit [%s], which looks at %s%s%s: %s",
                     m->function->name, path[0] && !m->is_filtered ? "[" : "",
                     m->is_filtered ? "what the response_filter finds"
                     : path[0]      ? path
                                    : "the whole answer",
                     path[0] && !m->is_filtered ? "]" : "", what);
}

/* ---- vectors ---- */

static int32_t not_a_vector(const struct making *m, struct json_value vector, size_t number) {
    uint64_t at = 0;
    if (!json_is(vector, JSON_ARRAY)) {
        return unfit(m, "element %zu holds no array of numbers%s%s", number,
                     m->function->item ? " as its " : "",
                     m->function->item ? m->function->item : "");
    }
    struct json_value v = json_first(vector);
    for (; json_is(v, JSON_NUMBER); v = json_next(vector, v)) {
        at++;
    }
    return json_present(v) ? unfit(m, "vector %zu has an element that is no number, at %llu",
                                   number, (unsigned long long)at)
                           : unfit(m, "vector %zu is empty", number);
}

static int32_t put_vector(const struct making *m, struct json_value vector, size_t number) {
    uint64_t length = 0;
    if (!json_numbers(vector, &length)) {
        return not_a_vector(m, vector, number);
    }
    base_buf_format(m->out,
                    "%s{\"name\":\"sentence_embedding\",\"data_type\":\"%s\",\"shape\":[%llu],"
                    "\"data\":",
                    number ? "," : "", m->type, (unsigned long long)length);
    base_buf_str(m->out, json_raw(vector));
    base_buf_char(m->out, '}');
    return BERTH_OK;
}

/* A list of vectors, or of objects that each have one. */
static int32_t make_vectors(const struct making *m) {
    if (!json_is(m->at, JSON_ARRAY)) {
        return unfit(m, "there is no list of vectors, but another value");
    }
    uint64_t length = 0;
    if (json_numbers(m->at, &length)) {
        return unfit(m, "there are %llu numbers, and no list of vectors",
                     (unsigned long long)length);
    }
    int32_t code = BERTH_OK;
    size_t number = 0;
    for (struct json_value v = json_first(m->at); json_present(v) && !code;
         v = json_next(m->at, v)) {
        bool within = m->function->item && json_is(v, JSON_OBJECT);
        code = put_vector(m, within ? json_get(v, m->function->item) : v, number++);
    }
    return code;
}

static int32_t make_vector(const struct making *m) {
    return put_vector(m, m->at, 0);
}

/* ---- ranks ---- */

static int32_t read_rank(const struct making *m, struct json_value v, size_t number, size_t count,
                         size_t *out_index, struct json_value *out_score) {
    int64_t index = -1;
    *out_score = json_get(v, m->function->item);
    if (!json_is(v, JSON_OBJECT) || !json_i64(json_get(v, m->function->index), &index) ||
        !json_is(*out_score, JSON_NUMBER)) {
        return unfit(m, "element %zu lacks [%s] or [%s], which are numbers", number,
                     m->function->index, m->function->item);
    }
    if (index < 0 || (uint64_t)index >= count) {
        return unfit(m, "element %zu ranks the document %lld, and there are %zu ranks", number,
                     (long long)index, count);
    }
    *out_index = (size_t)index;
    return BERTH_OK;
}

/* Scores in the order of the documents, whatever the order of the ranks. */
static int32_t make_ranks(const struct making *m) {
    size_t count = json_count(m->at);
    if (!json_is(m->at, JSON_ARRAY) || count > RANKS_MAX) {
        return unfit(m, "there is no list of ranks, or one of more than %u", RANKS_MAX);
    }
    struct json_value *scores = calloc(count + 1, sizeof *scores);
    int32_t code = scores ? BERTH_OK : base_error_memory(m->error);
    size_t number = 0;
    for (struct json_value v = json_first(m->at); json_present(v) && !code;
         v = json_next(m->at, v)) {
        struct json_value score = JSON_NONE;
        size_t index = 0;
        code = read_rank(m, v, number++, count, &index, &score);
        if (!code && json_present(scores[index])) {
            code = unfit(m, "the document %zu is ranked twice", index);
        }
        if (!code) {
            scores[index] = score;
        }
    }
    for (size_t i = 0; i < count && !code; i++) {
        base_buf_format(m->out,
                        "%s{\"name\":\"similarity\",\"data_type\":\"FLOAT32\",\"shape\":[1],"
                        "\"data\":[",
                        i ? "," : "");
        base_buf_str(m->out, json_raw(scores[i]));
        base_buf_cstr(m->out, "]}");
    }
    free(scores);
    return code;
}

/* ---- others ---- */

/* The whole answer, with the job's name once more as a path can hold it. */
static int32_t make_job(const struct making *m) {
    struct json_value arn = json_get(m->at, "jobArn");
    if (!json_is(m->at, JSON_OBJECT) || !json_is(arn, JSON_STRING)) {
        return unfit(m, "it has no text [jobArn]");
    }
    struct berth_str whole = json_raw(m->at);
    struct berth_str inner = json_inner(arn);
    base_buf_cstr(m->out, "{\"name\":\"response\",\"dataAsMap\":");
    base_buf_str(m->out, base_str_slice(whole, 0, whole.len - 1));
    base_buf_cstr(m->out, ",\"processedJobArn\":\"");
    for (uint64_t i = 0; i < inner.len; i++) {
        bool escape = inner.ptr[i] == '\\';
        if (inner.ptr[i + escape] == '/') {
            base_buf_cstr(m->out, "%2F");
        } else {
            base_buf_str(m->out, base_str_slice(inner, i, i + escape + 1));
        }
        i += escape;
    }
    base_buf_cstr(m->out, "\"}}");
    return BERTH_OK;
}

/* The tensors of a service that answers as this API does. */
static int32_t make_passthrough(const struct making *m) {
    struct json_value results = json_get(m->at, "inference_results");
    if (!json_is(results, JSON_ARRAY)) {
        return unfit(m, "it has no array [inference_results]");
    }
    size_t number = 0;
    for (struct json_value v = json_first(results); json_present(v); v = json_next(results, v)) {
        struct json_value output = json_get(v, "output");
        for (struct json_value t = json_first(output); json_present(t); t = json_next(output, t)) {
            base_buf_cstr(m->out, number++ ? "," : "");
            base_buf_str(m->out, json_raw(t));
        }
    }
    return BERTH_OK;
}

#define POST "connector.post_process."
static const struct ml_post_function functions[] = {
    {POST "default.embedding", "", make_vectors, NULL, NULL, NULL},
    {POST "openai.embedding", "data", make_vectors, "embedding", NULL, NULL},
    {POST "cohere.embedding", "embeddings", make_vectors, NULL, NULL, NULL},
    {POST "cohere_v2.embedding.float", "embeddings.float", make_vectors, NULL, NULL, NULL},
    {POST "cohere_v2.embedding.int8", "embeddings.int8", make_vectors, NULL, NULL, "INT8"},
    {POST "cohere_v2.embedding.uint8", "embeddings.uint8", make_vectors, NULL, NULL, "UINT8"},
    {POST "cohere_v2.embedding.binary", "embeddings.binary", make_vectors, NULL, NULL, "BINARY"},
    {POST "cohere_v2.embedding.ubinary", "embeddings.ubinary", make_vectors, NULL, NULL, "UBINARY"},
    {POST "bedrock.embedding", "embedding", make_vector, NULL, NULL, NULL},
    {POST "bedrock_v2.embedding.float", "embeddingsByType.float", make_vector, NULL, NULL, NULL},
    {POST "bedrock_v2.embedding.binary", "embeddingsByType.binary", make_vector, NULL, NULL,
     "BINARY"},
    {POST "bedrock.nova.embedding", "embeddings", make_vectors, "embedding", NULL, NULL},
    {POST "bedrock.batch_job_arn", "", make_job, NULL, NULL, NULL},
    {POST "cohere.rerank", "results", make_ranks, "relevance_score", "index", NULL},
    {POST "default.rerank", "", make_ranks, "relevance_score", "index", NULL},
    {POST "bedrock.rerank", "results", make_ranks, "relevanceScore", "index", NULL},
    {POST "mlcommons.passthrough", "", make_passthrough, NULL, NULL, NULL},
};

int32_t ml_post_find(struct berth_str text, const struct ml_post_function **out_function,
                     struct berth_error *error) {
    struct berth_str name = ml_process_name(text);
    for (size_t i = 0; i < BASE_COUNT(functions); i++) {
        if (base_str_is(name, functions[i].name)) {
            *out_function = &functions[i];
            return BERTH_OK;
        }
    }
    return ml_process_unknown("post_process_function", text, true, error);
}

bool ml_post_takes_vectors(const struct ml_post_function *function) {
    return function && (function->make == make_vectors || function->make == make_vector);
}

bool ml_post_makes_list(const struct ml_post_function *function) {
    return function && function->make == make_vectors;
}

void ml_post_each(void (*fn)(void *user, const char *name, bool is_post), void *user) {
    for (size_t i = 0; i < BASE_COUNT(functions); i++) {
        fn(user, functions[i].name, true);
    }
}

/* The first type, in this order, whose name stands behind a dot in the filter. */
static const char *type_in(struct berth_str filter) {
    static const char *const types[] = {"FLOAT32", "FLOAT64", "FLOAT16", "UINT8",  "INT32",  "INT8",
                                        "INT64",   "BOOLEAN", "STRING",  "BINARY", "UBINARY"};
    for (size_t t = 0; t < BASE_COUNT(types); t++) {
        struct berth_str type = base_cstr(types[t]);
        for (uint64_t i = 0; i + type.len < filter.len; i++) {
            if (filter.ptr[i] == '.' &&
                base_str_eq_nocase(base_str_slice(filter, i + 1, i + 1 + type.len), type)) {
                return types[t];
            }
        }
    }
    return "FLOAT32";
}

static struct json_value follow(struct json_value value, struct berth_str path) {
    struct berth_str name;
    while (path.len && base_str_split(&path, '.', &name)) {
        value = json_get_str(value, name);
    }
    return value;
}

int32_t ml_post_make(const struct ml_post_function *function, struct json_value answer,
                     struct json_value filtered, struct berth_str filter, struct base_buf *out,
                     struct berth_error *error) {
    bool own = filter.len == 0;
    const struct making m = {
        .function = function,
        .at = own ? follow(answer, base_cstr(function->path)) : filtered,
        .is_filtered = !own,
        .type = !own             ? type_in(filter)
                : function->type ? function->type
                                 : "FLOAT32",
        .out = out,
        .error = error,
    };
    if (!json_present(m.at)) {
        return unfit(&m, "there is nothing");
    }
    return function->make(&m);
}
