/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/reference.h"

int32_t ml_reference_take(struct ml_call *call, struct berth_str id,
                          struct berth_write *out_write) {
    ML_DOCUMENT_AUTO use = {0};
    struct berth_error reason = BASE_ERROR_INIT;
    int32_t code = ml_document_get(call->plugin, ML_CONNECTOR_USE, id, &use, &reason);
    if (code && code != BERTH_E_NOT_FOUND) {
        call->error = reason;
        return code;
    }
    *out_write = ml_write(ML_CONNECTOR_USE, code ? BERTH_WRITE_CREATE : BERTH_WRITE_PUT, id,
                          BERTH_STR("{}"));
    if (!code) {
        out_write->flags = BERTH_WRITE_IF_SEQ_NO;
        out_write->if_seq_no = use.stored->seq_no;
    }
    return BERTH_OK;
}

int32_t ml_reference_end(struct ml_call *call, struct berth_str id, struct berth_write *out_write) {
    int32_t code = ml_reference_take(call, id, out_write);
    if (!code && out_write->op == BERTH_WRITE_CREATE) {
        /* What is not there cannot be deleted on the condition that nobody makes it. */
        code = ml_store_write(call->plugin, out_write, 1, NULL, &call->error);
        code = code ? code : ml_reference_take(call, id, out_write);
    }
    out_write->op = BERTH_WRITE_DELETE;
    out_write->source = base_str(NULL, 0);
    return code;
}
