/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.state/1: what a plugin knows and has not stored, handed to the generation that
 * takes its place.
 *
 * A reload asks the old generation twice, and gives the new one what came: first for all, while the
 * old one still serves, so that the new one does not begin from nothing; then, when the last
 * request of the old one has ended, for the rest, which is what has changed since all was asked
 * for. All may be asked for and lead nowhere, where a reload is refused: the rest is that since the
 * last time.
 */
#ifndef BERTH_STATE_H
#define BERTH_STATE_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_STATE_ID "berth.state/1"

/* Which part of the state it is. */
#define BERTH_HANDOVER_ALL 1u
#define BERTH_HANDOVER_REST 2u

/* What is handed over of one part, at most; what is longer is refused by append. */
#define BERTH_STATE_BYTES_MAX (64u * 1024 * 1024)

struct berth_host;

/* Where state is put; it is the host's. */
struct berth_state_sink;

/* State on its way. */
struct berth_handover {
    uint32_t size;
    /* As who saved it declared. */
    uint32_t schema;
    uint32_t part;
    uint32_t reserved;
    /* What was appended, together. */
    struct berth_str state;
};
BERTH_ASSERT_SIZE(struct berth_handover, 32);
BERTH_ASSERT_OFFSET(struct berth_handover, schema, 4);
BERTH_ASSERT_OFFSET(struct berth_handover, part, 8);
BERTH_ASSERT_OFFSET(struct berth_handover, state, 16);

/*
 * Appends this part of the state to the sink. A failure with all refuses the reload; with the rest
 * it is lost.
 * @thread control
 * @state SERVING DRAINING
 * @owner borrows the sink until return
 * @errors any
 */
typedef int32_t (*berth_state_save_fn)(void *user, uint32_t part, struct berth_state_sink *sink,
                                       struct berth_error *error);

/*
 * Takes over what an earlier generation saved: all before the first request comes, behind every
 * loop_start; the rest beside requests. What came may be of another file of the same plugin: it is
 * looked at before it is believed. A failure with all refuses the reload; with the rest it is lost.
 * @thread control
 * @state STARTED SERVING
 * @owner borrows the handover until return
 * @errors any
 */
typedef int32_t (*berth_state_restore_fn)(void *user, const struct berth_handover *handover,
                                          struct berth_error *error);

/* How a plugin hands over. */
struct berth_state_hooks {
    uint32_t size;
    /* Of what save writes: 1 or more, a larger one where what is written is changed. */
    uint32_t schema;
    /* The smallest one that restore reads; it reads all from there to schema. */
    uint32_t oldest_schema;
    uint32_t reserved;
    berth_state_save_fn save;
    berth_state_restore_fn restore;
    void *user;
};
BERTH_ASSERT_SIZE(struct berth_state_hooks, 40);
BERTH_ASSERT_OFFSET(struct berth_state_hooks, schema, 4);
BERTH_ASSERT_OFFSET(struct berth_state_hooks, oldest_schema, 8);
BERTH_ASSERT_OFFSET(struct berth_state_hooks, save, 16);
BERTH_ASSERT_OFFSET(struct berth_state_hooks, restore, 24);
BERTH_ASSERT_OFFSET(struct berth_state_hooks, user, 32);

struct berth_state_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Says how this plugin hands over; once. Between two files of which the new one does not read
     * the old one's schema nothing is handed over, and the reload says so.
     * @thread control
     * @state CREATED
     * @owner the host copies the hooks, and borrows user until destroy
     * @errors INVALID EXISTS STATE
     */
    int32_t (*declare)(const struct berth_host *host, const struct berth_state_hooks *hooks,
                       struct berth_error *error);

    /*
     * Appends bytes to what is handed over. Within save alone.
     * @thread control
     * @state SERVING DRAINING
     * @owner the host copies the bytes
     * @errors LIMIT NO_MEMORY
     */
    int32_t (*append)(struct berth_state_sink *sink, struct berth_str bytes);
};
BERTH_ASSERT_SIZE(struct berth_state_v1, 24);
BERTH_ASSERT_OFFSET(struct berth_state_v1, declare, 8);
BERTH_ASSERT_OFFSET(struct berth_state_v1, append, 16);

BERTH_EXTERN_C_END

#endif
