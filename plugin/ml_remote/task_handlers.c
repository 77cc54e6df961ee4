/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: get, delete, search.
 */
#include "plugin/ml_remote/handlers.h"

#include "plugin/ml_remote/documents.h"

int32_t ml_get_task(struct ml_call *call) {
    ML_DOCUMENT_AUTO task = {0};
    int32_t code = ml_document_get(call->plugin, ML_TASK, ml_call_id(call), &task, &call->error);
    if (!code) {
        ml_document_show(ML_TASK, task.root, &call->out);
    }
    return code;
}

int32_t ml_delete_task(struct ml_call *call) {
    ML_DOCUMENT_AUTO task = {0};
    struct berth_str id = ml_call_id(call);
    int32_t code = ml_document_get(call->plugin, ML_TASK, id, &task, &call->error);
    if (!code && json_string_is(json_get(task.root, "state"), BERTH_STR("RUNNING"))) {
        code = ml_invalid(&call->error, "the task [" BASE_FMT "] is running", BASE_ARG(id));
    }
    struct berth_write write = ml_write(ML_TASK, BERTH_WRITE_DELETE, id, base_str("", 0));
    struct berth_write_result result;
    code = code ? code : ml_store_write(call->plugin, &write, 1, &result, &call->error);
    if (!code) {
        ml_put_write_result(ML_TASK, id, &result, &call->out);
    }
    return code;
}

int32_t ml_search_tasks(struct ml_call *call) {
    return ml_search(call, ML_TASK);
}
