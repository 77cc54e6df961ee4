/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_config: how a connector's service is asked. Time-outs are seconds.
 */
#ifndef ML_REMOTE_CLIENT_CONFIG_H
#define ML_REMOTE_CLIENT_CONFIG_H

#include "plugin/ml_remote/call.h"

/* Entries of retry_status_codes. */
#define ML_RETRY_STATUSES_MAX 32u

struct ml_client_config {
    int64_t max_connection;
    int64_t connection_timeout;
    int64_t read_timeout;
    int64_t retry_backoff_millis;
    int64_t retry_timeout_seconds;
    int64_t max_retry_times;
    bool skip_ssl_verification;
    bool mutual_tls_enabled;
    struct berth_str retry_backoff_policy; /* lower case, constant */
    uint32_t retry_status_count;           /* 0: those that are usual */
    uint32_t retry_statuses[ML_RETRY_STATUSES_MAX];
};

/* Reads a client's object, and appends it in full, defaults for what is left out. */
int32_t ml_client_config_normalise(struct ml_call *call, struct json_value object,
                                   struct base_buf *out);

/* Reads a stored one; absent: the defaults of a connector without client_config. */
void ml_client_config_load(struct json_value stored, struct ml_client_config *out_config);

#endif
