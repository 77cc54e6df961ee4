/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of many bytes at a time: they accept what the scanner accepts byte by byte, and no more.
 */
#include "base/json_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* What processors of other kinds run. */
#define JSON_RUN_PLAIN
#define json_run_plain without_vectors_plain
#define json_run_numbers without_vectors_numbers
#define json_run_commas without_vectors_commas
const unsigned char *json_run_plain(const unsigned char *p, const unsigned char *end);
const unsigned char *json_run_numbers(const unsigned char *p, const unsigned char *end);
uint64_t json_run_commas(const unsigned char *p, const unsigned char *end);
#include "base/json_run.c"
#undef json_run_plain
#undef json_run_numbers
#undef json_run_commas

typedef const unsigned char *(*run_fn)(const unsigned char *p, const unsigned char *end);
static const run_fn numbers_runs[] = {json_run_numbers, without_vectors_numbers};
static const run_fn plain_runs[] = {json_run_plain, without_vectors_plain};

static const unsigned char *bytes(const char *text) {
    return (const unsigned char *)text;
}

/* Whether a text is an array of numbers without exponents: by the grammar, one byte after another.
 */
static bool is_list(const char *p, const char *end) {
    for (;;) {
        p += strspn(p, " \t\r\n");
        p += *p == '-';
        size_t digits = strspn(p, "0123456789");
        if (digits == 0 || (digits > 1 && *p == '0')) {
            return false;
        }
        p += digits;
        if (*p == '.') {
            digits = strspn(p + 1, "0123456789");
            if (digits == 0) {
                return false;
            }
            p += 1 + digits;
        }
        p += strspn(p, " \t\r\n");
        if (p == end) {
            return true;
        }
        if (*p++ != ',') {
            return false;
        }
    }
}

/* As one would write them, and each way to be wrong. */
static const char *const items[] = {
    "0",     "7",        "-1",    "12",     "0.5",
    "-0.25", "10.03125", "-0",    "-0.0",   "123456789012345678",
    " 1",    "2 ",       "\n3\t", " -4.5 ", "01",
    "-01",   "1.",       ".5",    "-",      "--1",
    "1-",    "1.2.3",    "1..2",  "-.5",    "1 2",
    "",      " ",        "1.-2",  "00",     "- 1",
    "1e5",   "a",        "\"x\"", "[1]",    "1 .5",
    "1. 5",  "+1",       "0.0.0", "\v1",    "\xc3\xa9",
};

/* The item stands at each place of two blocks among good ones. */
static void takes_numbers_and_nothing_else(void **state) {
    (void)state;
    for (size_t item = 0; item < sizeof items / sizeof items[0]; item++) {
        for (size_t before = 0; before < 140; before++) {
            char text[512];
            size_t len = 0;
            while (len + 2 <= before) {
                len += (size_t)snprintf(text + len, sizeof text - len, "1,");
            }
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s,", len < before ? " " : "",
                                    items[item]);
            size_t until = len;
            for (int i = 0; i < 70; i++) {
                len += (size_t)snprintf(text + len, sizeof text - len, "0,");
            }
            const unsigned char *behind = json_run_numbers(bytes(text), bytes(text) + len);
            size_t taken = (size_t)(behind - bytes(text));
            assert_ptr_equal(without_vectors_numbers(bytes(text), bytes(text) + len), behind);
            bool good = is_list(text, text + until - 1);
            if ((taken >= until) != good && (good || taken >= until)) {
                fail_msg("[%s] behind %zu bytes: %zu of %zu taken", items[item], before, taken,
                         until);
            }
            assert_true(taken == 0 || text[taken - 1] == ',');
            assert_true(taken == 0 || is_list(text, text + taken - 1));
        }
    }
}

/* With the bytes in a place of their own, so that reading beyond them is seen. */
static void stops_before_the_end(void **state) {
    (void)state;
    char text[400];
    memset(text, '1', sizeof text);
    for (size_t i = 1; i < sizeof text; i += 2) {
        text[i] = ',';
    }
    for (size_t len = 0; len <= 200; len++) {
        char *copy = test_malloc(len + 1);
        memcpy(copy, text, len);
        for (int i = 0; i < 2; i++) {
            const unsigned char *behind = numbers_runs[i](bytes(copy), bytes(copy) + len);
            assert_true(behind >= bytes(copy) && behind <= bytes(copy) + len);
            assert_int_equal((size_t)(behind - bytes(copy)), len / 64 * 64);
        }
        test_free(copy);
    }
}

static void finds_the_end_of_plain_text(void **state) {
    (void)state;
    static const char *const ends[] = {"\"", "\\", "\x1f", "\n", "\x80", "\xff", "\xc3", ""};
    for (size_t e = 0; e < sizeof ends / sizeof ends[0]; e++) {
        for (size_t before = 0; before < 80; before++) {
            char text[128];
            memset(text, 'a' + (int)(before % 20), before);
            text[0] = before ? ' ' : text[0];
            text[before ? before - 1 : 0] = before ? '\x7f' : text[0];
            (void)snprintf(text + before, sizeof text - before, "%s", ends[e]);
            const unsigned char *end = bytes(text) + before + strlen(ends[e]);
            for (int i = 0; i < 2; i++) {
                assert_ptr_equal(plain_runs[i](bytes(text), end), bytes(text) + before);
            }
        }
    }
}

/* The same text with and without nodes, that is with and without runs. */
static void agrees_with_the_scanner(void **state) {
    (void)state;
    struct json_doc doc = {0};
    for (size_t item = 0; item < sizeof items / sizeof items[0]; item++) {
        for (size_t before = 0; before < 80; before++) {
            char text[512] = "[";
            size_t len = 1;
            struct json_error checked = {0};
            struct json_error parsed = {0};
            for (size_t i = 0; i < before; i++) {
                text[len++] = i % 2 ? ',' : '8';
            }
            len -= before % 2;
            len += (size_t)snprintf(text + len, sizeof text - len, "%s", items[item]);
            for (int i = 0; i < 70; i++) {
                len += (size_t)snprintf(text + len, sizeof text - len, ",0");
            }
            text[len++] = ']';
            bool is_right = json_parse(&doc, (struct berth_str){text, len}, 0, &parsed);
            assert_int_equal(json_check((struct berth_str){text, len}, 0, &checked), is_right);
            assert_int_equal(checked.fault, parsed.fault);
            assert_int_equal(checked.offset, parsed.offset);
        }
    }
    json_doc_deinit(&doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_numbers_and_nothing_else),
        cmocka_unit_test(stops_before_the_end),
        cmocka_unit_test(finds_the_end_of_plain_text),
        cmocka_unit_test(agrees_with_the_scanner),
    };
    return cmocka_run_group_tests_name("base.json_run", tests, NULL, NULL);
}
