/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>

#define CAP_FIRST 16

void base_map_init(struct base_map *map) {
    *map = (struct base_map){0};
}

void base_map_deinit(struct base_map *map) {
    free(map->slots);
    base_map_init(map);
}

/* The slot of the key, or the empty one where it belongs. Open addressing, linear probing. */
static struct base_map_slot *probe(struct base_map_slot *slots, size_t cap, struct berth_str key,
                                   uint64_t hash) {
    size_t at = (size_t)hash & (cap - 1);
    while (slots[at].value && !(slots[at].hash == hash && base_str_eq(slots[at].key, key))) {
        at = (at + 1) & (cap - 1);
    }
    return &slots[at];
}

void *base_map_get(const struct base_map *map, struct berth_str key) {
    return map->cap ? probe(map->slots, map->cap, key, base_str_hash(key))->value : NULL;
}

static bool grow(struct base_map *map) {
    size_t cap = map->cap ? map->cap * 2 : CAP_FIRST;
    struct base_map_slot *slots = calloc(cap, sizeof *slots);
    if (!slots) {
        return false;
    }
    for (size_t i = 0; i < map->cap; i++) {
        if (map->slots[i].value) {
            *probe(slots, cap, map->slots[i].key, map->slots[i].hash) = map->slots[i];
        }
    }
    free(map->slots);
    map->slots = slots;
    map->cap = cap;
    return true;
}

bool base_map_set(struct base_map *map, struct berth_str key, void *value) {
    if (map->count + 1 > map->cap / 4 * 3 && !grow(map)) {
        return false;
    }
    uint64_t hash = base_str_hash(key);
    struct base_map_slot *slot = probe(map->slots, map->cap, key, hash);
    map->count += slot->value == NULL;
    *slot = (struct base_map_slot){.key = key, .value = value, .hash = hash};
    return true;
}

void *base_map_remove(struct base_map *map, struct berth_str key) {
    struct base_map_slot *slot =
        map->cap ? probe(map->slots, map->cap, key, base_str_hash(key)) : NULL;
    if (!slot || !slot->value) {
        return NULL;
    }
    void *value = slot->value;
    /* Close the gap: move back every later entry of the run that may not stand behind it. */
    size_t gap = (size_t)(slot - map->slots);
    size_t at = gap;
    for (;;) {
        at = (at + 1) & (map->cap - 1);
        if (!map->slots[at].value) {
            break;
        }
        size_t home = (size_t)map->slots[at].hash & (map->cap - 1);
        if (((at - home) & (map->cap - 1)) >= ((at - gap) & (map->cap - 1))) {
            map->slots[gap] = map->slots[at];
            gap = at;
        }
    }
    map->slots[gap] = (struct base_map_slot){0};
    map->count--;
    return value;
}

void *base_map_next(const struct base_map *map, size_t *cursor) {
    while (*cursor < map->cap) {
        void *value = map->slots[(*cursor)++].value;
        if (value) {
            return value;
        }
    }
    return NULL;
}
