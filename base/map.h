/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from text to pointers.
 *
 * It borrows its keys: the text of a key must live as long as its entry, as when it is a member
 * of the value. Keys that an attacker chooses do not belong in it (base_str_hash). Belongs to one
 * thread at a time.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct base_map_slot {
    struct berth_str key;
    void *value;
    uint64_t hash;
};

struct base_map {
    struct base_map_slot *slots;
    size_t cap;
    size_t count;
};

/* All zero is an empty table. */
void base_map_init(struct base_map *map);

/* Frees the table, not the values. */
void base_map_deinit(struct base_map *map);

/* NULL when there is no such key. */
void *base_map_get(const struct base_map *map, struct berth_str key);

/* Sets or replaces; value is not NULL. False without memory, and then nothing is changed. */
bool base_map_set(struct base_map *map, struct berth_str key, void *value);

/* Removes and returns the value; NULL when there was none. */
void *base_map_remove(struct base_map *map, struct berth_str key);

/* Goes through the values: *cursor begins at 0; NULL at the end. The table must not change. */
void *base_map_next(const struct base_map *map, size_t *cursor);

#endif
