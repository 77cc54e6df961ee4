/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration documents: get.
 */
#include "plugin/ml_remote/documents.h"
#include "plugin/ml_remote/handlers.h"

int32_t ml_get_config(struct ml_call *call) {
    ML_DOCUMENT_AUTO config = {0};
    struct berth_str id = ml_call_id(call);
    if (base_str_starts(id, BERTH_STR("master_key"))) {
        return ml_invalid(&call->error, "the configuration [" BASE_FMT "] is not shown",
                          BASE_ARG(id));
    }
    int32_t code = ml_document_get(call->plugin, ML_CONFIG, id, &config, &call->error);
    if (!code) {
        ml_document_show(ML_CONFIG, config.root, &call->out);
    }
    return code;
}
