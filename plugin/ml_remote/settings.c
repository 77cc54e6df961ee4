/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/settings.h"

#include "base/clock.h"
#include "base/json.h"
#include "plugin/ml_remote/deploy.h"
#include "plugin/ml_remote/housekeeping.h"

#include <stdlib.h>

#define PREFIX "plugins.ml_commons."
#define KEY(name) PREFIX name

/* Endpoints that are trusted where the setting is not set, one a line of the default. */
static const struct berth_str default_endpoints[] = {
    BERTH_STR_INIT("^https://runtime\\.sagemaker\\..*[a-z0-9-]\\.amazonaws\\.com/.*$"),
    BERTH_STR_INIT("^https://api\\.sagemaker\\..*[a-z0-9-]\\.amazonaws\\.com/.*$"),
    BERTH_STR_INIT("^https://api\\.openai\\.com/.*$"),
    BERTH_STR_INIT("^https://api\\.cohere\\.ai/.*$"),
    BERTH_STR_INIT("^https://api\\.deepseek\\.com/.*$"),
    BERTH_STR_INIT("^https://bedrock-runtime\\..*[a-z0-9-]\\.amazonaws\\.com/.*$"),
    BERTH_STR_INIT("^https://bedrock-agent-runtime\\..*[a-z0-9-]\\.amazonaws\\.com/.*$"),
    BERTH_STR_INIT("^https://bedrock\\..*[a-z0-9-]\\.amazonaws\\.com/.*$"),
    BERTH_STR_INIT("^https://textract\\..*[a-z0-9-]\\.amazonaws\\.com$"),
    BERTH_STR_INIT("^https://comprehend\\..*[a-z0-9-]\\.amazonaws\\.com$"),
    BERTH_STR_INIT("^https://rekognition(-fips)?\\..*[a-z0-9-]\\.amazonaws\\.com$"),
};

static const struct berth_str default_roles[] = {BERTH_STR_INIT("data"), BERTH_STR_INIT("ml")};

/* Where a remote job's status is looked for. */
static const struct berth_str default_status_fields[] = {
    BERTH_STR_INIT("status"), BERTH_STR_INIT("Status"), BERTH_STR_INIT("TransformJobStatus")};

/* The settings whose expressions tell a remote job's state. */
static const char *const job_keys[ML_JOB_STATES] = {
    [ML_JOB_CANCELLING] = KEY("remote_job.status_regex.cancelling"),
    [ML_JOB_CANCELLED] = KEY("remote_job.status_regex.cancelled"),
    [ML_JOB_COMPLETED] = KEY("remote_job.status_regex.completed"),
    [ML_JOB_EXPIRED] = KEY("remote_job.status_regex.expired"),
    [ML_JOB_FAILED] = KEY("remote_job.status_regex.failed"),
};

struct row {
    const char *key;
    uint32_t type;
    const char *default_text;
    double min;
    double max;
    const struct berth_str *list; /* the default of a list */
    uint32_t list_count;
    const char *description;
};

#define BOOL(name, value, text) {KEY(name), BERTH_SETTING_BOOL, value, 0, 0, NULL, 0, text}
#define INT(name, value, min, max, text)                                                           \
    {KEY(name), BERTH_SETTING_INT, value, min, max, NULL, 0, text}
#define TEXT(name, value, text) {KEY(name), BERTH_SETTING_TEXT, value, 0, 0, NULL, 0, text}
#define LIST(name, list, text)                                                                     \
    {KEY(name), BERTH_SETTING_LIST, NULL, 0, 0, list, BASE_COUNT(list), text}

