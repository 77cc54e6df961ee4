/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/names.h"

#include "base/java_hash.h"

bool name_is_clean(struct berth_str text) {
    bool clean = text.len > 0 && text.len <= NAME_LENGTH_MAX;
    for (uint64_t i = 0; i < text.len && clean; i++) {
        clean = (unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f;
    }
    return clean;
}

bool name_list_has(const struct name_list *list, struct berth_str name) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (base_str_eq(list->items[i], name)) {
            return true;
        }
    }
    return false;
}

static uint32_t place_of(struct berth_str name, uint32_t places) {
    return base_java_hash(name) & (places - 1);
}

void name_list_order(struct name_list *list) {
    struct name_list unique = {list->items, 0};
    for (uint32_t i = 0; i < list->count; i++) {
        if (!name_list_has(&unique, list->items[i])) {
            unique.items[unique.count++] = list->items[i];
        }
    }
    *list = unique;
    /* Stable, since names of one place stay in the order in which they came; lists are short. */
    uint32_t places = base_java_places(list->count);
    for (uint32_t i = 1; i < list->count; i++) {
        struct berth_str name = list->items[i];
        uint32_t place = place_of(name, places);
        uint32_t k = i;
        for (; k > 0 && place_of(list->items[k - 1], places) > place; k--) {
            list->items[k] = list->items[k - 1];
        }
        list->items[k] = name;
    }
}

bool name_list_matches(const struct name_list *patterns, struct berth_str name) {
    for (uint32_t i = 0; i < patterns->count; i++) {
        if (base_str_glob_single(patterns->items[i], name)) {
            return true;
        }
    }
    return false;
}
