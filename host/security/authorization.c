/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/authorization.h"

static int digit_of(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

enum authorization_scheme authorization_scheme(struct berth_str header,
                                               struct berth_str *out_credentials) {
    static const struct {
        const char *name;
        enum authorization_scheme scheme;
    } schemes[] = {{"basic", AUTHORIZATION_BASIC}, {"bearer", AUTHORIZATION_BEARER}};
    struct berth_str rest = base_str_trim(header);
    struct berth_str name;
    (void)base_str_split(&rest, ' ', &name);
    *out_credentials = base_str_trim(rest);
    for (size_t i = 0; i < BASE_COUNT(schemes); i++) {
        if (base_str_eq_nocase(name, base_cstr(schemes[i].name))) {
            return schemes[i].scheme;
        }
    }
    return AUTHORIZATION_NONE;
}

/* Four characters make three bytes; the last group may be padded. Returns the count, -1: no. */
static int decode(struct berth_str text, char *out, size_t size) {
    size_t len = 0;
    if (text.len == 0 || text.len % 4 != 0 || text.len / 4 * 3 > size) {
        return -1;
    }
    for (uint64_t i = 0; i < text.len; i += 4) {
        bool last = i + 4 == text.len;
        int pads = last && text.ptr[i + 3] == '=' ? (text.ptr[i + 2] == '=' ? 2 : 1) : 0;
        uint32_t bits = 0;
        for (int k = 0; k < 4 - pads; k++) {
            int digit = digit_of(text.ptr[i + (uint64_t)k]);
            if (digit < 0) {
                return -1;
            }
            bits |= (uint32_t)digit << (18 - 6 * k);
        }
        if ((pads == 1 && bits & 0xffu) || (pads == 2 && bits & 0xffffu)) {
            return -1; /* bits that no encoder leaves: two texts would mean the same */
        }
        for (int k = 0; k < 3 - pads; k++) {
            out[len++] = (char)(unsigned char)(bits >> (16 - 8 * k));
        }
    }
    return (int)len;
}

bool authorization_basic(struct berth_str credentials, struct authorization_basic *out) {
    int len = decode(credentials, out->bytes, sizeof out->bytes);
    if (len < 0) {
        return false;
    }
    struct berth_str text = base_str(out->bytes, (size_t)len);
    uint64_t colon = base_str_find(text, ':');
    if (colon == 0 || colon == text.len) {
        return false;
    }
    out->user = base_str_slice(text, 0, colon);
    out->password = base_str_from(text, colon + 1);
    return true;
}
