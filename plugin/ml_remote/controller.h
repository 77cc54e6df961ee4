/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's controller: rate limits of its users, each of its own.
 *
 * It is part of a deployed model and does not change; its buckets of tokens are shared by all
 * loops, and go on in the model's next one where a limit stays the same.
 */
#ifndef ML_REMOTE_CONTROLLER_H
#define ML_REMOTE_CONTROLLER_H

#include "base/arena.h"
#include "plugin/ml_remote/limiter.h"

struct ml_controller;

/* Users that one controller limits. */
#define ML_CONTROLLER_USERS_MAX 1000u

/*
 * Makes one of a stored {"user_rate_limiter": {...}}, whose text lives as long as the arena; NULL
 * where it limits nobody. share: over how many nodes each limit is divided. before: the one that it
 * takes the place of, or NULL.
 */
int32_t ml_controller_load(struct json_value stored, double share,
                           const struct ml_controller *before, struct base_arena *arena,
                           struct ml_controller **out_controller, struct berth_error *error);
/* Frees what is not in the arena; NULL is allowed. */
void ml_controller_unload(struct ml_controller *controller);

/* Takes tokens of a user as ml_limiter_take does; there is no limit for others. Any thread. */
bool ml_controller_take(const struct ml_controller *controller, struct berth_str user,
                        uint32_t tokens, uint64_t now_ns, uint64_t most_ns, uint64_t *out_wait_ns);

/* Calls fn with each user's limit; NULL is allowed. Any thread. */
void ml_controller_each(const struct ml_controller *controller,
                        void (*fn)(void *user, struct berth_str name, struct ml_limiter *limiter),
                        void *user);

#endif
