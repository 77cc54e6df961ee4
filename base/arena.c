/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

struct base_arena_chunk {
    struct base_arena_chunk *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void base_arena_init(struct base_arena *arena, size_t chunk_size) {
    *arena = (struct base_arena){.chunk_size = chunk_size};
}

void base_arena_init_private(struct base_arena *arena, size_t chunk_size) {
    *arena = (struct base_arena){.chunk_size = chunk_size, .is_private = true};
}

static void overwrite(const struct base_arena *arena) {
    for (struct base_arena_chunk *c = arena->chunks; arena->is_private && c; c = c->next) {
        explicit_bzero(c->bytes, c->used);
    }
}

void base_arena_deinit(struct base_arena *arena) {
    overwrite(arena);
    while (arena->chunks) {
        struct base_arena_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
}

void base_arena_reset(struct base_arena *arena) {
    struct base_arena_chunk *keep = NULL;
    overwrite(arena);
    while (arena->chunks) {
        struct base_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        if (!keep && chunk->size == arena->chunk_size) {
            keep = chunk;
        } else {
            free(chunk);
        }
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
        arena->chunks = keep;
    }
}

static struct base_arena_chunk *add_chunk(struct base_arena *arena, size_t size) {
    struct base_arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk) {
        return NULL;
    }
    chunk->used = 0;
    chunk->size = size;
    /* A piece larger than a chunk goes behind the current one, which may have room left. */
    if (size != arena->chunk_size && arena->chunks) {
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    return chunk;
}

void *base_arena_alloc(struct base_arena *arena, size_t size) {
    const size_t unit = alignof(max_align_t);
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size_t rounded = (size + unit - 1) / unit * unit;
    struct base_arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < rounded) {
        chunk = add_chunk(arena, rounded > arena->chunk_size ? rounded : arena->chunk_size);
        if (!chunk) {
            return NULL;
        }
    }
    void *piece = chunk->bytes + chunk->used;
    chunk->used += rounded;
    return piece;
}

void *base_arena_array(struct base_arena *arena, size_t count, size_t size) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    void *array = base_arena_alloc(arena, bytes);
    if (array) {
        memset(array, 0, bytes);
    }
    return array;
}

struct berth_str base_arena_dup(struct base_arena *arena, struct berth_str s) {
    char *copy = base_arena_alloc(arena, BASE_LEN(s) + 1);
    if (!copy) {
        return (struct berth_str){NULL, 0};
    }
    if (s.len) {
        memcpy(copy, s.ptr, BASE_LEN(s));
    }
    copy[s.len] = '\0';
    return base_str(copy, BASE_LEN(s));
}
