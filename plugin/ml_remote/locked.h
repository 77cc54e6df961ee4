/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for credentials: locked, left out of core dumps, wiped when it is given back. Pieces share
 * mappings, of which a process has some ten thousand. Any thread.
 */
#ifndef ML_REMOTE_LOCKED_H
#define ML_REMOTE_LOCKED_H

#include <stddef.h>

struct ml_locked;
struct ml_locked_slab;

/* NULL without memory. */
struct ml_locked *ml_locked_create(void);
/* When all has been given back. NULL is allowed. */
void ml_locked_destroy(struct ml_locked *locked);

/*
 * Bytes that are zero; NULL without memory. out_slab: to be given back with them. locked NULL: in a
 * mapping of their own, as are those that are long.
 */
void *ml_locked_take(struct ml_locked *locked, size_t bytes, struct ml_locked_slab **out_slab);
void ml_locked_give(struct ml_locked_slab *slab, void *memory, size_t bytes);

#endif
