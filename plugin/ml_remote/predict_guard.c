/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking one model whether another may be asked, or may answer.
 */
#include "plugin/ml_remote/predict.h"

#include <stdlib.h>

struct ml_guarding {
    struct ml_exchange exchange;
    struct ml_deployed *deployed; /* a reference */
    const struct ml_guardrail *guardrail;
    const char *what;
    ml_predict_fn then;
    struct ml_predict *predict;
};

static void destroy(struct ml_guarding *g) {
    if (g) {
        ml_exchange_deinit(&g->exchange);
        ml_deployed_unref(g->deployed);
        free(g);
    }
}

void ml_predict_guard_cancel(struct ml_predict *p) {
    destroy(p->guarding);
    p->guarding = NULL;
}

static void finish(struct ml_guarding *g, int32_t code) {
    struct ml_predict *p = g->predict;
    ml_predict_fn then = g->then;
    ml_predict_guard_cancel(p);
    then(p, code);
}

/* The text that the answer comes down to, after the guardrail's filter. */
static int32_t read_answer(struct ml_guarding *g, struct base_buf *out) {
    struct ml_predict *p = g->predict;
    const struct ml_deployed *d = g->deployed;
    struct ml_output_rules rules = {.filter = d->filter_text.ptr ? &d->filter : NULL,
                                    .filter_text = d->filter_text};
    struct ml_path path;
    JSON_DOC_AUTO doc = {0};
    JSON_DOC_AUTO element = {0};
    BASE_BUF_AUTO whole;
    base_buf_init(&whole, BASE_BUF_MAX_DEFAULT);
    int32_t code = BERTH_OK;
    if (g->guardrail->response_filter.ptr) {
        rules =
            (struct ml_output_rules){.filter = &path, .filter_text = g->guardrail->response_filter};
        code = ml_path_compile(rules.filter_text, &p->arena, &path, &p->error);
    }
    code = code ? code
                : ml_output_put(&rules, base_buf_view(&g->exchange.body), g->exchange.status, &doc,
                                &whole, &p->error);
    if (!code && !json_parse(&element, base_buf_view(&whole), 0, NULL)) {
        code = base_error_memory(&p->error);
    }
    if (code) {
        return code;
    }
    struct json_value tensor = json_first(json_get(json_root(&element), "output"));
    struct json_value response = json_get(json_get(tensor, "dataAsMap"), "response");
    if (json_is(response, JSON_STRING)) {
        json_unescape(out, json_inner(response));
    } else {
        base_buf_str(out, json_raw(response));
    }
    return out->error ? base_error_memory(&p->error) : BERTH_OK;
}

static void on_answer(void *user, struct ml_exchange *x, int32_t code) {
    struct ml_guarding *g = user;
    struct ml_predict *p = g->predict;
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, BASE_BUF_MAX_DEFAULT);
    if (code) {
        p->error = x->error;
    } else {
        code = read_answer(g, &answer);
        code = code ? code
                    : ml_guardrail_check_answer(g->guardrail, base_buf_view(&answer), g->what,
                                                p->loop->match_data, &p->error);
    }
    finish(g, code);
}

static int32_t start(struct ml_guarding *g, struct berth_str text) {
    struct ml_predict *p = g->predict;
    struct ml_exchange *x = &g->exchange;
    struct json_value parameters;
    struct ml_loop_model *model = ml_catalogue_find(p->loop, g->guardrail->model_id);
    if (!model) {
        return ml_invalid(&p->error,
                          "the model [" BASE_FMT "], which guards this one, is not deployed",
                          BASE_ARG(g->guardrail->model_id));
    }
    g->deployed = ml_deployed_ref(model->deployed);
    json_open_object(&x->made_text);
    json_member_string(&x->made_text, "question", text);
    json_close_object(&x->made_text);
    int32_t code = ml_exchange_read_made(x, &parameters);
    code = code ? code : ml_exchange_prepare(x, g->deployed, ML_ACTION_PREDICT, model, parameters);
    code = code ? code : ml_exchange_start(x, on_answer, g);
    if (code) {
        p->error = x->error;
    }
    return code;
}

void ml_predict_guard(struct ml_predict *p, const struct ml_guardrail *guardrail, const char *what,
                      struct berth_str text, ml_predict_fn then) {
    if (!guardrail->model_id.ptr || text.len == 0) {
        then(p, BERTH_OK);
        return;
    }
    struct ml_guarding *g = calloc(1, sizeof *g);
    if (!g) {
        then(p, base_error_memory(&p->error));
        return;
    }
    ml_exchange_init(&g->exchange, p->loop);
    g->guardrail = guardrail;
    g->what = what;
    g->then = then;
    g->predict = p;
    p->guarding = g;
    int32_t code = start(g, text);
    if (code) {
        finish(g, code);
    }
}
