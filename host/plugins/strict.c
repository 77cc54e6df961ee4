/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/strict.h"

#include "host/store/feed.h"

#include <stdio.h>
#include <stdlib.h>

/* Kinds of threads, as docs/abi/comment-grammar.md names them. */
enum thread_kind { THREAD_control, THREAD_worker, THREAD_feed, THREAD_loop };

static const char *const thread_names[] = {"control", "worker", "feed", "loop"};

#define ON_THREAD(kind) (1u << THREAD_##kind)
#define ON_ANY_THREAD UINT32_MAX
#define IN_ANY_STATE UINT32_MAX

/* A callback of a watch runs on the thread of whoever wrote: it counts as what is innermost. */
static enum thread_kind current_thread(void) {
    if (loop_current()) {
        return THREAD_loop;
    }
    if (feed_is_current()) {
        return THREAD_feed;
    }
    return worker_pool_current() ? THREAD_worker : THREAD_control;
}

/* host: NULL where the function is not told which generation calls it. */
static void strict_check(const char *call, uint32_t threads, const struct berth_host *host,
                         uint32_t states) {
    enum thread_kind thread = current_thread();
    const char *plugin = host ? generation_of(host)->owner : "a plugin";
    if (!(threads & (1u << thread))) {
        (void)fprintf(stderr, "berth: %s called %s on a thread of kind %s\n", plugin, call,
                      thread_names[thread]);
        abort();
    }
    if (host && !(states & (1u << generation_of(host)->state))) {
        (void)fprintf(stderr, "berth: %s called %s in state %s\n", plugin, call,
                      generation_state_name(generation_of(host)->state));
        abort();
    }
}

#include "host/plugins/strict_tables.inc"
