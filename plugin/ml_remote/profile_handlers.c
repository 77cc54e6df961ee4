/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET …/profile: the deployed models of this node, with the timings of their latest predictions.
 */
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/stats.h"
#include "plugin/ml_remote/task.h"

#define PREDICTOR "RemoteModel@berth"

struct profile {
    struct ml_call *call;
    struct berth_str node;
    struct berth_str wanted; /* ids, joined by commas; empty: all */
    struct base_buf ids;     /* of the deployed models, each with a line's end behind it */
    bool by_model;
};

static void note_model(void *user, struct berth_str id) {
    struct profile *p = user;
    base_buf_str(&p->ids, id);
    base_buf_char(&p->ids, '\n');
}

static bool is_wanted(const struct profile *p, struct berth_str id) {
    struct berth_str rest = p->wanted;
    struct berth_str one;
    while (rest.len && base_str_split(&rest, ',', &one)) {
        if (base_str_eq(base_str_trim(one), id)) {
            return true;
        }
    }
    return p->wanted.len == 0;
}

static void put_workers(const struct profile *p, const char *key, struct base_buf *out) {
    json_key(out, key);
    json_open_array(out);
    json_put_string(out, p->node);
    json_close_array(out);
}

/* What is known of a model on this node. */
static void put_model(const struct profile *p, struct ml_model_sum *sum, struct base_buf *out) {
    json_open_object(out);
    json_member_cstr(out, "model_state", "DEPLOYED");
    json_member_cstr(out, "predictor", PREDICTOR);
    put_workers(p, "target_worker_nodes", out);
    put_workers(p, "worker_nodes", out);
    if (sum->remote.len) {
        json_key(out, "model_inference_stats");
        ml_stats_put_timings(&sum->remote, out);
    }
    if (sum->whole.len) {
        json_key(out, "predict_request_stats");
        ml_stats_put_timings(&sum->whole, out);
    }
    json_close_object(out);
}

static void put_one(const struct profile *p, struct berth_str id, struct ml_model_sum *sum,
                    struct base_buf *out) {
    json_key_str(out, id);
    if (!p->by_model) {
        put_model(p, sum, out);
        return;
    }
    json_open_object(out);
    put_workers(p, "target_worker_nodes", out);
    put_workers(p, "worker_nodes", out);
    json_key(out, "nodes");
    json_open_object(out);
    json_key_str(out, p->node);
    put_model(p, sum, out);
    json_close_object(out);
    json_close_object(out);
}

/* Appends the models, as members; nothing where there are none. */
static int32_t put_models(struct profile *p, struct base_buf *out) {
    struct berth_str id;
    ml_catalogue_each(p->call->plugin, note_model, p);
    struct berth_str rest = base_buf_view(&p->ids);
    while (rest.len && base_str_split(&rest, '\n', &id) && id.len) {
        struct ml_model_sum sum;
        if (is_wanted(p, id) && ml_stats_read_model(p->call->plugin, id, &sum)) {
            put_one(p, id, &sum, out);
            ml_stats_free_model(&sum);
        }
    }
    return out->error || p->ids.error ? base_error_memory(&p->call->error) : BERTH_OK;
}

static int32_t read_view(struct profile *p) {
    struct berth_str view;
    if (p->call->plugin->routes->query(p->call->request, BERTH_STR("view"), &view)) {
        return BERTH_OK;
    }
    p->by_model = base_str_is(view, "model");
    return p->by_model || base_str_is(view, "node")
               ? BERTH_OK
               : ml_invalid(&p->call->error, "the query parameter [view] is node or model");
}

/* {"nodes": {node: {"models": {…}}}} or {"models": {…}}; {} where there is nothing to tell. */
static void put_answer(const struct profile *p, struct berth_str models, struct base_buf *out) {
    if (models.len == 0) {
        base_buf_cstr(out, "{}");
        return;
    }
    json_open_object(out);
    if (!p->by_model) {
        json_key(out, "nodes");
        json_open_object(out);
        json_key_str(out, p->node);
        json_open_object(out);
    }
    json_key(out, "models");
    base_buf_char(out, '{');
    base_buf_str(out, models);
    base_buf_cstr(out, p->by_model ? "}}" : "}}}}");
}

static int32_t answer(struct ml_call *call, struct berth_str wanted) {
    struct profile p = {
        .call = call, .node = ml_node_id(call->plugin, &call->arena), .wanted = wanted};
    BASE_BUF_AUTO models;
    base_buf_init(&models, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&p.ids, BASE_BUF_MAX_DEFAULT);
    int32_t code = p.node.ptr ? read_view(&p) : base_error_memory(&call->error);
    code = code ? code : put_models(&p, &models);
    if (!code) {
        put_answer(&p, base_buf_view(&models), &call->out);
    }
    base_buf_deinit(&p.ids);
    return code;
}

int32_t ml_get_profile(struct ml_call *call) {
    return answer(call, base_str("", 0));
}

int32_t ml_get_profile_named(struct ml_call *call) {
    return answer(call, call->view->params[0]);
}

/* Predictions end with their request, and other tasks are done when they are told of: none runs. */
int32_t ml_get_profile_tasks(struct ml_call *call) {
    base_buf_cstr(&call->out, "{}");
    return BERTH_OK;
}
