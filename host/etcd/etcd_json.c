/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of the gateway's JSON. */
#include "host/etcd/etcd.h"

#include "base/json_write.h"

#include <openssl/evp.h>

void etcd_put_bytes(struct base_buf *out, struct berth_str bytes) {
    size_t room = (BASE_LEN(bytes) + 2) / 3 * 4 + 1;
    base_buf_char(out, '"');
    char *at = base_buf_reserve(out, room);
    if (at) {
        out->len += (size_t)EVP_EncodeBlock((unsigned char *)at, (const unsigned char *)bytes.ptr,
                                            (int)bytes.len);
    }
    base_buf_char(out, '"');
}

void etcd_put_range(struct base_buf *out, struct berth_str prefix, struct berth_str from) {
    char end[256];
    size_t len = BASE_LEN(prefix) < sizeof end ? BASE_LEN(prefix) : sizeof end;
    memcpy(end, prefix.ptr, len);
    end[len - 1]++; /* the prefixes that are used end with a character of ASCII */
    json_key(out, "key");
    etcd_put_bytes(out, from.len ? from : prefix);
    json_key(out, "range_end");
    etcd_put_bytes(out, base_str(end, len));
}

bool etcd_bytes(struct json_value value, struct base_arena *arena, struct berth_str *out_bytes) {
    struct berth_str text = json_inner(value);
    *out_bytes = base_str("", 0);
    if (text.len == 0) {
        return true;
    }
    char *bytes = base_arena_alloc(arena, BASE_LEN(text) / 4 * 3 + 1);
    int len = bytes && text.len % 4 == 0 && text.len < INT32_MAX
                  ? EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)text.ptr,
                                    (int)text.len)
                  : -1;
    if (len < 0) {
        return false;
    }
    len -= (text.ptr[text.len - 1] == '=') + (text.ptr[text.len - 2] == '=');
    bytes[len] = '\0';
    *out_bytes = base_str(bytes, (size_t)len);
    return true;
}

int64_t etcd_number(struct json_value value) {
    int64_t number = 0;
    return base_str_i64(json_inner(value), &number) ? number : 0;
}

int64_t etcd_revision(struct json_value answer) {
    return etcd_number(json_get(json_get(answer, "header"), "revision"));
}

bool etcd_read_pair(struct json_value kv, struct base_arena *arena, struct etcd_pair *out_pair) {
    *out_pair = (struct etcd_pair){.create_revision = etcd_number(json_get(kv, "create_revision")),
                                   .mod_revision = etcd_number(json_get(kv, "mod_revision")),
                                   .version = etcd_number(json_get(kv, "version"))};
    return etcd_bytes(json_get(kv, "key"), arena, &out_pair->key) &&
           etcd_bytes(json_get(kv, "value"), arena, &out_pair->value);
}
