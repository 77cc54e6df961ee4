/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin hands over to the next generation, which is kept until it is given to one. */
#include "kit/host/drive.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>

static int32_t declare(const struct berth_host *face, const struct berth_state_hooks *hooks,
                       struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_state_v1_declare);
    if (code) {
        return base_error(error, code, "the kit takes no hooks");
    }
    if (host->state_hooks.save) {
        kit_blame(KIT_BLAME_HOOKS, "it declares how it hands over twice");
        return base_error(error, BERTH_E_EXISTS, "it is declared already");
    }
    if (hooks->size < sizeof *hooks || !hooks->save || !hooks->restore) {
        kit_blame(KIT_BLAME_HOOKS,
                  "its berth_state_hooks has size %" PRIu32 " of %zu, and %s save, %s restore",
                  hooks->size, sizeof *hooks, hooks->save ? "a" : "no",
                  hooks->restore ? "a" : "no");
        return base_error(error, BERTH_E_INVALID, "the hooks are not whole");
    }
    if (hooks->size > sizeof *hooks || hooks->reserved || hooks->oldest_schema < 1 ||
        hooks->schema < hooks->oldest_schema) {
        kit_blame(KIT_BLAME_HOOKS,
                  "its berth_state_hooks has size %" PRIu32 " of %zu and reserved %" PRIu32
                  ", writes schema %" PRIu32 " and reads from %" PRIu32
                  " on: schemas begin with 1, and it reads what it writes",
                  hooks->size, sizeof *hooks, hooks->reserved, hooks->schema, hooks->oldest_schema);
    }
    host->state_hooks = *hooks;
    return BERTH_OK;
}

static int32_t append(struct berth_state_sink *sink, struct berth_str bytes) {
    int32_t code = kit_enter(sink->host, KIT_FN_berth_state_v1_append);
    if (code) {
        return code;
    }
    if (!sink->is_open) {
        kit_blame(KIT_BLAME_HOOKS, "it appends to a sink when save has returned");
        return BERTH_E_STATE;
    }
    if (bytes.len > BERTH_STATE_BYTES_MAX - sink->state.len) {
        return BERTH_E_LIMIT;
    }
    char *more = kit_alloc(BASE_LEN(sink->state) + BASE_LEN(bytes) + 1);
    if (sink->state.len) {
        memcpy(more, sink->state.ptr, BASE_LEN(sink->state));
    }
    if (bytes.len) {
        memcpy(more + sink->state.len, bytes.ptr, BASE_LEN(bytes));
    }
    uint64_t len = sink->state.len + bytes.len;
    free((void *)(uintptr_t)sink->state.ptr);
    sink->state = base_str(more, (size_t)len);
    return BERTH_OK;
}

const struct berth_state_v1 kit_state_v1 = {
    .size = sizeof kit_state_v1, .declare = declare, .append = append};

int32_t kit_state_save(struct kit_host *host, uint32_t part) {
    struct berth_error error;
    struct berth_state_sink *sink = &host->sink;
    if (!host->state_hooks.save) {
        return BERTH_OK;
    }
    kit_phase(host->run, "saving of what is handed over, part %" PRIu32, part);
    kit_state_free(host);
    *sink = (struct berth_state_sink){.host = host, .is_open = true};
    kit_error_prepare(&error);
    int32_t code = host->state_hooks.save(host->state_hooks.user, part, sink, &error);
    sink->is_open = false;
    kit_judge_call("state.save", code, &error);
    host->has_saved = code == BERTH_OK && part == BERTH_HANDOVER_ALL;
    return code;
}

int32_t kit_state_restore(struct kit_host *host, uint32_t schema, uint32_t part,
                          struct berth_str state) {
    struct berth_error error;
    if (!host->state_hooks.restore) {
        return BERTH_OK;
    }
    kit_phase(host->run, "restoring of %" PRIu64 " bytes that were handed over, part %" PRIu32,
              state.len, part);
    /* What it keeps a pointer to is gone when it returns. */
    char *copy = malloc(BASE_LEN(state) ? BASE_LEN(state) : 1);
    if (!copy) {
        abort();
    }
    if (state.len) {
        memcpy(copy, state.ptr, BASE_LEN(state));
    }
    struct berth_handover handover = {.size = sizeof handover,
                                      .schema = schema,
                                      .part = part,
                                      .state = base_str(state.len ? copy : NULL, BASE_LEN(state))};
    kit_error_prepare(&error);
    int32_t code = host->state_hooks.restore(host->state_hooks.user, &handover, &error);
    kit_judge_call("state.restore", code, &error);
    free(copy);
    return code;
}

void kit_state_free(struct kit_host *host) {
    free((void *)(uintptr_t)host->sink.state.ptr);
    host->sink.state = (struct berth_str){NULL, 0};
}
