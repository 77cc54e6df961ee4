/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/java_order.h"

#include "base/arena.h"
#include "base/java_hash.h"

#include <stdlib.h>

struct member {
    uint32_t place;
    uint32_t number; /* of the member, as it was sent */
    struct json_value key;
    struct json_value value;
};

static int by_place(const void *a, const void *b) {
    const struct member *x = a;
    const struct member *y = b;
    return x->place != y->place ? (x->place < y->place ? -1 : 1) : (x->number < y->number ? -1 : 1);
}

/* Text as Gson escapes it: what HTML could take for markup as well. */
static void put_text(struct json_value text, struct base_buf *out) {
    struct berth_str inner = json_inner(text);
    base_buf_char(out, '"');
    for (uint64_t i = 0; i < inner.len; i++) {
        char c = inner.ptr[i];
        if (c == '\\' && i + 1 < inner.len && inner.ptr[i + 1] == '/') {
            continue;
        }
        if (strchr("<>&='", c) && c) {
            base_buf_format(out, "\\u%04x", (unsigned)c);
        } else {
            base_buf_char(out, c);
            if (c == '\\' && i + 1 < inner.len) {
                base_buf_char(out, inner.ptr[++i]);
            }
        }
    }
    base_buf_char(out, '"');
}

static void put_object(struct json_value object, struct base_buf *out) {
    size_t count = json_count(object);
    struct member *members = calloc(count + 1, sizeof *members);
    struct base_arena arena;
    if (!members) {
        out->error = out->error ? out->error : BERTH_E_NO_MEMORY;
        return;
    }
    base_arena_init(&arena, 256);
    uint32_t places = base_java_places(count);
    uint32_t number = 0;
    for (struct json_value k = json_first(object); json_present(k);) {
        struct berth_str name = {"", 0};
        struct json_value v = json_next(object, k);
        if (!json_string(k, &arena, &name)) {
            out->error = out->error ? out->error : BERTH_E_NO_MEMORY;
        }
        members[number] = (struct member){base_java_hash(name) & (places - 1), number, k, v};
        number++;
        k = json_next(object, v);
    }
    base_arena_deinit(&arena);
    qsort(members, count, sizeof *members, by_place);
    base_buf_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        base_buf_cstr(out, i ? "," : "");
        put_text(members[i].key, out);
        base_buf_char(out, ':');
        ml_put_java_ordered(members[i].value, out);
    }
    base_buf_char(out, '}');
    free(members);
}

/* Depth is bounded by the reader's. */
void ml_put_java_ordered(struct json_value value, struct base_buf *out) {
    switch (json_type(value)) {
    case JSON_OBJECT:
        put_object(value, out);
        break;
    case JSON_ARRAY: {
        const char *separator = "";
        base_buf_char(out, '[');
        for (struct json_value v = json_first(value); json_present(v); v = json_next(value, v)) {
            base_buf_cstr(out, separator);
            ml_put_java_ordered(v, out);
            separator = ",";
        }
        base_buf_char(out, ']');
        break;
    }
    case JSON_STRING:
        put_text(value, out);
        break;
    default:
        base_buf_str(out, json_raw(value));
    }
}
