/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failed attempts to log in, counted for each name and address together: who guesses a password is
 * stopped, and the user is not, elsewhere. Any thread.
 */
#ifndef HOST_SECURITY_ATTEMPTS_H
#define HOST_SECURITY_ATTEMPTS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/str.h"

/* So many are remembered; beyond, the one that failed the longest ago is forgotten. */
#define ATTEMPTS_SLOTS 1024u

struct attempts_slot {
    uint64_t key; /* 0: free */
    uint64_t first_ns;
    uint64_t last_ns;
    uint32_t failures;
};

struct attempts {
    pthread_mutex_t lock;
    uint32_t allowed; /* failures within the window; 0: as many as one likes */
    uint64_t window_ns;
    struct attempts_slot slots[ATTEMPTS_SLOTS];
};

void attempts_init(struct attempts *attempts, uint32_t allowed, uint64_t window_ms);
void attempts_deinit(struct attempts *attempts);

/* Whether no further one is looked at for now. */
bool attempts_are_over(struct attempts *attempts, struct berth_str name, struct berth_str address,
                       uint64_t now_ns);
/* One was looked at. A right one forgets the wrong ones. */
void attempts_note(struct attempts *attempts, struct berth_str name, struct berth_str address,
                   bool was_right, uint64_t now_ns);

#endif
