/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json: the scanner against the oracle, and what follows for an accepted text.
 *
 * Input: a byte whose low three bits are the flags ('0' to '7' in the corpus), then the text.
 */
#include <errno.h>
#include <math.h>

#include "base/json_write.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_oracle.h"

/* Nodes times bytes up to which each value is read again by itself. */
#define READ_AGAIN_MAX ((uint64_t)1 << 21)

static bool is_container(struct json_value value) {
    return json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY);
}

/* Members lie within their container, in order, without overlap, and objects alternate. */
static void check_members(struct json_value container, size_t *out_members) {
    struct berth_str raw = json_raw(container);
    const char *behind = raw.ptr + 1;
    size_t members = 0;
    for (struct json_value v = json_first(container); json_present(v);
         v = json_next(container, v)) {
        struct berth_str inner = json_raw(v);
        FUZZ_CHECK(inner.len > 0 && inner.ptr >= behind);
        behind = inner.ptr + inner.len;
        FUZZ_CHECK(behind < raw.ptr + raw.len);
        FUZZ_CHECK(json_is(container, JSON_ARRAY) || members % 2 || json_is(v, JSON_STRING));
        members++;
    }
    FUZZ_CHECK(json_is(container, JSON_ARRAY) || members % 2 == 0);
    *out_members = members;
}

static void check_string(struct json_value value, struct base_arena *arena) {
    struct berth_str text;
    FUZZ_CHECK(json_string(value, arena, &text));
    FUZZ_CHECK(text.len <= json_inner(value).len && oracle_is_utf8(text));
    FUZZ_CHECK(json_string_is(value, text));
    FUZZ_CHECK(!json_string_is(value, base_str_slice(text, 0, text.len - (text.len > 0))) ||
               text.len == 0);
    BASE_BUF_AUTO escaped;
    BASE_BUF_AUTO back;
    base_buf_init(&escaped, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&back, BASE_BUF_MAX_DEFAULT);
    json_put_string(&escaped, text);
    FUZZ_CHECK(oracle_is_json(base_buf_view(&escaped), 0, NULL));
    json_unescape(&back, base_str_slice(base_buf_view(&escaped), 1, escaped.len - 1));
    FUZZ_CHECK(base_str_eq(base_buf_view(&back), text));
}

static void check_number(struct json_value value) {
    struct berth_str raw = json_raw(value);
    char text[BASE_NUMBER_MAX + 1];
    int64_t whole = 0;
    double number = 0;
    if (raw.len >= sizeof text) {
        return;
    }
    memcpy(text, raw.ptr, BASE_LEN(raw));
    text[raw.len] = '\0';
    double nearest = strtod(text, NULL);
    FUZZ_CHECK(json_f64(value, &number) == (isfinite(nearest) != 0));
    FUZZ_CHECK(!isfinite(nearest) || number == nearest);
    errno = 0;
    long long expected = strtoll(text, NULL, 10);
    bool fits = !strpbrk(text, ".eE") && errno == 0;
    FUZZ_CHECK(json_i64(value, &whole) == fits && (!fits || whole == expected));
}

static void check_value(struct json_value value, uint32_t flags, struct base_arena *arena) {
    struct json_error fault;
    FUZZ_CHECK(json_check(json_raw(value), flags & JSON_COMMENTS, &fault));
    if (json_is(value, JSON_STRING)) {
        check_string(value, arena);
    } else if (json_is(value, JSON_NUMBER)) {
        check_number(value);
    }
}

/* Minified, a text has the same values and no byte more than these and their punctuation need. */
static void check_minified(const struct json_doc *doc) {
    BASE_BUF_AUTO once;
    BASE_BUF_AUTO twice;
    JSON_DOC_AUTO again = {0};
    size_t needed = 0;
    base_buf_init(&once, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&twice, BASE_BUF_MAX_DEFAULT);
    json_minify(&once, json_raw(json_root(doc)));
    FUZZ_CHECK(json_parse(&again, base_buf_view(&once), 0, NULL) && again.count == doc->count);
    for (uint32_t i = 0; i < doc->count; i++) {
        struct json_value before = {doc, i};
        struct json_value after = {&again, i};
        FUZZ_CHECK(json_type(before) == json_type(after));
        if (is_container(before)) {
            size_t members = 0;
            check_members(before, &members);
            needed += 2 + members - (members > 0);
        } else {
            FUZZ_CHECK(base_str_eq(json_raw(before), json_raw(after)));
            needed += BASE_LEN(json_raw(before));
        }
    }
    FUZZ_CHECK(once.len == needed);
    json_minify(&twice, base_buf_view(&once));
    FUZZ_CHECK(base_str_eq(base_buf_view(&once), base_buf_view(&twice)));
}

static bool has_key_twice(struct json_value object, struct base_arena *arena) {
    for (struct json_value k = json_first(object); json_present(k);
         k = json_next(object, json_next(object, k))) {
        struct berth_str key;
        FUZZ_CHECK(json_string(k, arena, &key));
        struct json_value found = json_get_str(object, key);
        if (found.at != json_next(object, k).at) {
            return true;
        }
    }
    return false;
}

static void check_accepted(const struct json_doc *doc, uint32_t flags) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 4096);
    bool twice = false;
    bool each = doc->text.len * doc->count < READ_AGAIN_MAX;
    for (uint32_t i = 0; each && i < doc->count; i++) {
        struct json_value value = {doc, i};
        check_value(value, flags, &arena);
        twice = twice || (json_is(value, JSON_OBJECT) && has_key_twice(value, &arena));
    }
    JSON_DOC_AUTO unique = {0};
    struct json_error fault;
    bool ok = json_parse(&unique, doc->text, flags | JSON_UNIQUE_KEYS, &fault);
    FUZZ_CHECK(!each || ok == !twice);
    FUZZ_CHECK(ok || fault.fault == JSON_FAULT_DUPLICATE);
    check_minified(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    uint32_t flags = data[0] & (JSON_COMMENTS | JSON_TRAILING);
    struct berth_str text = fuzz_text(data + 1, size - 1);
    JSON_DOC_AUTO doc = {0};
    struct json_error fault = {0};
    struct json_error checked = {0};
    size_t count = 0;
    bool ok = json_parse(&doc, text, flags, &fault);
    FUZZ_CHECK(ok == json_check(text, flags, &checked));
    FUZZ_CHECK(fault.fault == checked.fault && fault.offset == checked.offset);
    FUZZ_CHECK(ok == oracle_is_json(text, flags, &count));
    if (ok) {
        FUZZ_CHECK(doc.count == count);
        check_accepted(&doc, flags);
    } else {
        FUZZ_CHECK(fault.fault != JSON_FAULT_NONE && fault.offset <= text.len && fault.what);
        FUZZ_CHECK(fault.line >= 1 && fault.column >= 1);
    }
    return 0;
}
