/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predictions: the way through, on the loop. What is sent is made in predict_make.c, what is
 * answered in predict_reply.c.
 */
#include "plugin/ml_remote/predict.h"

#include "plugin/ml_remote/deploy.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/settings.h"

#include <stdlib.h>

/* ---- memory ---- */

struct ml_predict *ml_predict_create(struct ml_loop *loop) {
    struct ml_predict *p = loop->free_predicts;
    if (p) {
        loop->free_predicts = p->next;
        loop->free_predict_count--;
        return p;
    }
    p = calloc(1, sizeof *p);
    if (p) {
        p->loop = loop;
        struct base_buf *const buffers[] = {&p->payload, &p->url, &p->scratch, &p->missing,
                                            &p->answer};
        for (size_t i = 0; i < BASE_COUNT(buffers); i++) {
            base_buf_init(buffers[i], BASE_BUF_MAX_DEFAULT);
        }
    }
    return p;
}

void ml_predict_free(struct ml_predict *p) {
    ml_deployed_unref(p->deployed);
    json_doc_deinit(&p->doc);
    base_buf_deinit(&p->payload);
    base_buf_deinit(&p->url);
    base_buf_deinit(&p->scratch);
    base_buf_deinit(&p->missing);
    base_buf_deinit(&p->answer);
    free(p);
}

/* A buffer for the next prediction, without what an unusually large one left. */
static void recycle(struct base_buf *buf) {
    if (buf->cap > ML_KEPT_BUFFER) {
        base_buf_deinit(buf);
    }
    base_buf_clear(buf);
}

void ml_predict_destroy(struct ml_predict *p) {
    struct ml_loop *loop = p->loop;
    if (loop->free_predict_count >= ML_KEPT_PREDICTS) {
        ml_predict_free(p);
        return;
    }
    ml_deployed_unref(p->deployed);
    base_buf_deinit(&p->answer);
    recycle(&p->payload);
    recycle(&p->url);
    recycle(&p->scratch);
    recycle(&p->missing);
    struct ml_predict kept = *p;
    *p = (struct ml_predict){.next = loop->free_predicts,
                             .loop = loop,
                             .doc = kept.doc,
                             .payload = kept.payload,
                             .url = kept.url,
                             .scratch = kept.scratch,
                             .missing = kept.missing};
    base_buf_init(&p->answer, BASE_BUF_MAX_DEFAULT);
    if (p->doc.cap > ML_KEPT_BUFFER / sizeof *p->doc.nodes) {
        json_doc_deinit(&p->doc);
    }
    loop->free_predicts = p;
    loop->free_predict_count++;
}

/* ---- the call ---- */

static void on_done(void *user, struct ml_http_answer *answer) {
    struct ml_predict *p = user;
    p->call = NULL;
    (void)p->loop->plugin->routes->on_cancel(p->request, NULL, NULL);
    ml_predict_reply(p, answer);
}

/* The client left: nobody waits for the remote service any more. */
static void on_cancel(void *user) {
    struct ml_predict *p = user;
    if (p->call) {
        ml_http_cancel(p->call);
        p->call = NULL;
    }
    (void)base_error(&p->error, BERTH_E_CANCELLED, "the client left");
    ml_predict_fail(p);
}

static int32_t check_method(struct ml_predict *p) {
    static const char *const known[] = {"POST", "GET", "PUT", "DELETE"};
    for (size_t i = 0; i < BASE_COUNT(known); i++) {
        if (base_str_is(p->deployed->method, known[i])) {
            return BERTH_OK;
        }
    }
    return ml_invalid(&p->error,
                      "the connector's action has the method [" BASE_FMT
                      "], allowed are POST, GET, PUT and DELETE",
                      BASE_ARG(p->deployed->method));
}

static int32_t read_body(struct ml_predict *p) {
    struct json_error fault;
    struct berth_str body = p->view->body;
    if (body.len == 0) {
        return base_error(&p->error, BERTH_E_PARSE, "a body with [parameters] is required");
    }
    if (!json_parse(&p->doc, body, JSON_COMMENTS | JSON_TRAILING | JSON_UNIQUE_KEYS, &fault)) {
        return json_report(&fault, "the body", &p->error);
    }
    p->parameters = json_get(json_root(&p->doc), "parameters");
    return json_is(p->parameters, JSON_OBJECT)
               ? BERTH_OK
               : ml_invalid(&p->error, "the body needs [parameters]: an object");
}

