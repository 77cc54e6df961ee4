/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a generation knows and has not stored, given to the one that takes its place: berth/state.h.
 */
#ifndef HOST_PLUGINS_HANDOVER_H
#define HOST_PLUGINS_HANDOVER_H

#include "host/plugins/generation.h"

/* What came of it. */
struct handover {
    bool is_done;
    uint64_t bytes;
    char reason[160]; /* why nothing was handed over; empty where it was */
};

/*
 * All that the old one, which serves, knows; the new one is started. Where one of them hands
 * nothing over, or the new one does not read what the old one writes, that is told, and no error.
 * Control thread.
 */
int32_t handover_all(struct generation *from, struct generation *to, struct handover *out,
                     struct berth_error *error);

/*
 * What the old one, drained, has learned since; the new one serves. Nothing where all was not
 * handed over; what fails is logged. Control thread.
 */
void handover_rest(struct generation *from, struct generation *to);

#endif
