/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/locked.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A mapping that pieces share; a longer piece than a quarter of it has its own. */
#define SLAB_BYTES ((size_t)16 << 10)
#define PIECE_MAX (SLAB_BYTES / 4)
#define ALIGNMENT _Alignof(max_align_t)

/* At the beginning of its mapping. Goes when it is not filled any more and holds nothing. */
struct ml_locked_slab {
    struct ml_locked *pool;
    size_t used;     /* bytes that were given away, its own too; under the pool's lock */
    uint32_t pieces; /* that have not come back; likewise */
};

struct ml_locked {
    pthread_mutex_t lock;
    struct ml_locked_slab *current; /* that is filled; NULL: none */
};

static void *map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    /* Beyond the limit of locked memory they can be swapped; that is the operator's choice. */
    (void)mlock(memory, bytes);
    (void)madvise(memory, bytes, MADV_DONTDUMP);
    return memory;
}

static size_t rounded(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

struct ml_locked *ml_locked_create(void) {
    struct ml_locked *locked = calloc(1, sizeof *locked);
    if (locked) {
        (void)pthread_mutex_init(&locked->lock, NULL);
    }
    return locked;
}

static void unmap_empty(struct ml_locked_slab *slab) {
    if (slab && slab->pieces == 0) {
        (void)munmap(slab, SLAB_BYTES);
    }
}

void ml_locked_destroy(struct ml_locked *locked) {
    if (locked) {
        unmap_empty(locked->current);
        (void)pthread_mutex_destroy(&locked->lock);
        free(locked);
    }
}

/* Under the lock: one with room for so many bytes is current; NULL without memory. */
static struct ml_locked_slab *make_room(struct ml_locked *locked, size_t bytes) {
    struct ml_locked_slab *slab = locked->current;
    if (slab && slab->used + bytes <= SLAB_BYTES) {
        return slab;
    }
    struct ml_locked_slab *fresh = map(SLAB_BYTES);
    if (fresh) {
        *fresh = (struct ml_locked_slab){.pool = locked, .used = rounded(sizeof *fresh)};
        locked->current = fresh;
        unmap_empty(slab);
    }
    return fresh;
}

void *ml_locked_take(struct ml_locked *locked, size_t bytes, struct ml_locked_slab **out_slab) {
    size_t room = rounded(bytes);
    *out_slab = NULL;
    if (!locked || room > PIECE_MAX) {
        return map(bytes);
    }
    void *memory = NULL;
    (void)pthread_mutex_lock(&locked->lock);
    struct ml_locked_slab *slab = make_room(locked, room);
    if (slab) {
        memory = (char *)slab + slab->used;
        slab->used += room;
        slab->pieces++;
        *out_slab = slab;
    }
    (void)pthread_mutex_unlock(&locked->lock);
    return memory;
}

void ml_locked_give(struct ml_locked_slab *slab, void *memory, size_t bytes) {
    explicit_bzero(memory, bytes);
    if (!slab) {
        (void)munmap(memory, bytes);
        return;
    }
    struct ml_locked *pool = slab->pool;
    (void)pthread_mutex_lock(&pool->lock);
    slab->pieces--;
    if (slab != pool->current) {
        unmap_empty(slab);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}
