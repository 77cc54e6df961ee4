/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client sends to be predicted from: the forms of a prediction's body.
 */
#ifndef ML_REMOTE_INPUT_H
#define ML_REMOTE_INPUT_H

#include "base/error.h"
#include "base/json.h"

enum ml_input_kind {
    ML_INPUT_PARAMETERS, /* {"parameters": {...}} */
    ML_INPUT_DOCS,       /* {"text_docs": [...]} */
    ML_INPUT_SIMILARITY, /* {"query_text": "...", "text_docs": [...]} */
    ML_INPUT_QUESTION,   /* {"question": "...", "context": "..."} */
};

struct ml_input {
    enum ml_input_kind kind;
    struct json_value parameters; /* an object; absent but for ML_INPUT_PARAMETERS where not sent */
    struct json_value docs;       /* an array of strings and nulls, not empty */
    struct json_value query;      /* a string: query_text, or question */
    struct json_value context;    /* a string */
};

/* The form that the path's algorithm takes, whatever its case. INVALID for an unknown one. */
int32_t ml_input_kind_of(struct berth_str algorithm, enum ml_input_kind *out_kind,
                         struct berth_error *error);

/* Reads a parsed body; what it holds are places in it. INVALID or PARSE. */
int32_t ml_input_read(struct json_value body, enum ml_input_kind kind, struct ml_input *out_input,
                      struct berth_error *error);

/* As OpenSearch names it: REMOTE, TEXT_DOCS, ... */
const char *ml_input_type(enum ml_input_kind kind);

/* In words, for errors: "parameters", "text_docs", ... */
const char *ml_input_name(enum ml_input_kind kind);

#endif
