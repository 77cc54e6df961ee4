/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords: bcrypt hashes as OpenSearch writes them ($2a$, $2b$ and $2y$).
 *
 * Checking one takes a tenth of a second or more, by design: never on a loop.
 */
#ifndef HOST_SECURITY_PASSWORD_H
#define HOST_SECURITY_PASSWORD_H

#include "base/error.h"

/* Costs that are taken: beyond, one check would hold a thread for minutes. */
#define PASSWORD_COST_MIN 4u
#define PASSWORD_COST_MAX 20u
#define PASSWORD_COST_DEFAULT 12u

/* bcrypt sees so many bytes; more are not made a hash of. */
#define PASSWORD_MAX 72u

#define PASSWORD_HASH_LENGTH 60u

/* INVALID with the reason when the text is no hash that is taken here. */
int32_t password_check_hash(struct berth_str hash, struct berth_error *error);

/* The cost of a hash that was checked. */
uint32_t password_cost(struct berth_str hash);

/* Whether the password is that of the hash; compares in constant time. False also where the C
 * library cannot tell. */
bool password_matches(struct berth_str password, struct berth_str hash);

/* Makes a hash with a random salt; terminated. */
int32_t password_hash(struct berth_str password, uint32_t cost,
                      char out_hash[PASSWORD_HASH_LENGTH + 1], struct berth_error *error);

/* A hash of that cost that no password has, so that an unknown user takes as long as a known one.
 */
int32_t password_decoy(uint32_t cost, char out_hash[PASSWORD_HASH_LENGTH + 1],
                       struct berth_error *error);

#endif
