/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which answers are worth another try, and when.
 */
#include "base/clock.h"
#include "plugin/ml_remote/exchange.h"

#include <stdlib.h>

/* Statuses that say that the same question may be answered later. */
static const uint32_t statuses[] = {408, 429, 500, 502, 503, 504};

/* A doubled delay grows no further than this. */
#define DOUBLINGS_MAX 30u

static bool is_passing(const struct ml_client_config *config, const struct ml_http_answer *answer) {
    if (answer->outcome != ML_HTTP_ANSWERED) {
        /* Only where the service cannot have begun with the question. */
        return answer->outcome == ML_HTTP_UNRESOLVED || answer->outcome == ML_HTTP_REFUSED;
    }
    if (answer->is_throttled && answer->status >= 400) {
        return true;
    }
    if (config->retry_status_count) {
        for (uint32_t i = 0; i < config->retry_status_count; i++) {
            if (config->retry_statuses[i] == answer->status) {
                return true;
            }
        }
        return false;
    }
    for (size_t i = 0; i < BASE_COUNT(statuses); i++) {
        if (statuses[i] == answer->status) {
            return true;
        }
    }
    return false;
}

static uint64_t random_up_to(uint64_t most) {
    return most == 0 ? 0 : (uint64_t)random() % (most + 1);
}

static uint64_t backoff_ms(const struct ml_client_config *config, uint32_t retries) {
    uint64_t base = config->retry_backoff_millis < 1 ? 1 : (uint64_t)config->retry_backoff_millis;
    uint64_t longest = config->retry_timeout_seconds < 0
                           ? 0
                           : (uint64_t)config->retry_timeout_seconds * BASE_MS_PER_S;
    base = base > longest ? longest : base;
    if (base_str_is(config->retry_backoff_policy, "constant")) {
        return base;
    }
    uint32_t doublings = retries > DOUBLINGS_MAX ? DOUBLINGS_MAX : retries;
    uint64_t grown = base > longest >> doublings ? longest : base << doublings;
    return base_str_is(config->retry_backoff_policy, "exponential_full_jitter")
               ? random_up_to(grown)
               : grown / 2 + random_up_to(grown - grown / 2);
}

bool ml_exchange_may_retry(const struct ml_exchange *x, const struct ml_http_answer *answer,
                           uint64_t *out_delay_ms) {
    const struct ml_client_config *config = &x->deployed->config;
    uint32_t retries = x->tries - 1;
    if (config->max_retry_times == 0 ||
        (config->max_retry_times > 0 && retries >= (uint64_t)config->max_retry_times) ||
        !is_passing(config, answer)) {
        return false;
    }
    uint64_t delay = backoff_ms(config, retries);
    delay = delay < answer->retry_after_ms ? answer->retry_after_ms : delay;
    uint64_t spent = (base_monotonic_ns() - x->first_try_ns) / BASE_NS_PER_MS;
    if (config->retry_timeout_seconds < 0 ||
        spent + delay > (uint64_t)config->retry_timeout_seconds * BASE_MS_PER_S) {
        return false;
    }
    *out_delay_ms = delay;
    return true;
}
