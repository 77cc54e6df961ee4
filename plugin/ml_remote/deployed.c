/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/deployed.h"

#include "plugin/ml_remote/micro_batch.h"

#include "base/clock.h"
#include "plugin/ml_remote/connector.h"
#include "plugin/ml_remote/remote_job.h"
#include "plugin/ml_remote/transport.h"

#include <stdlib.h>

#define ARENA_CHUNK 2048
/* No time-out is longer than this: about 12 days. */
#define TIMEOUT_MS_MAX 1000000000

struct making {
    struct ml_plugin *plugin;
    struct ml_deployed *deployed;
    struct json_value connector;
    struct ml_place place; /* of the connector's credential */
    bool is_masked;
    struct berth_error *error;
};

static int32_t open_credentials(struct making *m, struct ml_credentials **out) {
    struct base_arena *arena = &m->deployed->arena;
    return m->is_masked
               ? ml_credentials_mask(m->connector, arena, out, m->error)
               : ml_credentials_open(m->plugin, m->connector, &m->place, arena, out, m->error);
}

static uint64_t milliseconds(int64_t seconds) {
    int64_t longest = TIMEOUT_MS_MAX / (int64_t)BASE_MS_PER_S;
    return (uint64_t)(seconds < 1 ? 1 : seconds > longest ? longest : seconds) * BASE_MS_PER_S;
}

/* ---- actions and parameters ---- */

/* What the connector leaves out and its batch action tells: how the jobs are asked about. */
static int32_t make_job_action(struct making *m, const struct ml_credentials *credentials,
                               enum ml_action_type type, bool is_signed) {
    struct ml_deployed *d = m->deployed;
    struct json_value batch =
        ml_connector_action(m->connector, ml_action_name(ML_ACTION_BATCH_PREDICT));
    BASE_BUF_AUTO text;
    JSON_DOC_AUTO doc = {0};
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    if (d->actions[type].is_present || !json_present(batch) ||
        !ml_job_action(batch, type == ML_ACTION_BATCH_CANCEL, &text)) {
        return BERTH_OK;
    }
    struct berth_str kept = ml_keep(&d->arena, &text);
    if (!kept.ptr || !json_parse(&doc, kept, 0, NULL)) {
        return base_error_memory(m->error);
    }
    return ml_action_make(json_root(&doc), is_signed, &d->parameters, credentials, &d->arena,
                          &d->actions[type], m->error);
}

static int32_t make_actions(struct making *m, bool is_signed,
                            const struct ml_credentials *credentials) {
    struct ml_deployed *d = m->deployed;
    int32_t code = BERTH_OK;
    for (int type = 0; type < ML_ACTION_TYPES && !code; type++) {
        struct json_value action = ml_connector_action(m->connector, ml_action_name(type));
        if (json_present(action)) {
            code = ml_action_make(action, is_signed, &d->parameters, credentials, &d->arena,
                                  &d->actions[type], m->error);
        }
    }
    code = code ? code : make_job_action(m, credentials, ML_ACTION_BATCH_STATUS, is_signed);
    code = code ? code : make_job_action(m, credentials, ML_ACTION_BATCH_CANCEL, is_signed);
    if (!code && !d->actions[ML_ACTION_PREDICT].is_present) {
        code = ml_invalid(m->error, "the model's connector has no action of type predict");
    }
    d->actions[ML_ACTION_BATCH_CANCEL].may_be_empty = true;
    return code;
}

/* A whole number from least to most; otherwise where the connector has no such parameter. */
static int32_t read_number(struct making *m, const char *name, int64_t least, int64_t most,
                           int64_t otherwise, int64_t *out_number) {
    const struct ml_parameter *given =
        ml_parameters_find(&m->deployed->parameters, base_cstr(name));
    *out_number = otherwise;
    if (!given) {
        return BERTH_OK;
    }
    if (!base_str_i64(given->text, out_number) || *out_number < least || *out_number > most) {
        return ml_invalid(m->error,
                          "the connector's parameter [%s] is a whole number from %lld to %lld, not "
                          "[" BASE_FMT "]",
                          name, (long long)least, (long long)most,
                          BASE_ARG(base_str_slice(given->text, 0, 80)));
    }
    return BERTH_OK;
}

static int32_t read_micro_batch(struct making *m) {
    int64_t size = 0;
    int64_t wait = 0;
    int32_t code = read_number(m, "micro_batch_max_size", 1, ML_MICRO_BATCH_SIZE_MAX, 0, &size);
    code = code ? code
                : read_number(m, "micro_batch_max_wait_ms", 0, ML_MICRO_BATCH_WAIT_MAX_MS,
                              ML_MICRO_BATCH_WAIT_DEFAULT_MS, &wait);
    m->deployed->batch_size = (uint32_t)size;
    m->deployed->batch_wait_ms = (uint64_t)wait;
    return code;
}

