/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/handover.h"

#include "host/plugins/capabilities.h"

#include <stdio.h>

/* Why nothing can be handed over; NULL: it can. */
static const char *obstacle(const struct generation *from, const struct generation *to, char *text,
                            size_t size) {
    const struct berth_state_hooks *old = &from->state_hooks;
    const struct berth_state_hooks *new = &to->state_hooks;
    if (!old->save) {
        return "the old generation hands nothing over";
    }
    if (!new->restore) {
        return "the new generation takes nothing over";
    }
    if (old->schema < new->oldest_schema || old->schema > new->schema) {
        (void)snprintf(text, size,
                       "the old generation writes schema %u, the new one reads %u to %u",
                       old->schema, new->oldest_schema, new->schema);
        return text;
    }
    return NULL;
}

static int32_t hand_over(struct generation *from, struct generation *to, uint32_t part,
                         uint64_t *out_bytes, struct berth_error *error) {
    const struct berth_state_hooks *old = &from->state_hooks;
    const struct berth_state_hooks *new = &to->state_hooks;
    struct berth_state_sink sink = {.generation = from};
    base_buf_init_private(&sink.out, BERTH_STATE_BYTES_MAX);
    error->message[0] = '\0';
    int32_t code = old->save(old->user, part, &sink, error);
    if (code) {
        code = generation_failed(from, "state.save", code, error);
    } else if (sink.out.error) {
        /* One that was refused before the buffer is the plugin's to bear or to report. */
        code = base_error_memory(error);
    }
    if (!code) {
        struct berth_handover handover = {.size = sizeof handover,
                                          .schema = old->schema,
                                          .part = part,
                                          .state = base_buf_view(&sink.out)};
        *out_bytes = handover.state.len;
        code = new->restore(new->user, &handover, error);
        code = code ? generation_failed(to, "state.restore", code, error) : BERTH_OK;
    }
    base_buf_deinit(&sink.out);
    return code;
}

int32_t handover_all(struct generation *from, struct generation *to, struct handover *out,
                     struct berth_error *error) {
    char text[sizeof out->reason];
    const char *why = obstacle(from, to, text, sizeof text);
    *out = (struct handover){.is_done = !why};
    from->has_handed_over = false;
    if (why) {
        (void)snprintf(out->reason, sizeof out->reason, "%s", why);
        return BERTH_OK;
    }
    int32_t code = hand_over(from, to, BERTH_HANDOVER_ALL, &out->bytes, error);
    from->has_handed_over = code == BERTH_OK;
    return code;
}

void handover_rest(struct generation *from, struct generation *to) {
    char text[sizeof((struct handover *)NULL)->reason];
    struct berth_error error = BASE_ERROR_INIT;
    uint64_t bytes = 0;
    if (!from->has_handed_over || obstacle(from, to, text, sizeof text)) {
        return;
    }
    from->has_handed_over = false;
    if (hand_over(from, to, BERTH_HANDOVER_REST, &bytes, &error)) {
        LOG(from->services->log, BERTH_LOG_WARN, "plugin_rest_lost",
            LOG_FIELD("from", base_cstr(from->owner)), LOG_FIELD("to", base_cstr(to->owner)),
            LOG_FIELD("reason", base_cstr(error.message)));
    }
}
