/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: get, cancel, delete, search.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/batch.h"
#include "plugin/ml_remote/handlers.h"

/* ---- get ---- */

static int32_t show(struct ml_call *call) {
    ML_DOCUMENT_AUTO task = {0};
    int32_t code = ml_access_get(call, ML_TASK, ml_call_id(call), ML_MAY_USE, &task);
    if (!code) {
        ml_document_show(ML_TASK, task.root, &call->out);
    }
    return code;
}

static int32_t after_status(struct ml_call *call) {
    int32_t code = ml_batch_take_status(call->plugin, call->settings, ml_call_id(call),
                                        call->answer, &call->error);
    return code ? code : show(call);
}

static int32_t ask(struct ml_call *call, struct json_value task, enum ml_action_type type,
                   const struct ml_follow *follow) {
    struct ml_question question;
    BASE_BUF_AUTO parameters;
    base_buf_init(&parameters, BASE_BUF_MAX_DEFAULT);
    int32_t code =
        ml_batch_question(call->plugin, task, type, &parameters, &question, &call->error);
    return code ? code : ml_call_ask(call, &question, follow);
}

/* Of a job that has not ended, what the service says of it now. */
int32_t ml_get_task(struct ml_call *call) {
    ML_DOCUMENT_AUTO task = {0};
    int32_t code = ml_access_get(call, ML_TASK, ml_call_id(call), ML_MAY_USE, &task);
    if (code) {
        return code;
    }
    if (call->settings->remote_inference_enabled && ml_batch_is_open(task.root)) {
        const struct ml_follow follow = {.then = after_status};
        return ask(call, task.root, ML_ACTION_BATCH_STATUS, &follow);
    }
    ml_document_show(ML_TASK, task.root, &call->out);
    return BERTH_OK;
}

/* ---- cancel ---- */

static int32_t after_cancel(struct ml_call *call) {
    const struct ml_answer *answer = call->answer;
    if (answer->code) {
        call->error = answer->error;
        return answer->code;
    }
    if (answer->status != 200) {
        return ml_status(&call->error, 502,
                         "the remote service answered %u to the cancellation, where 200 says that "
                         "it is taken",
                         answer->status);
    }
    base_buf_cstr(&call->out, "{\"status\":\"OK\"}");
    return BERTH_OK;
}

int32_t ml_cancel_task(struct ml_call *call) {
    ML_DOCUMENT_AUTO task = {0};
    const struct ml_follow follow = {.then = after_cancel};
    int32_t code = ml_settings_check_remote(call->settings, &call->error);
    code = code ? code : ml_access_get(call, ML_TASK, ml_call_id(call), ML_MAY_USE, &task);
    if (!code && !ml_batch_is_job(task.root)) {
        code =
            ml_invalid(&call->error,
                       "the task [" BASE_FMT "] is no batch prediction: only those have a remote "
                       "job that can be cancelled",
                       BASE_ARG(ml_call_id(call)));
    }
    return code ? code : ask(call, task.root, ML_ACTION_BATCH_CANCEL, &follow);
}

/* ---- delete, search ---- */

int32_t ml_delete_task(struct ml_call *call) {
    ML_DOCUMENT_AUTO task = {0};
    struct berth_str id = ml_call_id(call);
    int32_t code = ml_access_get(call, ML_TASK, id, ML_MAY_CHANGE, &task);
    if (!code && json_string_is(json_get(task.root, "state"), BERTH_STR("RUNNING"))) {
        code = ml_invalid(&call->error, "the task [" BASE_FMT "] is running", BASE_ARG(id));
    }
    if (code) {
        return code;
    }
    struct berth_write write = ml_write_over(&task, BERTH_WRITE_DELETE, base_str("", 0));
    struct berth_write_result result;
    code = ml_store_write(call->plugin, &write, 1, &result, &call->error);
    if (!code) {
        ml_put_write_result(ML_TASK, id, &result, &call->out);
    }
    return code;
}

int32_t ml_search_tasks(struct ml_call *call) {
    return ml_search(call, ML_TASK);
}
