/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin's life, as one table: the states, and which call moves it from one to the next.
 *
 * The host enforces the table, the kit makes its tests from it, the guide prints it. A call that
 * has no row for the present state is refused with BERTH_E_STATE.
 */
#ifndef BERTH_LIFECYCLE_H
#define BERTH_LIFECYCLE_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

/* X(name, number, meaning) */
#define BERTH_STATE_LIST(X)                                                                        \
    X(LOADED, 1, "the file is mapped and its descriptor accepted; create may be running")          \
    X(CREATED, 2, "it has its instance and may ask for capabilities; nothing is registered")       \
    X(STARTED, 3, "it has registered routes, settings, indices; no request reaches it")            \
    X(SERVING, 4, "its routes are published on every loop")                                        \
    X(DRAINING, 5, "no new request reaches it; those in flight are finished")                      \
    X(STOPPED, 6, "it has no timer, watch, job or request left")                                   \
    X(DESTROYED, 7, "its instance is gone")                                                        \
    X(UNLOADED, 8, "its mapping is gone")

enum {
#define BERTH_STATE_CODE(name, number, meaning) BERTH_STATE_##name = (number),
    BERTH_STATE_LIST(BERTH_STATE_CODE)
#undef BERTH_STATE_CODE
};

/*
 * X(state, call, state after it). A call that fails leaves the state as it was, after which the
 * host goes the way down: stop where the plugin was started, destroy where it was created.
 */
#define BERTH_LIFECYCLE_TABLE(X)                                                                   \
    X(LOADED, create, CREATED)                                                                     \
    X(LOADED, unload, UNLOADED)                                                                    \
    X(CREATED, start, STARTED)                                                                     \
    X(CREATED, destroy, DESTROYED)                                                                 \
    X(STARTED, loop_start, STARTED)                                                                \
    X(STARTED, serve, SERVING)                                                                     \
    X(STARTED, loop_stop, STARTED)                                                                 \
    X(STARTED, stop, STOPPED)                                                                      \
    X(SERVING, drain, DRAINING)                                                                    \
    X(DRAINING, loop_stop, DRAINING)                                                               \
    X(DRAINING, stop, STOPPED)                                                                     \
    X(STOPPED, destroy, DESTROYED)                                                                 \
    X(DESTROYED, unload, UNLOADED)

struct berth_host;

/*
 * What a plugin implements. create, start, stop and destroy are required, the others may be NULL.
 * All but loop_start and loop_stop run on the control thread, one at a time, and may block.
 */
struct berth_lifecycle {
    uint32_t size;
    uint32_t reserved;

    /*
     * Makes the plugin's instance. The host table stays valid until destroy has returned.
     * @thread control
     * @state LOADED
     * @owner the plugin owns the instance behind out_plugin until destroy
     * @errors any
     */
    int32_t (*create)(const struct berth_host *host, void **out_plugin, struct berth_error *error);

    /*
     * Registers routes, settings, indices and watches: the only window in which that is allowed.
     * @thread control
     * @state CREATED
     * @owner what is registered belongs to this generation and is swept by the host
     * @errors any
     */
    int32_t (*start)(void *plugin, struct berth_error *error);

    /*
     * Makes the plugin's context of one loop, which every request of that loop is given.
     * @thread loop
     * @state STARTED
     * @owner the plugin owns the context until loop_stop
     * @errors any
     */
    int32_t (*loop_start)(void *plugin, uint32_t loop, void **out_context,
                          struct berth_error *error);

    /*
     * Tells that the routes are published. Requests may come before this call has returned.
     * @thread control
     * @state STARTED
     * @owner nothing changes hands
     * @errors none
     */
    void (*serve)(void *plugin);

    /*
     * Tells that no new request will come. Those in flight are to be replied to.
     * @thread control
     * @state SERVING
     * @owner nothing changes hands
     * @errors none
     */
    void (*drain)(void *plugin);

    /*
     * Ends one loop's context: its timers, file descriptor watches and outstanding work.
     * @thread loop
     * @state STARTED DRAINING
     * @owner the plugin frees the context
     * @errors none
     */
    void (*loop_stop)(void *plugin, uint32_t loop, void *context);

    /*
     * Ends what is left: after it no job, watch or thread of the plugin may run.
     * @thread control
     * @state STARTED DRAINING
     * @owner nothing changes hands
     * @errors none
     */
    void (*stop)(void *plugin);

    /*
     * Frees the instance.
     * @thread control
     * @state CREATED STOPPED
     * @owner the plugin frees all that it allocated
     * @errors none
     */
    void (*destroy)(void *plugin);
};
BERTH_ASSERT_SIZE(struct berth_lifecycle, 72);
BERTH_ASSERT_OFFSET(struct berth_lifecycle, create, 8);
BERTH_ASSERT_OFFSET(struct berth_lifecycle, start, 16);
BERTH_ASSERT_OFFSET(struct berth_lifecycle, loop_start, 24);
BERTH_ASSERT_OFFSET(struct berth_lifecycle, serve, 32);
BERTH_ASSERT_OFFSET(struct berth_lifecycle, drain, 40);
BERTH_ASSERT_OFFSET(struct berth_lifecycle, loop_stop, 48);
BERTH_ASSERT_OFFSET(struct berth_lifecycle, stop, 56);
BERTH_ASSERT_OFFSET(struct berth_lifecycle, destroy, 64);

BERTH_EXTERN_C_END

#endif
