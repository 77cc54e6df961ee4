/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/wildcard.h"

#include "host/store/words.h"

/* Takes one step of the pattern that stands for one character; false at '*' or at the end. */
static bool take_single(struct berth_str *pattern, bool *out_any, uint32_t *out_character) {
    if (pattern->len == 0 || pattern->ptr[0] == '*') {
        return false;
    }
    *out_any = pattern->ptr[0] == '?';
    if (pattern->ptr[0] == '\\' && pattern->len > 1) {
        *pattern = base_str_from(*pattern, 1);
    }
    *out_character = words_character(pattern);
    return true;
}

bool wildcard_match(struct berth_str pattern, struct berth_str text, bool ignore_case) {
    struct berth_str star = {0}; /* behind the last '*', and the text that it was tried with */
    struct berth_str retry = {0};
    for (;;) {
        bool any = false;
        uint32_t wanted = 0;
        if (pattern.len && pattern.ptr[0] == '*') {
            pattern = star = base_str_from(pattern, 1);
            retry = text;
            continue;
        }
        if (text.len == 0) {
            return pattern.len == 0;
        }
        struct berth_str behind = text;
        uint32_t c = words_character(&behind);
        if (take_single(&pattern, &any, &wanted) &&
            (any || c == wanted || (ignore_case && words_lower(c) == words_lower(wanted)))) {
            text = behind;
            continue;
        }
        if (!star.ptr || retry.len == 0) {
            return false;
        }
        (void)words_character(&retry);
        pattern = star;
        text = retry;
    }
}

void wildcard_quote(struct base_buf *out, struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        if (strchr("*?\\", text.ptr[i]) && text.ptr[i]) {
            base_buf_char(out, '\\');
        }
        base_buf_char(out, text.ptr[i]);
    }
}

static struct berth_str value_text(sqlite3_value *value) {
    const char *text = (const char *)sqlite3_value_text(value);
    return base_str(text ? text : "", (size_t)sqlite3_value_bytes(value));
}

static void call(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    sqlite3_result_int(context, wildcard_match(value_text(values[0]), value_text(values[1]),
                                               sqlite3_value_int(values[2]) != 0));
}

int wildcard_register(sqlite3 *handle) {
    return sqlite3_create_function_v2(handle, "wildcard", 3, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                      NULL, call, NULL, NULL, NULL);
}