static int32_t send(struct ml_predict *p, struct ml_loop_model *model) {
    struct berth_str url;
    int32_t code = read_body(p);
    code = code ? code : check_method(p);
    code = code ? code : ml_predict_make_payload(p);
    code = code ? code : ml_predict_make_url(p, model, &url);
    if (code) {
        return code;
    }
    const struct ml_deployed *d = p->deployed;
    struct ml_http_request request = {.method = d->method,
                                      .url = url,
                                      .headers = d->headers,
                                      .body = base_buf_view(&p->payload),
                                      .connect_timeout_ms = d->connect_timeout_ms,
                                      .read_timeout_ms = d->read_timeout_ms,
                                      .max_body = p->loop->settings->max_answer,
                                      .allow_private = p->loop->settings->private_ip_enabled};
    (void)p->loop->plugin->routes->on_cancel(p->request, on_cancel, p);
    if (ml_http_start(p->loop->client, &request, on_done, p, &p->call)) {
        (void)p->loop->plugin->routes->on_cancel(p->request, NULL, NULL);
        return base_error_memory(&p->error);
    }
    return BERTH_OK;
}

/* ---- the model ---- */

static void begin(struct ml_predict *p, bool may_deploy);

static void after_deploy(void *user, uint32_t index, void *context) {
    struct ml_predict *p = user;
    (void)index;
    if (!context) {
        (void)base_error(&p->error, BERTH_E_UNAVAILABLE, "the node is stopping");
        (void)p->loop->plugin->routes->reply_error(p->request, &p->error);
        ml_predict_free(p);
    } else if (p->deploy_code) {
        ml_predict_fail(p);
    } else {
        begin(p, false);
    }
}

/* On a worker. */
static void deploy(void *user) {
    struct ml_predict *p = user;
    struct ml_plugin *plugin = p->loop->plugin;
    p->deploy_code = ml_deploy_automatically(plugin, p->model_id, &p->error);
    if (plugin->loop->post(plugin->host, p->loop->index, after_deploy, p)) {
        (void)base_error_memory(&p->error);
        (void)plugin->routes->reply_error(p->request, &p->error);
        ml_predict_free(p);
    }
}

static int32_t check_model(struct ml_predict *p) {
    const struct ml_settings *settings = p->loop->settings;
    if (!settings->node_is_eligible) {
        return ml_settings_not_eligible(p->loop->plugin, settings, &p->error);
    }
    return p->deployed->is_enabled
               ? BERTH_OK
               : ml_status(&p->error, 403, "the model [" BASE_FMT "] is disabled (is_enabled)",
                           BASE_ARG(p->model_id));
}

static void begin(struct ml_predict *p, bool may_deploy) {
    struct ml_loop_model *model = ml_catalogue_find(p->loop, p->model_id);
    int32_t code = BERTH_OK;
    if (model) {
        p->deployed = ml_deployed_ref(model->deployed);
        code = check_model(p);
        code = code ? code : send(p, model);
    } else if (may_deploy) {
        int32_t refused = p->loop->plugin->worker->submit(p->loop->plugin->host, deploy, p);
        code = refused ? base_error(&p->error, refused,
                                    "the model is not deployed, and no worker is free to deploy it")
                       : BERTH_OK;
    } else {
        code = base_error(&p->error, BERTH_E_UNAVAILABLE,
                          "the model [" BASE_FMT "] was undeployed while it was being deployed",
                          BASE_ARG(p->model_id));
    }
    if (code) {
        ml_predict_fail(p);
    }
}

void ml_predict(void *user, struct berth_request *request, const struct berth_request_view *view) {
    struct ml_plugin *plugin = user;
    struct ml_loop *loop = view->loop_context;
    struct ml_predict *p = ml_predict_create(loop);
    struct berth_error error = BASE_ERROR_INIT;
    if (!p) {
        (void)base_error_memory(&error);
        (void)plugin->routes->reply_error(request, &error);
        return;
    }
    p->request = request;
    p->view = view;
    p->model_id = view->params[view->param_count - 1];
    p->error = error;
    if (ml_settings_check_remote(loop->settings, &p->error)) {
        ml_predict_fail(p);
        return;
    }
    begin(p, true);
}
