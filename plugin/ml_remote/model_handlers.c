/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models: get, delete, search; model_update.c updates them.
 */
#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/handlers.h"

int32_t ml_get_model(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    int32_t code = ml_access_get(call, ML_MODEL, ml_call_id(call), ML_MAY_USE, &model);
    if (!code) {
        ml_document_show(ML_MODEL, model.root, &call->out);
    }
    return code;
}

/* ---- delete ---- */

static bool is_deployed(struct json_value model) {
    static const char *const states[] = {"DEPLOYED", "DEPLOYING", "PARTIALLY_DEPLOYED"};
    for (size_t i = 0; i < BASE_COUNT(states); i++) {
        if (json_string_is(json_get(model, "model_state"), base_cstr(states[i]))) {
            return true;
        }
    }
    return false;
}

static int32_t delete_once(struct ml_call *call) {
    ML_DOCUMENT_AUTO model = {0};
    struct berth_str id = ml_call_id(call);
    int32_t code = ml_access_get(call, ML_MODEL, id, ML_MAY_CHANGE, &model);
    if (!code && is_deployed(model.root)) {
        code = ml_status(&call->error, 400,
                         "the model [" BASE_FMT "] is deployed, undeploy it first", BASE_ARG(id));
    }
    if (code) {
        return code;
    }
    struct berth_write writes[] = {
        ml_write_over(&model, BERTH_WRITE_DELETE, base_str("", 0)),
        ml_write(ML_CONTROLLER, BERTH_WRITE_DELETE, id, base_str("", 0)),
    };
    struct berth_write_result results[BASE_COUNT(writes)];
    bool has_controller = json_is(json_get(model.root, "is_controller_enabled"), JSON_TRUE);
    code = ml_store_write(call->plugin, writes, has_controller ? 2 : 1, results, &call->error);
    if (!code) {
        ml_put_write_result(ML_MODEL, id, &results[0], &call->out);
    }
    return code;
}

int32_t ml_delete_model(struct ml_call *call) {
    int32_t code = BERTH_E_CONFLICT;
    for (int i = 0; i < ML_ATTEMPTS_MAX && code == BERTH_E_CONFLICT; i++) {
        code = delete_once(call);
    }
    return code;
}

int32_t ml_search_models(struct ml_call *call) {
    return ml_search(call, ML_MODEL);
}
