/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginning a batch prediction. The service is asked first, and its answer becomes a task.
 */
#include "plugin/ml_remote/batch.h"

#include "base/clock.h"
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/deploy.h"
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/input.h"
#include "plugin/ml_remote/task.h"

/* ---- how many run ---- */

static const char running_query[] =
    "{\"bool\":{\"filter\":[{\"term\":{\"task_type\":\"BATCH_PREDICTION\"}},"
    "{\"terms\":{\"state\":[\"CREATED\",\"RUNNING\",\"CANCELLING\"]}}]}}";

static int32_t count_running(struct ml_call *call) {
    struct ml_plugin *plugin = call->plugin;
    int64_t running = 0;
    BASE_BUF_AUTO ids;
    base_buf_init(&ids, BASE_BUF_MAX_DEFAULT);
    int32_t code = ml_count(plugin, ML_TASK, base_str(running_query, sizeof running_query - 1),
                            &running, &ids, &call->error);
    if (!code && running + plugin->batches_begun >= call->settings->max_batch_tasks) {
        code = ml_status(&call->error, 429,
                         "%lld batch predictions run, and the setting "
                         "[plugins.ml_commons.max_batch_inference_tasks] allows %lld",
                         (long long)running + plugin->batches_begun,
                         (long long)call->settings->max_batch_tasks);
    }
    return code;
}

/* Counts this one in until its task is written, so that two at a time are not both the last. */
static int32_t enter(struct ml_call *call) {
    (void)pthread_mutex_lock(&call->plugin->batch_lock);
    int32_t code = count_running(call);
    call->plugin->batches_begun += code == BERTH_OK;
    (void)pthread_mutex_unlock(&call->plugin->batch_lock);
    return code;
}

static void leave(struct ml_plugin *plugin) {
    plugin->batches_begun--;
}

/* ---- the request ---- */

/* Where the service's failures are to be put: a bucket, and its region. */
static int32_t read_dlq(struct ml_call *call, struct json_value *out_dlq) {
    static const char *const names[] = {"bucket", "region"};
    int32_t code = ml_call_container(call, call->body, "dlq", JSON_OBJECT, out_dlq);
    for (size_t i = 0; i < BASE_COUNT(names) && !code && json_present(*out_dlq); i++) {
        if (!json_is(json_get(*out_dlq, names[i]), JSON_STRING)) {
            code = ml_invalid(&call->error, "[dlq] needs [bucket] and [region]: texts");
        }
    }
    return code;
}

static int32_t find_model(struct ml_call *call, struct ml_deployed **out_deployed) {
    struct berth_str id = ml_call_id(call);
    *out_deployed = ml_catalogue_get(call->plugin, id);
    if (*out_deployed) {
        return BERTH_OK;
    }
    int32_t code = ml_deploy_automatically(call->plugin, id, &call->error);
    *out_deployed = code ? NULL : ml_catalogue_get(call->plugin, id);
    if (!code && !*out_deployed) {
        code = base_error(&call->error, BERTH_E_UNAVAILABLE,
                          "the model [" BASE_FMT "] was undeployed while it was being deployed",
                          BASE_ARG(id));
    }
    return code;
}

static int32_t check_model(struct ml_call *call, const struct ml_deployed *deployed) {
    if (!call->settings->node_is_eligible) {
        return ml_settings_not_eligible(call->plugin, call->settings, &call->error);
    }
    if (!deployed->is_enabled) {
        return ml_status(&call->error, 403, "the model [" BASE_FMT "] is disabled (is_enabled)",
                         BASE_ARG(deployed->id));
    }
    if (!deployed->actions[ML_ACTION_BATCH_PREDICT].is_present) {
        return ml_invalid(&call->error, "the model's connector has no action of type %s",
                          ml_action_name(ML_ACTION_BATCH_PREDICT));
    }
    return BERTH_OK;
}

/* What the model's limits have to say, last: what is refused before costs nothing. */
static int32_t take_token(struct ml_call *call, const struct ml_deployed *deployed) {
    uint64_t wait_ns = 0;
    return !deployed->limiter ||
                   ml_limiter_take(deployed->limiter, 1, base_monotonic_ns(), 0, &wait_ns)
               ? BERTH_OK
               : ml_status(&call->error, 429,
                           "the rate limiter of the model [" BASE_FMT "] allows no more for now",
                           BASE_ARG(deployed->id));
}

/* ---- the answer ---- */

