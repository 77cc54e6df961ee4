/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One action of a connector, made ready: what is sent where, and what is done before and behind.
 */
#ifndef ML_REMOTE_ACTION_H
#define ML_REMOTE_ACTION_H

#include "plugin/ml_remote/aws_sigv4.h"
#include "plugin/ml_remote/credentials.h"
#include "plugin/ml_remote/http_client.h"
#include "plugin/ml_remote/json_path.h"
#include "plugin/ml_remote/process.h"
#include "plugin/ml_remote/template.h"

enum ml_action_type {
    ML_ACTION_PREDICT,
    ML_ACTION_BATCH_PREDICT,
    ML_ACTION_BATCH_STATUS,
    ML_ACTION_BATCH_CANCEL,
    ML_ACTION_TYPES,
};

/* The type as connectors write it: PREDICT, ... */
const char *ml_action_name(enum ml_action_type type);

struct ml_action {
    bool is_present;
    struct berth_str method; /* upper case */
    struct ml_template url;
    struct ml_template body;
    bool has_body_template;
    bool may_be_empty; /* nothing to send, or an answer without a body, is no error */
    struct ml_http_headers *headers;
    bool is_signed;                       /* by AWS Signature Version 4 */
    bool sends_hash;                      /* with the header x-amz-content-sha256 */
    struct ml_aws_key key;                /* views into headers and the arena */
    struct ml_aws_header *signed_headers; /* those of the action that the signature covers */
    uint32_t signed_count;
    const struct ml_pre_function *pre;   /* NULL: none */
    const struct ml_post_function *post; /* NULL: none */
};

/*
 * Makes an action of its JSON, whose text lives as long as the arena, as do parameters. The
 * headers hold what they need of the credentials.
 */
int32_t ml_action_make(struct json_value json, bool is_signed,
                       const struct ml_parameters *parameters,
                       const struct ml_credentials *credentials, struct base_arena *arena,
                       struct ml_action *out_action, struct berth_error *error);
void ml_action_deinit(struct ml_action *action);

#endif
