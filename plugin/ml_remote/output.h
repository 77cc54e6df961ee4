/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a service's answer to one element of the client's: tensors and the service's status.
 */
#ifndef ML_REMOTE_OUTPUT_H
#define ML_REMOTE_OUTPUT_H

#include "plugin/ml_remote/json_path.h"
#include "plugin/ml_remote/process.h"

/* What is done to an answer. */
struct ml_output_rules {
    const struct ml_post_function *post; /* NULL: none */
    const struct ml_path *filter;        /* NULL: none */
    struct berth_str filter_text;
};

/* Whether an answer goes out as it came. */
static inline bool ml_output_is_plain(const struct ml_output_rules *rules) {
    return !rules->post && !rules->filter;
}

/* What stands around an answer that goes out as it came. tail: room for ML_OUTPUT_TAIL_MAX. */
#define ML_OUTPUT_TAIL_MAX 64
struct ml_output_frame {
    struct berth_str head;
    struct berth_str value;
    struct berth_str tail;
};
void ml_output_plain(struct berth_str answer, uint32_t status, char *tail,
                     struct ml_output_frame *out_frame);

/* Appends the element. doc is memory for the parsed answer, which it may keep. */
int32_t ml_output_put(const struct ml_output_rules *rules, struct berth_str answer, uint32_t status,
                      struct json_doc *doc, struct base_buf *out, struct berth_error *error);

#endif