/* All of them can be changed at run time. */
static const struct row rows[] = {
    BOOL("remote_inference.enabled", "true",
         "Off: no connector is created, no remote model registered, deployed or asked."),
    LIST("trusted_connector_endpoints_regex", default_endpoints,
         "Expressions of which a connector's URL must match one, as a whole."),
    BOOL("connector.private_ip_enabled", "false",
         "On: remote services may have private addresses."),
    BOOL("connector_access_control_enabled", "false", "On: connectors have owners and access."),
    BOOL("model_access_control_enabled", "false", "On: model groups have owners and access."),
    BOOL("only_run_on_ml_node", "true",
         "On: remote models run on nodes with the role ml alone; off: on hot data nodes too."),
    LIST("task_dispatcher.eligible_node_role.remote_model", default_roles,
         "Roles of which a node needs one to run remote models."),
    TEXT("exclude_nodes._name", "", "Names of nodes that run no models, joined by commas."),
    BOOL("allow_custom_deployment_plan", "false",
         "On: deploy and undeploy may name the nodes (node_ids)."),
    BOOL("model_auto_deploy.enable", "true",
         "On: a model that is not deployed is deployed by its first prediction."),
    BOOL("model_auto_redeploy.enable", "true", "On: models are deployed again on nodes that join."),
    INT("model_auto_redeploy.lifetime_retry_times", "3", 0, 1e6,
        "How often a model is deployed again by itself."),
    {KEY("model_auto_redeploy_success_ratio"), BERTH_SETTING_FLOAT, "0.8", 0, 1, NULL, 0,
     "The share of nodes that must succeed when a model is deployed again."},
    TEXT("task_dispatch_policy", "round_robin",
         "How a worker is chosen: round_robin or least_load."),
    INT("max_ml_task_per_node", "10", 0, 10000, "Tasks that a node runs, for least_load."),
    INT("max_model_on_node", "10", 0, 10000, "Models of a node; remote models are not counted."),
    INT("max_register_model_tasks_per_node", "10", 0, 10, "Registrations of a node at a time."),
    INT("max_deploy_model_tasks_per_node", "10", 0, 10, "Deployments of a node at a time."),
    INT("max_batch_inference_tasks", "100", 0, 10000, "Batch predictions that run at a time."),
    INT("monitoring_request_count", "100", 0, 10000000,
        "Recent predictions whose durations a profile keeps."),
    INT("native_memory_threshold", "90", 0, 100, "Taken for compatibility; has no effect."),
    INT("jvm_heap_memory_threshold", "85", 0, 100, "Taken for compatibility; has no effect."),
    INT("sync_up_job_interval_in_seconds", "10", 0, 86400,
        "How often documents are compared with what runs; 0: never."),
    INT("ml_task_timeout_in_seconds", "600", 1, 86400, "A task that runs longer has failed."),
    {KEY("task_retention"), BERTH_SETTING_TIME, "0", 0, 3650.0 * 86400 * 1000, NULL, 0,
     "Tasks that ended so long ago are deleted; 0: they are kept."},
    LIST("remote_job.status_field", default_status_fields,
         "Members of a remote job of which the first that is there has its status."),
    TEXT("remote_job.status_regex.cancelling", "(stopping|cancelling)",
         "Found in the status of a remote job that is being cancelled, whatever its case."),
    TEXT("remote_job.status_regex.cancelled", "(stopped|cancelled)",
         "Found in the status of a remote job that was cancelled."),
    TEXT("remote_job.status_regex.completed", "(complete|completed|partiallyCompleted)",
         "Found in the status of a remote job that is done."),
    TEXT("remote_job.status_regex.expired", "(expired|timeout)",
         "Found in the status of a remote job that took too long."),
    TEXT("remote_job.status_regex.failed", "(failed)",
         "Found in the status of a remote job that failed."),
    BOOL("controller_enabled", "true", "On: users' rate limits can be set (controllers)."),
    BOOL("safe_delete_model", "false", "On: a model that others refer to is not deleted."),
    BOOL("offline_batch_inference_enabled", "true", "On: batch predictions are taken."),
    BOOL("stream_enabled", "false", "On: streamed predictions are taken."),
    INT("remote.max_in_flight", "0", 0, 1e6,
        "Exchanges with remote services at once on a node; beyond: 503. 0: no limit but "
        "[http.max_in_flight]."),
    INT("remote.max_in_flight_per_model", "0", 0, 1e6,
        "The same of one model; beyond: 429. A connector's max_connection holds beside it."),
    INT("remote.max_in_flight_per_service", "0", 0, 1e6,
        "The same with one remote service, by its origin; beyond: 503."),
    INT("remote.queue_ms", "0", 0, 600000,
        "How long, in milliseconds, a prediction waits where a rate limit or one of the limits "
        "above is reached, before it is refused; 0: not at all."),
    INT("remote.queue_size", "1000", 0, 1e6,
        "How many wait at each of these limits; beyond, they are refused at once."),
    INT("remote.circuit_breaker.failure_percent", "50", 0, 100,
        "The share of failed exchanges at which a remote service is not asked for a while: no "
        "connection, no answer in time, 502, 503, 504. 0: services are asked whatever fails."),
    INT("remote.circuit_breaker.minimum_exchanges", "100", 1, 1e6,
        "Exchanges of a window, below which the share is not looked at."),
    {KEY("remote.circuit_breaker.window"), BERTH_SETTING_TIME, "10s", 100, 3600 * 1000.0, NULL, 0,
     "The time in which they are counted."},
    {KEY("remote.circuit_breaker.open_time"), BERTH_SETTING_TIME, "5s", 1, 3600 * 1000.0, NULL, 0,
     "How long nothing is asked, until one exchange is let through to try."},
    INT("remote.retry_budget_percent", "20", 0, 100,
        "Retries of a window, as a share of its exchanges with a remote service; the first "
        "hundred are free. 100: no budget."),
    INT("max_json_size", "100000000", -1, 2147483647,
        "The largest answer of a remote service, in bytes; -1: up to 2 GiB."),
};

