/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/distinguished_name.h"

/* Takes the next part off the front: what stands before a comma that is not escaped. */
static bool next_part(struct berth_str *rest, struct berth_str *out_type,
                      struct berth_str *out_value) {
    uint64_t end = 0;
    if (rest->len == 0) {
        return false;
    }
    while (end < rest->len && rest->ptr[end] != ',') {
        end += rest->ptr[end] == '\\' ? 2 : 1;
    }
    struct berth_str part = base_str_slice(*rest, 0, end);
    *rest = end < rest->len ? base_str_from(*rest, end + 1) : base_str("", 0);
    uint64_t equals = base_str_find(part, '=');
    *out_type = base_str_trim(base_str_slice(part, 0, equals));
    *out_value = base_str_from(part, equals + 1);
    /* A blank at the end that is escaped belongs to the value. */
    while (out_value->len && out_value->ptr[0] == ' ') {
        *out_value = base_str_from(*out_value, 1);
    }
    while (out_value->len && out_value->ptr[out_value->len - 1] == ' ' &&
           !(out_value->len > 1 && out_value->ptr[out_value->len - 2] == '\\')) {
        out_value->len--;
    }
    return true;
}

bool distinguished_name_same(struct berth_str a, struct berth_str b) {
    struct berth_str types[2];
    struct berth_str values[2];
    while (next_part(&a, &types[0], &values[0])) {
        if (!next_part(&b, &types[1], &values[1]) || !base_str_eq_nocase(types[0], types[1]) ||
            !base_str_eq(values[0], values[1])) {
            return false;
        }
    }
    return b.len == 0;
}

static int hex_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

static struct berth_str unescape(struct berth_str value, struct base_arena *arena) {
    char *out = base_arena_alloc(arena, BASE_LEN(value) + 1);
    size_t len = 0;
    for (uint64_t i = 0; out && i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' && i + 1 < value.len) {
            int high = hex_of(value.ptr[i + 1]);
            int low = i + 2 < value.len ? hex_of(value.ptr[i + 2]) : -1;
            bool pair = high >= 0 && low >= 0;
            c = pair ? (char)(unsigned char)(high * 16 + low) : value.ptr[i + 1];
            i += pair ? 2 : 1;
        }
        out[len++] = c;
    }
    return base_str(out, len); /* without memory: no name, which is nobody's */
}

struct berth_str distinguished_name_value(struct berth_str name, const char *type,
                                          struct base_arena *arena) {
    struct berth_str own;
    struct berth_str value;
    while (next_part(&name, &own, &value)) {
        if (base_str_eq_nocase(own, base_cstr(type))) {
            return unescape(value, arena);
        }
    }
    return base_str("", 0);
}
