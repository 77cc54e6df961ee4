/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/micro_batch.h"

#include <stdlib.h>

#include "base/clock.h"

struct ml_micro_batch {
    struct ml_micro_batch *next; /* of the loop's that wait for more */
    struct ml_loop *loop;
    struct ml_deployed *deployed; /* a reference */
    struct berth_timer *timer;
    bool is_asked;
    uint64_t asked_ns;
    uint32_t count;
    uint32_t left; /* of them, who left */
    struct ml_exchange exchange;
    struct base_buf text; /* the texts of all, as a client would send them */
    struct json_doc doc;
    struct ml_predict *members[]; /* as many as the model allows; NULL: left */
};

bool ml_micro_batch_takes(const struct ml_predict *p) {
    const struct ml_deployed *d = p->deployed;
    const struct ml_guardrails *g = &d->guardrails;
    bool guarded = g->input.forbidden || g->input.model_id.ptr || g->output.forbidden ||
                   g->output.model_id.ptr;
    return d->batch_size > 1 && p->kind == ML_INPUT_DOCS && p->count == 1 && !p->is_stream &&
           !guarded && !json_present(p->input.parameters) &&
           json_is(json_first(p->input.docs), JSON_STRING) && json_count(p->input.docs) == 1 &&
           ml_post_makes_list(p->rules.post);
}

/* ---- its life ---- */

static void destroy(struct ml_micro_batch *b) {
    struct ml_loop *loop = b->loop;
    for (struct ml_micro_batch **link = &loop->batches; *link; link = &(*link)->next) {
        if (*link == b) {
            *link = b->next;
            break;
        }
    }
    if (b->timer) {
        loop->plugin->loop->timer_destroy(b->timer);
    }
    ml_exchange_deinit(&b->exchange);
    ml_deployed_unref(b->deployed);
    json_doc_deinit(&b->doc);
    base_buf_deinit(&b->text);
    free(b);
}

static void on_timer(void *user);

/* One that waits for more of the model; NULL without memory. */
static struct ml_micro_batch *find_or_create(struct ml_predict *p) {
    struct ml_loop *loop = p->loop;
    const struct berth_loop_v1 *api = p->plugin->loop;
    for (struct ml_micro_batch *b = loop->batches; b; b = b->next) {
        if (b->deployed == p->deployed) {
            return b;
        }
    }
    struct ml_micro_batch *b =
        calloc(1, sizeof *b + p->deployed->batch_size * sizeof(struct ml_predict *));
    if (!b) {
        return NULL;
    }
    b->loop = loop;
    b->deployed = ml_deployed_ref(p->deployed);
    ml_exchange_init(&b->exchange, loop);
    base_buf_init(&b->text, BASE_BUF_MAX_DEFAULT);
    if (api->timer_create(p->plugin->host, on_timer, b, &b->timer)) {
        destroy(b);
        return NULL;
    }
    api->timer_start(b->timer, p->deployed->batch_wait_ms);
    b->next = loop->batches;
    loop->batches = b;
    return b;
}

/* ---- the answer ---- */

/* Takes a member out of the batch, so that it can be ended. */
static struct ml_predict *take(struct ml_micro_batch *b, uint32_t i) {
    struct ml_predict *p = b->members[i];
    b->members[i] = NULL;
    if (p) {
        p->batch = NULL;
        p->answered_ns = base_monotonic_ns();
        p->first.first_try_ns = b->exchange.first_try_ns;
        p->first.waited_ns = b->exchange.waited_ns;
        p->first.connect_ns = b->exchange.connect_ns;
    }
    return p;
}

static void fail_all(struct ml_micro_batch *b, int32_t code, const struct berth_error *error) {
    for (uint32_t i = 0; i < b->count; i++) {
        struct ml_predict *p = take(b, i);
        if (p) {
            p->error = *error;
            ml_predict_end(p, code);
        }
    }
}

/* A member's answer is its tensor alone. */
static void answer_one(struct ml_predict *p, struct berth_str tensor, uint32_t status) {
    p->first.status = status;
    base_buf_cstr(&p->split, "{\"output\":[");
    base_buf_str(&p->split, tensor);
    base_buf_format(&p->split, "],\"status_code\":%u}", status);
    ml_predict_end(p, p->split.error ? base_error_memory(&p->error) : BERTH_OK);
}

