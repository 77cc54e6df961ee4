/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/drive.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- judging what a call gave back ---- */

/* What an error object was before a call, to see what the call has written into it. */
void kit_error_prepare(struct berth_error *error) {
    memset(error, 0, sizeof *error);
    error->size = sizeof *error;
}

void kit_judge_call(const char *call, int32_t code, const struct berth_error *error) {
    struct berth_error untouched;
    kit_error_prepare(&untouched);
    if (!kit_code_is_known(code)) {
        kit_blame(KIT_BLAME_CODE, "%s returns %" PRId32 ", which is no code of the list", call,
                  code);
    }
    if (error->size != sizeof *error || !memchr(error->message, '\0', sizeof error->message) ||
        !memchr(error->type, '\0', sizeof error->type)) {
        kit_blame(KIT_BLAME_ERROR_OBJECT,
                  "%s has changed the size of its error to %" PRIu32
                  ", or wrote a text without end into it",
                  call, error->size);
    } else if (code && error->code && error->code != code) {
        kit_blame(KIT_BLAME_ERROR_OBJECT, "%s returns %" PRId32 ", and its error says %" PRId32,
                  call, code, error->code);
    } else if (!code && memcmp(error, &untouched, sizeof untouched) != 0) {
        kit_blame(KIT_BLAME_ERROR_OBJECT, "%s succeeds, and fills its error: [%.200s]", call,
                  error->message);
    }
    if (code && kit_code_is_known(code)) {
        kit_blame(KIT_BLAME_FAILED, "%s fails with %" PRId32 ": %.300s", call, code,
                  error->message[0] ? error->message : "it gives no reason");
    }
}

/* ---- up ---- */

int32_t kit_host_create(struct kit_host *host) {
    struct berth_error error;
    kit_error_prepare(&error);
    kit_phase(host->run, "create");
    kit_memory_era(KIT_ERA_CREATE);
    int32_t code = host->lifecycle->create(host->face, &host->instance, &error);
    kit_judge_call("create", code, &error);
    atomic_store(&host->state, code ? BERTH_STATE_DESTROYED : BERTH_STATE_CREATED);
    return code;
}

int32_t kit_host_start(struct kit_host *host) {
    struct berth_error error;
    kit_error_prepare(&error);
    kit_phase(host->run, "start");
    kit_memory_era(KIT_ERA_START);
    int32_t code = host->lifecycle->start(host->instance, &error);
    kit_judge_call("start", code, &error);
    if (!code) {
        atomic_store(&host->state, BERTH_STATE_STARTED);
    }
    return code;
}

struct loop_call {
    int32_t code;
    struct berth_error error;
};

static void start_loop(struct kit_loop *loop, void *arg) {
    struct loop_call *call = arg;
    struct kit_host *host = loop->host;
    /* A plugin may post to the loop, or make a timer, while it starts. */
    loop->started = true;
    call->code =
        host->lifecycle->loop_start
            ? host->lifecycle->loop_start(host->instance, loop->index, &loop->context, &call->error)
            : BERTH_OK;
    loop->started = call->code == BERTH_OK;
}

int32_t kit_host_start_loops(struct kit_host *host, uint32_t count) {
    int32_t code = BERTH_OK;
    kit_phase(host->run, "the first callback of settings");
    kit_memory_era(KIT_ERA_SETTINGS);
    kit_settings_notify(host);
    kit_memory_era(KIT_ERA_LOOPS);
    for (uint32_t i = 0; i < count && !code; i++) {
        struct loop_call call = {0};
        kit_error_prepare(&call.error);
        kit_phase(host->run, "loop_start of loop %" PRIu32, i);
        kit_loop_call(&host->loops[i], start_loop, &call);
        kit_judge_call("loop_start", call.code, &call.error);
        code = call.code;
    }
    return code;
}

void kit_host_serve(struct kit_host *host) {
    kit_phase(host->run, "serve");
    kit_memory_era(KIT_ERA_REQUESTS);
    atomic_store(&host->state, BERTH_STATE_SERVING);
    if (host->lifecycle->serve) {
        host->lifecycle->serve(host->instance);
    }
}

int32_t kit_host_up(struct kit_host *host) {
    int32_t code = kit_host_create(host);
    code = code ? code : kit_host_start(host);
    code = code ? code : kit_host_start_loops(host, host->loop_count);
    if (!code) {
        kit_host_serve(host);
    }
    return code;
}

/* ---- down ---- */

static void stop_loop(struct kit_loop *loop, void *arg) {
    struct kit_host *host = loop->host;
    (void)arg;
    if (loop->started && host->lifecycle->loop_stop) {
        host->lifecycle->loop_stop(host->instance, loop->index, loop->context);
    }
    loop->started = false;
    loop->context = NULL;
    kit_loop_sweep(loop);
}

static void stop(struct kit_host *host) {
    for (uint32_t i = 0; i < host->loop_count; i++) {
        kit_phase(host->run, "loop_stop of loop %" PRIu32, i);
        kit_loop_call(&host->loops[i], stop_loop, NULL);
    }
    kit_phase(host->run, "stop");
    host->lifecycle->stop(host->instance);
    kit_phase(host->run, "work that goes on after stop");
    kit_wait_for_work(host);
    atomic_store(&host->state, BERTH_STATE_STOPPED);
}

void kit_host_drain(struct kit_host *host) {
    if (atomic_load(&host->state) == BERTH_STATE_SERVING) {
        kit_phase(host->run, "drain");
        atomic_store(&host->state, BERTH_STATE_DRAINING);
        if (host->lifecycle->drain) {
            host->lifecycle->drain(host->instance);
        }
        kit_requests_wait(host);
    }
}

void kit_host_down(struct kit_host *host) {
    kit_memory_era(KIT_ERA_STOP);
    kit_host_drain(host);
    if (host->has_saved && atomic_load(&host->state) == BERTH_STATE_DRAINING) {
        (void)kit_state_save(host, BERTH_HANDOVER_REST);
    }
    uint32_t state = atomic_load(&host->state);
    if (state == BERTH_STATE_STARTED || state == BERTH_STATE_DRAINING) {
        stop(host);
    }
    state = atomic_load(&host->state);
    if (state == BERTH_STATE_CREATED || state == BERTH_STATE_STOPPED) {
        kit_phase(host->run, "destroy");
        host->lifecycle->destroy(host->instance);
        atomic_store(&host->state, BERTH_STATE_DESTROYED);
    }
    kit_phase(host->run, "what comes after destroy");
}