static int32_t declare_row(struct ml_plugin *plugin, const struct row *row,
                           struct berth_error *error) {
    struct berth_str text = base_cstr(row->default_text);
    bool list = row->type == BERTH_SETTING_LIST;
    struct berth_setting setting = {.size = sizeof setting,
                                    .type = row->type,
                                    .flags = BERTH_SETTING_DYNAMIC,
                                    .default_count = list ? row->list_count : 1,
                                    .key = base_cstr(row->key),
                                    .description = base_cstr(row->description),
                                    .default_values = list ? row->list : &text,
                                    .min = row->min,
                                    .max = row->max};
    return plugin->settings_api->declare(plugin->host, &setting, 1, error);
}

/* ---- reading ---- */

/* The table declares what is read here, so that reading cannot fail. */
static bool get_bool(struct ml_plugin *plugin, const struct berth_settings_view *view,
                     const char *key) {
    int64_t value = 0;
    (void)plugin->settings_api->get_int(view, base_cstr(key), &value);
    return value != 0;
}

static int64_t get_int(struct ml_plugin *plugin, const struct berth_settings_view *view,
                       const char *key) {
    int64_t value = 0;
    (void)plugin->settings_api->get_int(view, base_cstr(key), &value);
    return value;
}

static const struct berth_str *copy_list(struct base_arena *arena, const struct berth_str *list,
                                         uint32_t count) {
    struct berth_str *copy = base_arena_array(arena, count + 1u, sizeof *copy);
    for (uint32_t i = 0; copy && i < count; i++) {
        copy[i] = base_arena_dup(arena, list[i]);
        if (!copy[i].ptr) {
            return NULL;
        }
    }
    return copy;
}

static int32_t read_rules(struct ml_plugin *plugin, const struct berth_settings_view *view,
                          struct ml_settings *s, struct berth_error *error) {
    const struct berth_str *roles = NULL;
    struct berth_str names = {"", 0};
    struct berth_str name;
    (void)plugin->settings_api->get_list(
        view, BERTH_STR(KEY("task_dispatcher.eligible_node_role.remote_model")), &roles,
        &s->rules.role_count);
    (void)plugin->settings_api->get_text(view, BERTH_STR(KEY("exclude_nodes._name")), &names);
    uint32_t commas = 1;
    for (uint64_t i = 0; i < names.len; i++) {
        commas += names.ptr[i] == ',';
    }
    struct berth_str *excluded = base_arena_array(&s->arena, commas, sizeof *excluded);
    while (excluded && base_str_split(&names, ',', &name)) {
        name = base_str_trim(name);
        if (name.len) {
            excluded[s->rules.excluded_count++] = name;
        }
    }
    s->rules.roles = copy_list(&s->arena, roles, s->rules.role_count);
    s->rules.excluded = excluded ? copy_list(&s->arena, excluded, s->rules.excluded_count) : NULL;
    s->rules.only_ml_nodes = get_bool(plugin, view, KEY("only_run_on_ml_node"));
    return s->rules.roles && s->rules.excluded ? BERTH_OK : base_error_memory(error);
}

