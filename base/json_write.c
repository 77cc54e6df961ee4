/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_write.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>

static void separate(struct base_buf *buf) {
    if (buf->len && !strchr("{[:,", buf->ptr[buf->len - 1])) {
        base_buf_char(buf, ',');
    }
}

static void open(struct base_buf *buf, char c) {
    separate(buf);
    base_buf_char(buf, c);
}

void json_open_object(struct base_buf *buf) {
    open(buf, '{');
}

void json_close_object(struct base_buf *buf) {
    base_buf_char(buf, '}');
}

void json_open_array(struct base_buf *buf) {
    open(buf, '[');
}

void json_close_array(struct base_buf *buf) {
    base_buf_char(buf, ']');
}

/* What a byte is written as that cannot stand in a string. */
static void put_escaped(struct base_buf *buf, unsigned char c) {
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *at = c ? strchr(named, c) : NULL;
    if (c >= 0x80) {
        base_buf_cstr(buf, "\xef\xbf\xbd"); /* U+FFFD */
    } else if (at) {
        base_buf_char(buf, '\\');
        base_buf_char(buf, names[at - named]);
    } else {
        base_buf_format(buf, "\\u%04x", c);
    }
}

void json_escape(struct base_buf *buf, struct berth_str text) {
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    uint64_t run = 0;
    for (uint64_t i = 0; i < text.len;) {
        unsigned char c = bytes[i];
        bool stays = c >= 0x20 && c != '"' && c != '\\';
        size_t width = c < 0x80 ? 1 : base_utf8_length(bytes + i, bytes + text.len);
        if (stays && width) {
            i += width;
            continue;
        }
        base_buf_append(buf, text.ptr + run, i - run);
        put_escaped(buf, c);
        run = ++i;
    }
    base_buf_append(buf, text.ptr + run, text.len - run);
}

void json_put_string(struct base_buf *buf, struct berth_str text) {
    separate(buf);
    base_buf_char(buf, '"');
    json_escape(buf, text);
    base_buf_char(buf, '"');
}

void json_key_str(struct base_buf *buf, struct berth_str key) {
    json_put_string(buf, key);
    base_buf_char(buf, ':');
}

void json_key(struct base_buf *buf, const char *key) {
    json_key_str(buf, base_cstr(key));
}

void json_put_cstr(struct base_buf *buf, const char *text) {
    json_put_string(buf, base_cstr(text));
}

void json_put_raw(struct base_buf *buf, struct berth_str raw) {
    separate(buf);
    base_buf_str(buf, raw);
}

void json_put_i64(struct base_buf *buf, int64_t value) {
    separate(buf);
    base_buf_format(buf, "%lld", (long long)value);
}

void json_put_u64(struct base_buf *buf, uint64_t value) {
    separate(buf);
    base_buf_u64(buf, value);
}

void json_put_strings(struct base_buf *buf, const struct berth_str *texts, uint32_t count) {
    json_open_array(buf);
    for (uint32_t i = 0; i < count; i++) {
        json_put_string(buf, texts[i]);
    }
    json_close_array(buf);
}

/* The shortest text that reads back as the same number; JSON has no NaN and no infinity. */
void json_put_f64(struct base_buf *buf, double value) {
    char text[40];
    if (!isfinite(value)) {
        json_put_null(buf);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        double back = 0;
        int len = snprintf(text, sizeof text, "%.*g", digits, value);
        if (base_str_f64(base_str(text, (size_t)len), &back) && back == value) {
            break;
        }
    }
    separate(buf);
    base_buf_cstr(buf, text);
    if (!strpbrk(text, ".e")) {
        base_buf_cstr(buf, ".0");
    }
}

void json_put_bool(struct base_buf *buf, bool value) {
    json_put_raw(buf, value ? BERTH_STR("true") : BERTH_STR("false"));
}

void json_put_null(struct base_buf *buf) {
    json_put_raw(buf, BERTH_STR("null"));
}

void json_member_string(struct base_buf *buf, const char *key, struct berth_str text) {
    json_key(buf, key);
    json_put_string(buf, text);
}

void json_member_cstr(struct base_buf *buf, const char *key, const char *text) {
    json_member_string(buf, key, base_cstr(text));
}

void json_member_i64(struct base_buf *buf, const char *key, int64_t value) {
    json_key(buf, key);
    json_put_i64(buf, value);
}

void json_member_u64(struct base_buf *buf, const char *key, uint64_t value) {
    json_key(buf, key);
    json_put_u64(buf, value);
}

void json_member_bool(struct base_buf *buf, const char *key, bool value) {
    json_key(buf, key);
    json_put_bool(buf, value);
}

void json_member_raw(struct base_buf *buf, const char *key, struct berth_str raw) {
    json_key(buf, key);
    json_put_raw(buf, raw);
}