/* Parameters of the connector that say how answers and documents are treated. */
static int32_t read_parameters(struct making *m) {
    struct ml_deployed *d = m->deployed;
    const struct ml_parameter *filter =
        ml_parameters_find(&d->parameters, BERTH_STR("response_filter"));
    const struct ml_parameter *step =
        ml_parameters_find(&d->parameters, BERTH_STR("input_docs_processed_step_size"));
    d->step_text = step ? step->text : base_str(NULL, 0);
    int32_t code = read_micro_batch(m);
    if (code || !filter || base_str_empty(base_str_trim(filter->text))) {
        return code;
    }
    d->filter_text = filter->text;
    return ml_path_compile(filter->text, &d->arena, &d->filter, m->error);
}

/* The gate of the model that this one takes the place of stays, with those in it. */
static int32_t make_gate(struct making *m, const struct ml_deployed *before) {
    struct ml_deployed *d = m->deployed;
    d->gate = before ? ml_gate_ref(before->gate) : ml_gate_create();
    return d->gate ? BERTH_OK : base_error_memory(m->error);
}

/* Nothing is sent with masks, and no certificate could be read of them. */
static int32_t make_transport(struct making *m, bool is_signed,
                              const struct ml_credentials *credentials) {
    struct ml_deployed *d = m->deployed;
    return m->is_masked
               ? BERTH_OK
               : ml_transport_create(&d->config, is_signed, credentials, &d->transport, m->error);
}

static int32_t make_from_connector(struct making *m) {
    struct ml_deployed *d = m->deployed;
    int32_t code = ml_connector_check_protocol(m->connector, m->error);
    ml_client_config_load(json_get(m->connector, "client_config"), &d->config);
    d->connect_timeout_ms = milliseconds(d->config.connection_timeout);
    d->read_timeout_ms = milliseconds(d->config.read_timeout);
    code = code ? code
                : ml_parameters_compile(json_get(m->connector, "parameters"), &d->arena,
                                        &d->parameters, m->error);
    code = code ? code : read_parameters(m);
    if (code) {
        return code;
    }
    struct ml_credentials *credentials = NULL;
    bool is_signed = ml_connector_is_signed(m->connector);
    code = open_credentials(m, &credentials);
    code = code ? code : make_actions(m, is_signed, credentials);
    code = code ? code : make_transport(m, is_signed, credentials);
    ml_credentials_close(credentials);
    return code;
}

/* ---- what the model itself says ---- */

/* Over how many nodes its limits are divided. */
static double share_of(struct json_value model) {
    size_t nodes = json_count(json_get(model, "planning_worker_nodes"));
    return nodes > 1 ? (double)nodes : 1;
}

static int32_t make_from_model(struct making *m, struct json_value model,
                               const struct ml_deployed *before) {
    struct ml_deployed *d = m->deployed;
    double limit;
    uint64_t unit_ns;
    d->is_enabled = !json_is(json_get(model, "is_enabled"), JSON_FALSE);
    d->ttl_minutes = -1;
    (void)json_i64(json_get(json_get(model, "deploy_setting"), "model_ttl_minutes"),
                   &d->ttl_minutes);
    int32_t code =
        ml_interface_load(json_get(model, "interface"), &d->arena, &d->interface, m->error);
    code = code ? code
                : ml_guardrails_load(json_get(model, "guardrails"), &d->arena, &d->guardrails,
                                     m->error);
    if (!code && ml_limiter_read(json_get(model, "rate_limiter"), &limit, &unit_ns)) {
        limit /= share_of(model);
        bool same = before && ml_limiter_is(before->limiter, limit, unit_ns);
        d->limiter = same ? ml_limiter_ref(before->limiter) : ml_limiter_create(limit, unit_ns);
        code = d->limiter ? BERTH_OK : base_error_memory(m->error);
    }
    return code;
}

/* Its text is kept as the arena is: what is made refers to it. */
static int32_t make_controller(struct making *m, struct json_value model,
                               const struct ml_deployed *before) {
    struct ml_deployed *d = m->deployed;
    ML_DOCUMENT_AUTO stored = {0};
    if (!json_is(json_get(model, "is_controller_enabled"), JSON_TRUE)) {
        return BERTH_OK;
    }
    int32_t code = ml_document_get(m->plugin, ML_CONTROLLER, d->id, &stored, m->error);
    if (code) {
        return code == BERTH_E_NOT_FOUND ? BERTH_OK : code;
    }
    struct berth_str copy = base_arena_dup(&d->arena, stored.stored->source);
    JSON_DOC_AUTO doc = {0};
    if (!copy.ptr || !json_parse(&doc, copy, 0, NULL)) {
        return base_error_memory(m->error);
    }
    return ml_controller_load(json_root(&doc), share_of(model), before ? before->controller : NULL,
                              &d->arena, &d->controller, m->error);
}

/* Of its group, as it is now; when that changes, the model is made anew. */
static int32_t make_access(struct making *m, struct json_value model) {
    struct ml_deployed *d = m->deployed;
    struct json_value group_id = json_get(model, "model_group_id");
    ML_DOCUMENT_AUTO group = {0};
    if (!json_is(group_id, JSON_STRING)) {
        return BERTH_OK;
    }
    if (!json_string(group_id, &d->arena, &d->group_id)) {
        return base_error_memory(m->error);
    }
    int32_t code = ml_document_get(m->plugin, ML_GROUP, d->group_id, &group, m->error);
    if (code) {
        return code == BERTH_E_NOT_FOUND ? BERTH_OK : code;
    }
    struct berth_str copy = base_arena_dup(&d->arena, group.stored->source);
    JSON_DOC_AUTO doc = {0};
    d->has_group = true;
    return copy.ptr && json_parse(&doc, copy, 0, NULL) &&
                   ml_access_load(json_root(&doc), &d->arena, &d->access)
               ? BERTH_OK
               : base_error_memory(m->error);
}