struct eligible_call {
    const struct ml_eligibility_rules *rules;
    bool local_is_eligible;
};

static void note_local(void *user, const struct berth_node *nodes, uint32_t count) {
    struct eligible_call *call = user;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].is_local) {
            call->local_is_eligible = ml_eligibility_of(call->rules, &nodes[i]) == ML_ELIGIBLE;
        }
    }
}

static int32_t make_trust(struct ml_plugin *plugin, const struct berth_settings_view *view,
                          struct ml_trust **out_trust, struct berth_error *error) {
    const struct berth_str *patterns = NULL;
    uint32_t count = 0;
    (void)plugin->settings_api->get_list(view, BERTH_STR(KEY("trusted_connector_endpoints_regex")),
                                         &patterns, &count);
    return ml_trust_create(patterns, count, out_trust, error);
}

static int32_t make_job_expression(struct ml_plugin *plugin, const struct berth_settings_view *view,
                                   const char *key, struct ml_trust **out_expression,
                                   struct berth_error *error) {
    struct berth_str text = {"", 0};
    (void)plugin->settings_api->get_text(view, base_cstr(key), &text);
    return ml_trust_create_search(&text, 1, out_expression, error);
}

static int32_t read_job_rules(struct ml_plugin *plugin, const struct berth_settings_view *view,
                              struct ml_settings *s, struct berth_error *error) {
    const struct berth_str *fields = NULL;
    (void)plugin->settings_api->get_list(view, BERTH_STR(KEY("remote_job.status_field")), &fields,
                                         &s->job_rules.field_count);
    s->job_rules.fields = copy_list(&s->arena, fields, s->job_rules.field_count);
    int32_t code = s->job_rules.fields ? BERTH_OK : base_error_memory(error);
    for (int i = 0; i < ML_JOB_STATES && !code; i++) {
        code = make_job_expression(plugin, view, job_keys[i], &s->job_rules.expressions[i], error);
    }
    return code;
}

static void read_task_settings(struct ml_plugin *plugin, const struct berth_settings_view *view,
                               struct ml_settings *s) {
    s->max_register_tasks = get_int(plugin, view, KEY("max_register_model_tasks_per_node"));
    s->max_deploy_tasks = get_int(plugin, view, KEY("max_deploy_model_tasks_per_node"));
    s->max_batch_tasks = get_int(plugin, view, KEY("max_batch_inference_tasks"));
    s->batch_enabled = get_bool(plugin, view, KEY("offline_batch_inference_enabled"));
    s->sync_interval_ms =
        (uint64_t)get_int(plugin, view, KEY("sync_up_job_interval_in_seconds")) * BASE_MS_PER_S;
    s->task_timeout_ms =
        (uint64_t)get_int(plugin, view, KEY("ml_task_timeout_in_seconds")) * BASE_MS_PER_S;
    s->task_retention_ms = (uint64_t)get_int(plugin, view, KEY("task_retention"));
}

static void read_remote_settings(struct ml_plugin *plugin, const struct berth_settings_view *view,
                                 struct ml_settings *s) {
    s->max_exchanges = (uint32_t)get_int(plugin, view, KEY("remote.max_in_flight"));
    s->max_model_exchanges = (uint32_t)get_int(plugin, view, KEY("remote.max_in_flight_per_model"));
    s->max_remote_exchanges =
        (uint32_t)get_int(plugin, view, KEY("remote.max_in_flight_per_service"));
    s->queue_ms = (uint64_t)get_int(plugin, view, KEY("remote.queue_ms"));
    s->queue_size = (uint32_t)get_int(plugin, view, KEY("remote.queue_size"));
    s->upstream = (struct ml_upstream_rules){
        .failure_percent =
            (uint32_t)get_int(plugin, view, KEY("remote.circuit_breaker.failure_percent")),
        .least_exchanges =
            (uint32_t)get_int(plugin, view, KEY("remote.circuit_breaker.minimum_exchanges")),
        .window_ns =
            (uint64_t)get_int(plugin, view, KEY("remote.circuit_breaker.window")) * BASE_NS_PER_MS,
        .open_ns = (uint64_t)get_int(plugin, view, KEY("remote.circuit_breaker.open_time")) *
                   BASE_NS_PER_MS,
        .retry_percent = (uint32_t)get_int(plugin, view, KEY("remote.retry_budget_percent"))};
}

