/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one check in a child process with limits and a time-out.
 */
#ifndef KIT_CHILD_H
#define KIT_CHILD_H

#include "kit/check.h"

struct kit_result {
    const struct kit_check *check;
    enum kit_verdict verdict;
    char reason[KIT_TEXT_MAX + KIT_PHASE_MAX]; /* "" where it passed */
    uint64_t milliseconds;
};

/* IO or NO_MEMORY where no child could be started. */
int32_t kit_child_run(const struct kit_subject *subject, const struct kit_check *check,
                      uint32_t timeout_seconds, struct kit_result *out_result,
                      struct berth_error *error);

#endif
