/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a batch prediction: its service is asked, and the task follows the answer.
 */
#include "plugin/ml_remote/batch.h"

#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/output.h"
#include "plugin/ml_remote/settings.h"

/* Attempts against other writers of the same task. */
#define ATTEMPTS_MAX 8

/* ---- answers ---- */

void ml_job_answer_release(struct ml_job_answer *answer) {
    json_doc_deinit(&answer->sent);
    json_doc_deinit(&answer->made);
    base_buf_deinit(&answer->text);
}

static int32_t not_a_job(const struct ml_answer *answer, struct berth_error *error) {
    struct berth_str shown = base_str_slice(base_buf_view(&answer->body), 0, 160);
    return base_error(error, BERTH_E_NOT_FOUND,
                      "the remote service answered no job, which is a JSON object: " BASE_FMT,
                      BASE_ARG(shown));
}

int32_t ml_job_answer_read(const struct ml_answer *answer, enum ml_action_type type,
                           struct ml_job_answer *out, struct berth_error *error) {
    const struct ml_output_rules rules = {.post = answer->deployed->actions[type].post};
    base_buf_init(&out->text, BASE_BUF_MAX_DEFAULT);
    if (answer->code) {
        *error = answer->error;
        return answer->code;
    }
    if (!json_parse(&out->sent, base_buf_view(&answer->body), 0, NULL)) {
        return base_error_memory(error);
    }
    out->job = json_root(&out->sent);
    if (!json_is(out->job, JSON_OBJECT)) {
        return not_a_job(answer, error);
    }
    if (!rules.post) {
        return BERTH_OK;
    }
    int32_t code = ml_output_put(&rules, base_buf_view(&answer->body), answer->status, &out->sent,
                                 &out->text, error);
    if (!code && !json_parse(&out->made, base_buf_view(&out->text), 0, NULL)) {
        code = base_error_memory(error);
    }
    struct json_value tensor = json_first(json_get(json_root(&out->made), "output"));
    out->job = json_get(tensor, "dataAsMap");
    return code || json_is(out->job, JSON_OBJECT) ? code : not_a_job(answer, error);
}

/* ---- tasks ---- */

bool ml_batch_is_job(struct json_value task) {
    return json_string_is(json_get(task, "task_type"), BERTH_STR("BATCH_PREDICTION")) &&
           json_string_is(json_get(task, "function_name"), BERTH_STR("REMOTE"));
}

bool ml_batch_is_open(struct json_value task) {
    static const char *const states[] = {"CREATED", "RUNNING", "CANCELLING", "UNREACHABLE"};
    struct json_value state = json_get(task, "state");
    for (size_t i = 0; i < BASE_COUNT(states); i++) {
        if (ml_batch_is_job(task) && json_string_is(state, base_cstr(states[i]))) {
            return true;
        }
    }
    return false;
}

/* ---- asking ---- */

/* The model as it is deployed, or made ready for this one question: asking deploys nothing. */
static int32_t find_model(struct ml_plugin *plugin, struct berth_str id,
                          struct ml_deployed **out_deployed, struct berth_error *error) {
    *out_deployed = ml_catalogue_get(plugin, id);
    if (*out_deployed) {
        return BERTH_OK;
    }
    ML_DOCUMENT_AUTO model = {0};
    int32_t code = ml_document_get(plugin, ML_MODEL, id, &model, error);
    return code ? code : ml_deployed_create(plugin, id, model.root, NULL, out_deployed, error);
}

int32_t ml_batch_question(struct ml_plugin *plugin, struct json_value task,
                          enum ml_action_type type, struct base_buf *parameters,
                          struct ml_question *out_question, struct berth_error *error) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 256);
    struct berth_str model_id;
    struct ml_deployed *deployed = NULL;
    if (!json_string(json_get(task, "model_id"), &arena, &model_id)) {
        return base_error_memory(error);
    }
    ml_job_parameters(json_get(task, "remote_job"), parameters);
    int32_t code = parameters->error ? base_error_memory(error)
                                     : find_model(plugin, model_id, &deployed, error);
    if (!code && !deployed->actions[type].is_present) {
        code = ml_invalid(error,
                          "the connector of the model [" BASE_FMT
                          "] has no action of type %s, and the service is none of those for which "
                          "it is known (SageMaker, OpenAI, Bedrock, Cohere)",
                          BASE_ARG(model_id), ml_action_name(type));
        ml_deployed_unref(deployed);
    }
    if (!code) {
        *out_question = (struct ml_question){
            .deployed = deployed, .type = type, .parameters = base_buf_view(parameters)};
    }
    return code;
}