static int32_t make_snapshot(struct ml_plugin *plugin, const struct berth_settings_view *view,
                             struct ml_settings **out_settings, struct berth_error *error) {
    struct ml_settings *s = calloc(1, sizeof *s);
    if (!s) {
        return base_error_memory(error);
    }
    base_arena_init(&s->arena, 1024);
    s->references = 1;
    s->remote_inference_enabled = get_bool(plugin, view, KEY("remote_inference.enabled"));
    s->private_ip_enabled = get_bool(plugin, view, KEY("connector.private_ip_enabled"));
    s->connector_access_control = get_bool(plugin, view, KEY("connector_access_control_enabled"));
    s->model_access_control = get_bool(plugin, view, KEY("model_access_control_enabled"));
    s->allow_custom_deployment_plan = get_bool(plugin, view, KEY("allow_custom_deployment_plan"));
    s->controller_enabled = get_bool(plugin, view, KEY("controller_enabled"));
    s->stream_enabled = get_bool(plugin, view, KEY("stream_enabled"));
    s->auto_deploy = get_bool(plugin, view, KEY("model_auto_deploy.enable"));
    s->auto_redeploy = get_bool(plugin, view, KEY("model_auto_redeploy.enable"));
    struct berth_str policy = {NULL, 0};
    (void)plugin->settings_api->get_text(view, BERTH_STR(KEY("task_dispatch_policy")), &policy);
    s->least_load = base_str_is(policy, "least_load");
    read_task_settings(plugin, view, s);
    read_remote_settings(plugin, view, s);
    s->monitoring_request_count = (uint32_t)get_int(plugin, view, KEY("monitoring_request_count"));
    int64_t max_json = get_int(plugin, view, KEY("max_json_size"));
    s->max_answer = max_json < 0 ? JSON_TEXT_MAX : (uint64_t)max_json;
    int32_t code = read_rules(plugin, view, s, error);
    code = code ? code : make_trust(plugin, view, &s->trust, error);
    code = code ? code : read_job_rules(plugin, view, s, error);
    if (code) {
        ml_settings_release(s);
        return code;
    }
    struct eligible_call call = {.rules = &s->rules};
    (void)plugin->nodes->read(plugin->host, note_local, &call);
    s->node_is_eligible = call.local_is_eligible;
    *out_settings = s;
    return BERTH_OK;
}

/* ---- the two phases of a change ---- */

static int32_t validate(void *user, const struct berth_settings_view *view,
                        struct berth_error *error) {
    struct ml_plugin *plugin = user;
    struct ml_trust *trust = NULL;
    struct berth_error reason = BASE_ERROR_INIT;
    if (make_trust(plugin, view, &trust, &reason)) {
        return base_error(error, BERTH_E_INVALID,
                          "the setting [" KEY("trusted_connector_endpoints_regex") "]: %.800s",
                          reason.message);
    }
    ml_trust_destroy(trust);
    for (int i = 0; i < ML_JOB_STATES; i++) {
        if (make_job_expression(plugin, view, job_keys[i], &trust, &reason)) {
            return base_error(error, BERTH_E_INVALID, "the setting [%s]: %.800s", job_keys[i],
                              reason.message);
        }
        ml_trust_destroy(trust);
    }
    struct berth_str policy = {"", 0};
    (void)plugin->settings_api->get_text(view, BERTH_STR(KEY("task_dispatch_policy")), &policy);
    if (!base_str_is(policy, "round_robin") && !base_str_is(policy, "least_load")) {
        return base_error(error, BERTH_E_INVALID,
                          "the setting [" KEY("task_dispatch_policy") "] cannot be [" BASE_FMT
                                                                      "]: round_robin, least_load",
                          BASE_ARG(policy));
    }
    return BERTH_OK;
}

static void give_to_loop(void *user, uint32_t index, void *context) {
    struct ml_settings *settings = user;
    struct ml_loop *loop = context;
    (void)index;
    if (loop->settings->serial < settings->serial) {
        ml_settings_release(loop->settings);
        loop->settings = ml_settings_ref(settings);
        ml_usages_limit(&loop->usages, settings->monitoring_request_count);
        ml_housekeeping_follow(loop);
    }
}

