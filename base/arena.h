/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena: memory of one lifetime, freed as a whole. Belongs to one thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct base_arena_chunk;

struct base_arena {
    struct base_arena_chunk *chunks;
    size_t chunk_size;
    bool is_private;
};

/* chunk_size: what a chunk holds, in bytes; larger pieces get a chunk of their own. */
void base_arena_init(struct base_arena *arena, size_t chunk_size);
/* The same for what may hold a secret: memory is overwritten before it is given up or used anew. */
void base_arena_init_private(struct base_arena *arena, size_t chunk_size);
void base_arena_deinit(struct base_arena *arena);

/* Frees all but one ordinary chunk, so that the next round need not allocate. */
void base_arena_reset(struct base_arena *arena);

/* Aligned for any type, not cleared. NULL without memory. */
void *base_arena_alloc(struct base_arena *arena, size_t size);

/* Cleared; NULL without memory or when count * size does not fit. */
void *base_arena_array(struct base_arena *arena, size_t count, size_t size);

/* A zero-terminated copy; {NULL, 0} without memory, and a non-NULL ptr for the empty text. */
struct berth_str base_arena_dup(struct base_arena *arena, struct berth_str s);

#define BASE_ARENA_AUTO __attribute__((cleanup(base_arena_deinit))) struct base_arena

#endif
