/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/host.h"

#include <stdlib.h>

static _Thread_local struct {
    enum kit_role role;
    uint32_t loop;
} own = {KIT_ROLE_FOREIGN, BERTH_LOOP_NONE};

enum kit_role kit_role(void) {
    return own.role;
}

uint32_t kit_role_loop(void) {
    return own.role == KIT_ROLE_LOOP ? own.loop : BERTH_LOOP_NONE;
}

enum kit_role kit_role_set(enum kit_role role, uint32_t loop) {
    enum kit_role before = own.role;
    own.role = role;
    own.loop = loop;
    return before;
}

struct kit_host *kit_host_of(const struct berth_host *face) {
    return (struct kit_host *)(void *)face->context;
}

static const char *role_name(enum kit_role role) {
    static const char *const names[] = {"foreign", "control", "worker", "feed", "loop"};
    return names[role];
}

/* Whether this call is the one that was to fail. */
static bool is_to_fail(struct kit_host *host, enum kit_fn fn) {
    (void)pthread_mutex_lock(&host->lock);
    uint32_t nth = ++host->calls[fn];
    bool now = host->config.fail_fn == fn && host->config.fail_nth == nth;
    host->fault_met = host->fault_met || now;
    (void)pthread_mutex_unlock(&host->lock);
    return now;
}

int32_t kit_enter(struct kit_host *host, enum kit_fn fn) {
    const struct kit_function *f = &kit_functions[fn];
    uint32_t state = atomic_load(&host->state);
    if (state >= BERTH_STATE_STOPPED) {
        kit_blame(KIT_BLAME_AFTER_STOP, "it calls %s.%s in state %s", f->structure, f->name,
                  kit_state_name(state));
        return BERTH_E_STATE;
    }
    if (!kit_words_have(f->states, kit_state_name(state))) {
        kit_blame(KIT_BLAME_STATE, "it calls %s.%s in state %s; allowed is %s", f->structure,
                  f->name, kit_state_name(state), f->states);
        return BERTH_E_STATE;
    }
    if (!kit_words_have(f->threads, role_name(kit_role()))) {
        kit_blame(KIT_BLAME_THREAD, "it calls %s.%s on a thread of kind %s; allowed is %s",
                  f->structure, f->name, role_name(kit_role()), f->threads);
        return BERTH_E_STATE;
    }
    return is_to_fail(host, fn) ? host->config.fail_code : BERTH_OK;
}

/* ---- memory: the kit's own never fails ---- */

void *kit_alloc(size_t size) {
    void *pointer = calloc(1, size);
    if (!pointer) {
        abort();
    }
    return pointer;
}

char *kit_copy(struct berth_str text) {
    char *copy = kit_alloc(BASE_LEN(text) + 1);
    if (text.len) {
        memcpy(copy, text.ptr, BASE_LEN(text));
    }
    return copy;
}

void *kit_object(struct kit_host *host, size_t size) {
    unsigned char *object = kit_alloc(size + host->config.grow_objects);
    uint32_t grown = (uint32_t)(size + host->config.grow_objects);
    memcpy(object, &grown, sizeof grown);
    memset(object + size, host->config.tail, host->config.grow_objects);
    return object;
}

void kit_busy(struct kit_host *host, int by) {
    (void)pthread_mutex_lock(&host->lock);
    host->busy = by > 0 ? host->busy + 1 : host->busy - 1;
    (void)pthread_cond_broadcast(&host->changed);
    (void)pthread_mutex_unlock(&host->lock);
}

void kit_wait_for_work(struct kit_host *host) {
    (void)pthread_mutex_lock(&host->lock);
    while (host->busy) {
        (void)pthread_cond_wait(&host->changed, &host->lock);
    }
    (void)pthread_mutex_unlock(&host->lock);
}
