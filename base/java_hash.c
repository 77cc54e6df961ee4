/* SPDX-License-Identifier: Apache-2.0 */
#include "base/java_hash.h"

#include "base/utf8.h"

/* A Java hash map begins with so many places, and doubles them when they are three quarters full.
 */
#define PLACES_MIN 16u

uint32_t base_java_hash(struct berth_str text) {
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = at + text.len;
    uint32_t hash = 0;
    while (at < end) {
        size_t width = base_utf8_length(at, end);
        uint32_t c = *at;
        if (width > 1) {
            c &= 0xffu >> (width + 1);
            for (size_t i = 1; i < width; i++) {
                c = c << 6 | (at[i] & 0x3fu);
            }
        }
        if (c >= 0x10000) {
            hash = 31 * hash + (0xd800u + ((c - 0x10000) >> 10));
            c = 0xdc00u + ((c - 0x10000) & 0x3ffu);
        }
        hash = 31 * hash + c;
        at += width ? width : 1;
    }
    return hash ^ hash >> 16;
}

uint32_t base_java_places(size_t count) {
    uint32_t places = PLACES_MIN;
    while (count > places / 4 * 3) {
        places *= 2;
    }
    return places;
}