static int32_t split(struct ml_micro_batch *b, const struct ml_output_rules *rules,
                     struct base_buf *out, struct json_doc *doc, struct berth_error *error) {
    struct ml_exchange *x = &b->exchange;
    int32_t code = ml_output_put(rules, base_buf_view(&x->body), x->status, &x->made, out, error);
    if (code) {
        return code;
    }
    if (!json_parse(doc, base_buf_view(out), JSON_PACK_NUMBERS, NULL)) {
        return base_error_memory(error);
    }
    size_t count = json_count(json_get(json_root(doc), "output"));
    return count == b->count
               ? BERTH_OK
               : ml_status(error, 502,
                           "the remote service answered %zu texts with %zu results, so that they "
                           "cannot be told apart [micro_batch_max_size]",
                           (size_t)b->count, count);
}

static void answer_all(struct ml_micro_batch *b) {
    struct ml_output_rules rules = {0};
    struct berth_error error = BASE_ERROR_INIT;
    JSON_DOC_AUTO doc = {0};
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    for (uint32_t i = 0; i < b->count && !rules.post; i++) {
        rules = b->members[i] ? b->members[i]->rules : rules; /* they are the connector's */
    }
    int32_t code = split(b, &rules, &out, &doc, &error);
    if (code) {
        fail_all(b, code, &error);
        return;
    }
    struct json_value list = json_get(json_root(&doc), "output");
    struct json_value tensor = json_first(list);
    for (uint32_t i = 0; i < b->count; i++, tensor = json_next(list, tensor)) {
        struct ml_predict *p = take(b, i);
        if (p) {
            answer_one(p, json_raw(tensor), b->exchange.status);
        }
    }
}

static void on_exchange(void *user, struct ml_exchange *x, int32_t code) {
    struct ml_micro_batch *b = user;
    if (code) {
        fail_all(b, code, &x->error);
    } else {
        answer_all(b);
    }
    destroy(b);
}

/* ---- the question ---- */

static int32_t make_question(struct ml_micro_batch *b) {
    struct ml_exchange *x = &b->exchange;
    const struct ml_pre_function *pre = b->deployed->actions[ML_ACTION_PREDICT].pre;
    struct ml_input input;
    struct json_value parameters;
    json_open_object(&b->text);
    json_key(&b->text, "text_docs");
    json_open_array(&b->text);
    for (uint32_t i = 0; i < b->count; i++) {
        json_put_raw(&b->text, json_raw(json_first(b->members[i]->input.docs)));
    }
    json_close_array(&b->text);
    json_close_object(&b->text);
    if (b->text.error || !json_parse(&b->doc, base_buf_view(&b->text), 0, NULL)) {
        return base_error_memory(&x->error);
    }
    int32_t code = ml_input_read(json_root(&b->doc), ML_INPUT_DOCS, &input, &x->error);
    if (!code) {
        ml_pre_make(pre ? pre : ml_pre_default(), &input, 0, b->count, &x->made_text);
        code = ml_exchange_read_made(x, &parameters);
    }
    return code ? code
                : ml_exchange_prepare(x, b->deployed, ML_ACTION_PREDICT,
                                      ml_catalogue_find(b->loop, b->deployed->id), parameters);
}

/* Those who left have no part in it. */
static void close_ranks(struct ml_micro_batch *b) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        struct ml_predict *p = b->members[i];
        b->members[i] = NULL;
        if (p) {
            p->batch_place = count;
            b->members[count++] = p;
        }
    }
    b->count = count;
    b->left = 0;
}

/* No more are taken in. */
static void ask(struct ml_micro_batch *b) {
    uint64_t now = base_monotonic_ns();
    for (struct ml_micro_batch **link = &b->loop->batches; *link; link = &(*link)->next) {
        if (*link == b) {
            *link = b->next;
            break;
        }
    }
    b->is_asked = true;
    close_ranks(b);
    for (uint32_t i = 0; i < b->count; i++) {
        b->members[i]->queued_ns += now - b->members[i]->joined_ns;
    }
    int32_t code = make_question(b);
    code = code ? code : ml_exchange_start(&b->exchange, on_exchange, b);
    if (code) {
        fail_all(b, code, &b->exchange.error);
        destroy(b);
    }
}

static void on_timer(void *user) {
    ask(user);
}

int32_t ml_micro_batch_join(struct ml_predict *p) {
    struct ml_micro_batch *b = find_or_create(p);
    if (!b) {
        return base_error_memory(&p->error);
    }
    p->batch = b;
    p->batch_place = b->count;
    p->joined_ns = base_monotonic_ns();
    b->members[b->count++] = p;
    if (b->count == b->deployed->batch_size) {
        p->plugin->loop->timer_stop(b->timer);
        ask(b);
    }
    return BERTH_OK;
}

void ml_micro_batch_leave(struct ml_predict *p) {
    struct ml_micro_batch *b = p->batch;
    if (!b) {
        return;
    }
    p->batch = NULL;
    b->members[p->batch_place] = NULL;
    b->left++;
    if (b->left == b->count) {
        destroy(b);
    }
}