/* The job as it is kept: the bucket for failures before all that the service said. */
static int32_t make_job(struct ml_call *call, struct base_buf *out) {
    ML_JOB_ANSWER_AUTO answer = {0};
    JSON_DOC_AUTO first = {0};
    BASE_BUF_AUTO head;
    base_buf_init(&head, BASE_BUF_MAX_DEFAULT);
    struct json_value dlq;
    int32_t code = ml_call_read_body(call);
    code = code ? code : read_dlq(call, &dlq);
    code = code ? code
                : ml_job_answer_read(call->answer, ML_ACTION_BATCH_PREDICT, &answer, &call->error);
    if (code) {
        return code;
    }
    base_buf_cstr(&head, "{\"dlq\":");
    base_buf_str(&head, json_present(dlq) ? json_raw(dlq) : BERTH_STR("null"));
    base_buf_char(&head, '}');
    if (!json_parse(&first, base_buf_view(&head), 0, NULL)) {
        return base_error_memory(&call->error);
    }
    ml_job_merge(json_root(&first), answer.job, out);
    return out->error ? base_error_memory(&call->error) : BERTH_OK;
}

static int32_t write_task(struct ml_call *call, struct berth_str job,
                          char out_id[BERTH_ID_LENGTH + 1]) {
    struct berth_write write;
    const struct ml_task task = {.type = "BATCH_PREDICTION",
                                 .state = "RUNNING",
                                 .model_id = ml_call_id(call),
                                 .remote_job = job};
    return ml_task_make(call->plugin, &call->arena, &task, out_id, &write)
               ? base_error_memory(&call->error)
               : ml_store_write(call->plugin, &write, 1, NULL, &call->error);
}

static int32_t answer_job(struct ml_call *call) {
    char id[BERTH_ID_LENGTH + 1];
    BASE_BUF_AUTO job;
    base_buf_init(&job, BASE_BUF_MAX_DEFAULT);
    int32_t code = make_job(call, &job);
    code = code ? code : write_task(call, base_buf_view(&job), id);
    if (!code) {
        json_open_object(&call->out);
        json_member_cstr(&call->out, "task_id", id);
        json_member_cstr(&call->out, "status", "CREATED");
        json_member_raw(&call->out, "remote_job", base_buf_view(&job));
        json_close_object(&call->out);
    }
    return code;
}

static int32_t after_answer(struct ml_call *call) {
    int32_t code = answer_job(call);
    leave(call->plugin);
    return code;
}

static void drop(struct ml_plugin *plugin) {
    leave(plugin);
    ML_LOG(plugin, BERTH_LOG_WARN, "batch_job_not_recorded",
           ML_FIELD("reason", BERTH_STR("the node stops, and the remote service has not answered "
                                        "whether it began the job")));
}

/* ---- the whole ---- */

static int32_t begin(struct ml_call *call, struct ml_deployed *deployed) {
    struct ml_input input;
    struct json_value dlq;
    const struct ml_follow follow = {.then = after_answer, .dropped = drop};
    int32_t code = check_model(call, deployed);
    code = code ? code : ml_call_read_body(call);
    code = code ? code : ml_input_read(call->body, ML_INPUT_PARAMETERS, &input, &call->error);
    code = code ? code : read_dlq(call, &dlq);
    code = code ? code : enter(call);
    if (code) {
        return code;
    }
    code = take_token(call, deployed);
    if (!code) {
        /* The service may have begun the job when the client leaves: it must have a task. */
        const struct ml_question question = {.deployed = ml_deployed_ref(deployed),
                                             .type = ML_ACTION_BATCH_PREDICT,
                                             .parameters = json_raw(input.parameters),
                                             .keeps_on = true};
        code = ml_call_ask(call, &question, &follow);
    }
    if (code) {
        leave(call->plugin);
    }
    return code;
}

int32_t ml_batch_predict(struct ml_call *call) {
    struct ml_deployed *deployed = NULL;
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    if (!code && !call->settings->batch_enabled) {
        code = ml_invalid(&call->error,
                          "batch predictions are switched off; the setting "
                          "[plugins.ml_commons.offline_batch_inference_enabled] switches them on");
    }
    code = code ? code : ml_access_require(call, ML_MODEL, ml_call_id(call), ML_MAY_USE);
    code = code ? code : find_model(call, &deployed);
    code = code ? code : begin(call, deployed);
    ml_deployed_unref(deployed);
    return code;
}