/* ---- following ---- */

/* The task's next state; NULL: it stays. One that answers is not unreachable any more. */
static const char *next_state(const struct ml_settings *settings, struct json_value task,
                              struct json_value job, void *scratch) {
    const char *state = ml_job_state_of(&settings->job_rules, job, scratch);
    bool unreachable = json_string_is(json_get(task, "state"), BERTH_STR("UNREACHABLE"));
    return state ? state : unreachable ? "RUNNING" : NULL;
}

/* What changes in a task; ptr NULL: it stays. */
struct change {
    struct berth_str job;
    const char *state;
};

static int32_t write_change(struct ml_plugin *plugin, const struct ml_document *task,
                            const struct change *change, struct berth_error *error) {
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO source;
    base_arena_init(&arena, 256);
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    struct ml_edit edits[3] = {{"last_update_time", ml_now(&arena)}};
    size_t count = 1;
    bool memory = edits[0].raw.ptr != NULL;
    if (change->job.ptr) {
        edits[count++] = (struct ml_edit){"remote_job", change->job};
    }
    if (change->state) {
        struct berth_str raw = ml_quote(&arena, base_cstr(change->state));
        edits[count++] = (struct ml_edit){"state", raw};
        memory = memory && raw.ptr;
    }
    ml_document_edit(ML_TASK, task->root, edits, count, &source);
    if (!memory || source.error) {
        return base_error_memory(error);
    }
    struct berth_write write = ml_write_over(task, BERTH_WRITE_PUT, base_buf_view(&source));
    return ml_store_write(plugin, &write, 1, NULL, error);
}

static int32_t take_once(struct ml_plugin *plugin, const struct ml_settings *settings,
                         struct berth_str task_id, struct json_value answer,
                         struct berth_error *error) {
    ML_DOCUMENT_AUTO task = {0};
    JSON_DOC_AUTO doc = {0};
    BASE_BUF_AUTO job;
    base_buf_init(&job, BASE_BUF_MAX_DEFAULT);
    int32_t code = ml_document_get(plugin, ML_TASK, task_id, &task, error);
    if (code) {
        return code;
    }
    ml_job_merge(json_get(task.root, "remote_job"), answer, &job);
    void *scratch = ml_trust_scratch_create();
    if (job.error || !scratch || !json_parse(&doc, base_buf_view(&job), 0, NULL)) {
        code = base_error_memory(error);
    }
    const struct change change = {
        .job = base_buf_view(&job),
        .state = code ? NULL : next_state(settings, task.root, json_root(&doc), scratch),
    };
    if (scratch) {
        ml_trust_scratch_destroy(scratch);
    }
    return code ? code : write_change(plugin, &task, &change, error);
}

int32_t ml_batch_take_status(struct ml_plugin *plugin, const struct ml_settings *settings,
                             struct berth_str task_id, const struct ml_answer *answer,
                             struct berth_error *error) {
    ML_JOB_ANSWER_AUTO read = {0};
    int32_t code = ml_job_answer_read(answer, ML_ACTION_BATCH_STATUS, &read, error);
    if (code) {
        return code;
    }
    code = BERTH_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = take_once(plugin, settings, task_id, read.job, error);
    }
    return code;
}

static int32_t set_once(struct ml_plugin *plugin, struct berth_str task_id, const char *state,
                        struct berth_error *error) {
    ML_DOCUMENT_AUTO task = {0};
    int32_t code = ml_document_get(plugin, ML_TASK, task_id, &task, error);
    const struct change change = {.state = state};
    return code ? code : write_change(plugin, &task, &change, error);
}

int32_t ml_batch_set_state(struct ml_plugin *plugin, struct berth_str task_id, const char *state,
                           struct berth_error *error) {
    int32_t code = BERTH_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = set_once(plugin, task_id, state, error);
    }
    return code;
}