/* ---- the whole ---- */

/* The text of the connector, kept by the deployed model. */
static int32_t keep_connector(struct making *m, struct berth_str text) {
    struct ml_deployed *d = m->deployed;
    struct berth_str copy = base_arena_dup(&d->arena, text);
    if (!copy.ptr || !json_parse(&d->doc, copy, 0, NULL)) {
        return base_error_memory(m->error);
    }
    m->connector = json_root(&d->doc);
    return BERTH_OK;
}

static int32_t find_connector(struct making *m, struct json_value model) {
    struct json_value internal = json_get(model, "connector");
    struct berth_str connector_id;
    if (json_is(internal, JSON_OBJECT)) {
        m->place = (struct ml_place){ML_MODEL, m->deployed->id, "connector."};
        return keep_connector(m, json_raw(internal));
    }
    if (!json_string(json_get(model, "connector_id"), &m->deployed->arena, &connector_id)) {
        return ml_invalid(m->error, "the model has no connector");
    }
    connector_id = base_arena_dup(&m->deployed->arena, connector_id);
    if (!connector_id.ptr) {
        return base_error_memory(m->error);
    }
    m->place = (struct ml_place){ML_CONNECTOR, connector_id, ""};
    ML_DOCUMENT_AUTO stored = {0};
    int32_t code = ml_document_get(m->plugin, ML_CONNECTOR, connector_id, &stored, m->error);
    return code ? code : keep_connector(m, stored.stored->source);
}

/* Its own copy of the model's text: what is made refers to it. */
static int32_t keep_model(struct making *m, struct json_value *model) {
    struct ml_deployed *d = m->deployed;
    struct berth_str copy = base_arena_dup(&d->arena, json_raw(*model));
    if (!d->id.ptr || !copy.ptr || !json_parse(&d->model_doc, copy, 0, NULL)) {
        return base_error_memory(m->error);
    }
    *model = json_root(&d->model_doc);
    return BERTH_OK;
}

static int32_t create(struct making *m, struct berth_str id, struct json_value model,
                      const struct ml_deployed *before, struct ml_deployed **out_deployed) {
    struct ml_deployed *deployed = calloc(1, sizeof *deployed);
    if (!deployed) {
        return base_error_memory(m->error);
    }
    m->deployed = deployed;
    deployed->references = 1;
    base_arena_init(&deployed->arena, ARENA_CHUNK);
    deployed->id = base_arena_dup(&deployed->arena, id);
    int32_t code = keep_model(m, &model);
    code = code ? code : find_connector(m, model);
    code = code ? code : make_from_connector(m);
    code = code ? code : make_gate(m, before);
    code = code ? code : make_from_model(m, model, before);
    code = code ? code : make_controller(m, model, before);
    code = code ? code : make_access(m, model);
    if (code) {
        ml_deployed_unref(deployed);
        return code;
    }
    *out_deployed = deployed;
    return BERTH_OK;
}

int32_t ml_deployed_create(struct ml_plugin *plugin, struct berth_str id, struct json_value model,
                           const struct ml_deployed *before, struct ml_deployed **out_deployed,
                           struct berth_error *error) {
    struct making m = {.plugin = plugin, .error = error};
    return create(&m, id, model, before, out_deployed);
}

int32_t ml_deployed_create_masked(struct ml_plugin *plugin, struct berth_str id,
                                  struct json_value model, struct ml_deployed **out_deployed,
                                  struct berth_error *error) {
    struct making m = {.plugin = plugin, .is_masked = true, .error = error};
    return create(&m, id, model, NULL, out_deployed);
}

bool ml_deployed_lets(const struct ml_deployed *deployed, const struct berth_user *user) {
    return !user || user->is_admin || !deployed->group_id.ptr ||
           (deployed->has_group && ml_access_may(ML_GROUP, ML_MAY_USE, &deployed->access, user));
}

struct ml_deployed *ml_deployed_ref(struct ml_deployed *deployed) {
    deployed->references++;
    return deployed;
}

void ml_deployed_unref(struct ml_deployed *deployed) {
    if (deployed && --deployed->references == 0) {
        for (int type = 0; type < ML_ACTION_TYPES; type++) {
            ml_action_deinit(&deployed->actions[type]);
        }
        ml_guardrails_unload(&deployed->guardrails);
        ml_limiter_unref(deployed->limiter);
        ml_gate_unref(deployed->gate);
        ml_transport_destroy(deployed->transport);
        ml_controller_unload(deployed->controller);
        json_doc_deinit(&deployed->doc);
        json_doc_deinit(&deployed->model_doc);
        base_arena_deinit(&deployed->arena);
        free(deployed);
    }
}
