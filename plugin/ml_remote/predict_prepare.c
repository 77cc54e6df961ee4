/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the client's body to the questions that the remote service is asked.
 */
#include "plugin/ml_remote/predict.h"

#include <stdlib.h>

static int32_t read_body(struct ml_predict *p) {
    struct json_error fault;
    struct berth_str body = p->view->body;
    if (body.len == 0) {
        return base_error(&p->error, BERTH_E_PARSE, "a body with %s is required",
                          ml_input_name(p->kind));
    }
    if (!json_parse(&p->doc, body, JSON_COMMENTS | JSON_TRAILING | JSON_UNIQUE_KEYS, &fault)) {
        return json_report(&fault, "the body", &p->error);
    }
    return ml_input_read(json_root(&p->doc), p->kind, &p->input, &p->error);
}

/* What is done to the answers: a filter that came with the request wins. */
static int32_t read_rules(struct ml_predict *p) {
    const struct ml_deployed *d = p->deployed;
    struct json_value sent = json_get(p->input.parameters, "response_filter");
    p->rules.post = d->actions[ML_ACTION_PREDICT].post;
    if (!json_is(sent, JSON_STRING)) {
        p->rules.filter = d->filter_text.ptr ? &d->filter : NULL;
        p->rules.filter_text = d->filter_text;
        return BERTH_OK;
    }
    struct berth_str text;
    if (!json_string(sent, &p->arena, &text)) {
        return base_error_memory(&p->error);
    }
    if (base_str_empty(base_str_trim(text))) {
        return BERTH_OK;
    }
    p->rules.filter = &p->filter;
    p->rules.filter_text = text;
    return ml_path_compile(text, &p->arena, &p->filter, &p->error);
}

/* How many documents go into one question. */
static int32_t read_step(struct ml_predict *p, const struct ml_pre_function *pre, size_t docs,
                         size_t *out_step) {
    struct berth_str text = p->deployed->step_text;
    int64_t step;
    *out_step = ml_pre_is_single(pre) ? 1 : docs;
    if (!text.ptr) {
        return BERTH_OK;
    }
    if (!base_str_i64(text, &step)) {
        return base_error_rest(&p->error, BERTH_E_INVALID, 400, "number_format_exception",
                               "the connector's parameter [input_docs_processed_step_size] is a "
                               "whole number, not [" BASE_FMT "]",
                               BASE_ARG(base_str_slice(text, 0, 80)));
    }
    if (step <= 0) {
        return ml_invalid(&p->error,
                          "the connector's parameter [input_docs_processed_step_size] is from 1, "
                          "not %lld",
                          (long long)step);
    }
    *out_step = (uint64_t)step > docs ? docs : (size_t)step;
    return BERTH_OK;
}

static int32_t make_exchanges(struct ml_predict *p, size_t count) {
    if (count > ML_EXCHANGES_MAX) {
        return ml_invalid(&p->error,
                          "%zu questions to the remote service would come of this, allowed are %u",
                          count, ML_EXCHANGES_MAX);
    }
    if (count > 1) {
        p->more = calloc(count - 1, sizeof *p->more);
        if (!p->more) {
            return base_error_memory(&p->error);
        }
        for (size_t i = 0; i + 1 < count; i++) {
            ml_exchange_init(&p->more[i], p->loop);
        }
    }
    p->count = (uint32_t)count;
    return BERTH_OK;
}

static int32_t prepare_one(struct ml_predict *p, struct ml_exchange *x, struct ml_loop_model *model,
                           struct json_value parameters) {
    int32_t code = ml_exchange_prepare(x, p->deployed, ML_ACTION_PREDICT, model, parameters);
    x->trace = p->trace;
    if (code) {
        p->error = x->error;
    }
    return code;
}

/* Documents are split into as many questions as the function or the connector wants. */
static int32_t prepare_docs(struct ml_predict *p, struct ml_loop_model *model,
                            const struct ml_pre_function *pre) {
    size_t docs = json_count(p->input.docs);
    size_t step = docs;
    int32_t code = ml_pre_check(pre, &p->input, &p->error);
    code = code ? code : read_step(p, pre, docs, &step);
    code = code ? code : make_exchanges(p, (docs + step - 1) / step);
    for (uint32_t i = 0; i < p->count && !code; i++) {
        struct ml_exchange *x = ml_predict_exchange(p, i);
        struct json_value parameters;
        size_t left = docs - i * step;
        ml_pre_make(pre, &p->input, i * step, left < step ? left : step, &x->made_text);
        code = ml_exchange_read_made(x, &parameters);
        p->error = code ? x->error : p->error;
        code = code ? code : prepare_one(p, x, model, parameters);
    }
    return code;
}

int32_t ml_predict_prepare(struct ml_predict *p, struct ml_loop_model *model) {
    const struct ml_pre_function *pre = p->deployed->actions[ML_ACTION_PREDICT].pre;
    ml_trace_context_read(p->plugin, p->request, &p->trace);
    int32_t code = read_body(p);
    code = code ? code : ml_interface_check_input(p->deployed->interface, &p->input, &p->error);
    code = code ? code : read_rules(p);
    if (code) {
        return code;
    }
    if (p->kind == ML_INPUT_PARAMETERS) {
        p->count = 1;
        return prepare_one(p, &p->first, model, p->input.parameters);
    }
    if (!pre && p->kind != ML_INPUT_DOCS) {
        return ml_invalid(&p->error,
                          "the model's connector has no pre_process_function, which %s needs",
                          ml_input_name(p->kind));
    }
    return prepare_docs(p, model, pre ? pre : ml_pre_default());
}
