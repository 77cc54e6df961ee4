/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

static bool is_whole(const struct berth_state_hooks *hooks) {
    return hooks->size == sizeof *hooks && !hooks->reserved && hooks->save && hooks->restore &&
           hooks->oldest_schema >= 1 && hooks->schema >= hooks->oldest_schema;
}

static int32_t declare(const struct berth_host *host, const struct berth_state_hooks *hooks,
                       struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_STATE(CREATED), "state.declare", error);
    if (code) {
        return code;
    }
    if (g->state_hooks.save) {
        return base_error(error, BERTH_E_EXISTS, "state.declare was called before");
    }
    if (!is_whole(hooks)) {
        return base_error(error, BERTH_E_INVALID,
                          "berth_state_hooks has %u bytes, schema %u, oldest_schema %u: it takes "
                          "%zu bytes, save and restore, and 1 <= oldest_schema <= schema",
                          hooks->size, hooks->schema, hooks->oldest_schema, sizeof *hooks);
    }
    g->state_hooks = *hooks;
    return BERTH_OK;
}

static int32_t append(struct berth_state_sink *sink, struct berth_str bytes) {
    int32_t code = generation_check(sink->generation, IN_STATE(SERVING) | IN_STATE(DRAINING),
                                    "state.append", NULL);
    if (code) {
        return code;
    }
    if (bytes.len > BERTH_STATE_BYTES_MAX - sink->out.len) {
        return BERTH_E_LIMIT;
    }
    base_buf_str(&sink->out, bytes);
    return sink->out.error ? BERTH_E_NO_MEMORY : BERTH_OK;
}

const struct berth_state_v1 cap_state = {
    .size = sizeof cap_state,
    .declare = declare,
    .append = append,
};