static void changed(void *user, const struct berth_settings_view *view) {
    struct ml_plugin *plugin = user;
    struct ml_settings *settings = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    if (make_snapshot(plugin, view, &settings, &error)) {
        /* Validated before: only memory can be missing, and then the old values go on. */
        ML_LOG(plugin, BERTH_LOG_ERROR, "settings_not_applied",
               ML_FIELD("reason", base_cstr(error.message)));
        return;
    }
    (void)pthread_mutex_lock(&plugin->settings_lock);
    struct ml_settings *old = plugin->settings;
    settings->serial = old ? old->serial + 1 : 1;
    plugin->settings = ml_settings_ref(settings);
    (void)pthread_mutex_unlock(&plugin->settings_lock);
    (void)plugin->loop->run_on_all(plugin->host, give_to_loop, settings);
    bool evict = old && old->node_is_eligible && !settings->node_is_eligible;
    if (old) {
        ml_settings_release(old);
    }
    ml_settings_release(settings);
    if (evict) {
        ml_deploy_evict_later(plugin);
    }
}

int32_t ml_settings_declare(struct ml_plugin *plugin, struct berth_error *error) {
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(rows) && !code; i++) {
        code = declare_row(plugin, &rows[i], error);
    }
    if (!code && plugin->settings_api->observe(plugin->host, validate, changed, plugin)) {
        code = base_error_memory(error);
    }
    return code;
}

/* ---- using ---- */

struct ml_settings *ml_settings_ref(struct ml_settings *settings) {
    settings->references++;
    return settings;
}

bool ml_settings_known(struct ml_plugin *plugin) {
    (void)pthread_mutex_lock(&plugin->settings_lock);
    bool known = plugin->settings != NULL;
    (void)pthread_mutex_unlock(&plugin->settings_lock);
    return known;
}

struct ml_settings *ml_settings_acquire(struct ml_plugin *plugin) {
    (void)pthread_mutex_lock(&plugin->settings_lock);
    struct ml_settings *settings = ml_settings_ref(plugin->settings);
    (void)pthread_mutex_unlock(&plugin->settings_lock);
    return settings;
}

void ml_settings_release(struct ml_settings *settings) {
    if (settings && --settings->references == 0) {
        ml_trust_destroy(settings->trust);
        for (int i = 0; i < ML_JOB_STATES; i++) {
            ml_trust_destroy(settings->job_rules.expressions[i]);
        }
        base_arena_deinit(&settings->arena);
        free(settings);
    }
}

int32_t ml_settings_check_remote(const struct ml_settings *settings, struct berth_error *error) {
    return settings->remote_inference_enabled
               ? BERTH_OK
               : base_error_rest(error, BERTH_E_INVALID, 400, "status_exception",
                                 "remote inference is switched off; the setting [" KEY(
                                     "remote_inference.enabled") "] switches it on");
}

int32_t ml_settings_check_stream(const struct ml_settings *settings, struct berth_error *error) {
    return settings->stream_enabled
               ? BERTH_OK
               : base_error(error, BERTH_E_INVALID,
                            "streamed predictions are switched off; the setting [" KEY(
                                "stream_enabled") "] switches them on");
}

struct explain_call {
    const struct ml_eligibility_rules *rules;
    struct base_buf text;
};

static void explain(void *user, const struct berth_node *nodes, uint32_t count) {
    struct explain_call *call = user;
    for (uint32_t i = 0; i < count; i++) {
        base_buf_cstr(&call->text, i ? "; " : "");
        ml_eligibility_explain(call->rules, &nodes[i], &call->text);
    }
}

int32_t ml_settings_not_eligible(struct ml_plugin *plugin, const struct ml_settings *settings,
                                 struct berth_error *error) {
    struct explain_call call = {.rules = &settings->rules};
    base_buf_init(&call.text, BERTH_ERROR_MESSAGE_MAX);
    (void)plugin->nodes->read(plugin->host, explain, &call);
    int32_t code = base_error(error, BERTH_E_INVALID, "no node may run remote models: " BASE_FMT,
                              BASE_ARG(base_buf_view(&call.text)));
    base_buf_deinit(&call.text);
    return code;
}
