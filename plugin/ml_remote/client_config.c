/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/client_config.h"

#include <stddef.h>

/* Numbers: their defaults in an object that leaves them out, and where there is no object. */
static const struct {
    const char *name;
    size_t offset;
    int64_t omitted;
    int64_t absent;
} numbers[] = {
    {"max_connection", offsetof(struct ml_client_config, max_connection), 30, 30},
    {"connection_timeout", offsetof(struct ml_client_config, connection_timeout), 30000, 30},
    {"read_timeout", offsetof(struct ml_client_config, read_timeout), 30000, 30},
    {"retry_backoff_millis", offsetof(struct ml_client_config, retry_backoff_millis), 200, 200},
    {"retry_timeout_seconds", offsetof(struct ml_client_config, retry_timeout_seconds), 30, 30},
    {"max_retry_times", offsetof(struct ml_client_config, max_retry_times), 0, 0},
};

static const char *const policies[] = {"constant", "exponential_equal_jitter",
                                       "exponential_full_jitter"};

static const char statuses_name[] = "retry_status_codes";

/* Switches, which are off unless they are sent, and kept only where they are. */
static const struct {
    const char *name;
    size_t offset;
} switches[] = {
    {"skip_ssl_verification", offsetof(struct ml_client_config, skip_ssl_verification)},
    {"mutual_tls_enabled", offsetof(struct ml_client_config, mutual_tls_enabled)},
};

static bool *switch_of(struct ml_client_config *config, size_t i) {
    return (bool *)(void *)((char *)config + switches[i].offset);
}

static int32_t put_switches(struct ml_call *call, struct json_value object, struct base_buf *out) {
    int32_t code = BERTH_OK;
    struct ml_client_config config = {0};
    for (size_t i = 0; i < BASE_COUNT(switches) && !code; i++) {
        bool given = false;
        code = ml_call_bool(call, object, switches[i].name, switch_of(&config, i), &given);
        if (!code && given) {
            json_member_bool(out, switches[i].name, *switch_of(&config, i));
        }
    }
    if (!code && config.skip_ssl_verification && config.mutual_tls_enabled) {
        code = ml_invalid(&call->error,
                          "[client_config.mutual_tls_enabled] and [skip_ssl_verification] exclude "
                          "one another: who shows a certificate must know to whom");
    }
    return code;
}

static int64_t *number_of(struct ml_client_config *config, size_t i) {
    return (int64_t *)(void *)((char *)config + numbers[i].offset);
}

static int32_t read_policy(struct ml_call *call, struct json_value object,
                           struct ml_client_config *config) {
    struct berth_str text = {NULL, 0};
    int32_t code = ml_call_text(call, object, "retry_backoff_policy", &text);
    config->retry_backoff_policy = base_cstr(policies[0]);
    if (code || !text.ptr) {
        return code;
    }
    for (size_t i = 0; i < BASE_COUNT(policies); i++) {
        if (base_str_eq_nocase(text, base_cstr(policies[i]))) {
            config->retry_backoff_policy = base_cstr(policies[i]);
            return BERTH_OK;
        }
    }
    return ml_invalid(&call->error,
                      "[client_config.retry_backoff_policy] cannot be [" BASE_FMT
                      "]: constant, exponential_equal_jitter, exponential_full_jitter",
                      BASE_ARG(text));
}

static int32_t read_number(struct ml_call *call, struct json_value object, size_t i,
                           struct ml_client_config *config) {
    struct berth_str text = {NULL, 0};
    int32_t code = ml_call_text(call, object, numbers[i].name, &text);
    *number_of(config, i) = numbers[i].omitted;
    if (code || !text.ptr) {
        return code;
    }
    if (!base_str_i64(text, number_of(config, i))) {
        return base_error_rest(&call->error, BERTH_E_INVALID, 400, "number_format_exception",
                               "[client_config.%s] is a whole number, not [" BASE_FMT "]",
                               numbers[i].name, BASE_ARG(text));
    }
    return BERTH_OK;
}

/* Which statuses are tried again: [429, 503]. Kept only where it was sent. */
static int32_t put_statuses(struct ml_call *call, struct json_value object, struct base_buf *out) {
    struct json_value list;
    int32_t code = ml_call_container(call, object, statuses_name, JSON_ARRAY, &list);
    if (code || !json_present(list)) {
        return code;
    }
    if (json_count(list) == 0 || json_count(list) > ML_RETRY_STATUSES_MAX) {
        return ml_invalid(&call->error, "[client_config.%s] has 1 to %u statuses", statuses_name,
                          ML_RETRY_STATUSES_MAX);
    }
    json_key(out, statuses_name);
    json_open_array(out);
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        int64_t status;
        if (!json_i64(v, &status) || status < 400 || status > 599) {
            return ml_invalid(&call->error,
                              "[client_config.%s] holds statuses from 400 to 599, not [" BASE_FMT
                              "]",
                              statuses_name, BASE_ARG(base_str_slice(json_raw(v), 0, 80)));
        }
        json_put_i64(out, status);
    }
    json_close_array(out);
    return BERTH_OK;
}

int32_t ml_client_config_normalise(struct ml_call *call, struct json_value object,
                                   struct base_buf *out) {
    struct ml_client_config config = {0};
    int32_t code = BERTH_OK;
    json_open_object(out);
    for (size_t i = 0; i < BASE_COUNT(numbers) && !code; i++) {
        code = read_number(call, object, i, &config);
        json_member_i64(out, numbers[i].name, *number_of(&config, i));
    }
    code = code ? code : read_policy(call, object, &config);
    json_member_string(out, "retry_backoff_policy", config.retry_backoff_policy);
    code = code ? code : put_statuses(call, object, out);
    code = code ? code : put_switches(call, object, out);
    json_close_object(out);
    return code;
}

void ml_client_config_load(struct json_value stored, struct ml_client_config *out_config) {
    *out_config = (struct ml_client_config){.retry_backoff_policy = base_cstr(policies[0])};
    for (size_t i = 0; i < BASE_COUNT(numbers); i++) {
        if (!json_i64(json_get(stored, numbers[i].name), number_of(out_config, i))) {
            *number_of(out_config, i) = numbers[i].absent;
        }
    }
    for (size_t i = 0; i < BASE_COUNT(policies); i++) {
        if (json_string_is(json_get(stored, "retry_backoff_policy"), base_cstr(policies[i]))) {
            out_config->retry_backoff_policy = base_cstr(policies[i]);
        }
    }
    for (size_t i = 0; i < BASE_COUNT(switches); i++) {
        *switch_of(out_config, i) = json_is(json_get(stored, switches[i].name), JSON_TRUE);
    }
    struct json_value list = json_get(stored, statuses_name);
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        int64_t status;
        if (out_config->retry_status_count < ML_RETRY_STATUSES_MAX && json_i64(v, &status)) {
            out_config->retry_statuses[out_config->retry_status_count++] = (uint32_t)status;
        }
    }
}
