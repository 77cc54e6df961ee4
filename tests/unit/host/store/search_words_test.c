/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What texts are made of, patterns and dates: words, wildcards, time.
 */
#include "host/store/date.h"
#include "host/store/wildcard.h"
#include "host/store/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

/* ---- words ---- */

static const struct {
    const char *text;
    const char *words;
} texts[] = {
    {"", ""},
    {"  ,;- ", ""},
    {"___", ""},
    {"Two words", "two|words"},
    {"snake_case-kebab.dot/slash", "snake_case|kebab.dot|slash"},
    {"_x_ __y", "_x_|__y"},
    {"a1 2b", "a1|2b"},
    {"don't 'quoted'", "don't|quoted"},
    {"gpt-4.1 v1.5 1,000;5 a.", "gpt|4.1|v1.5|1,000;5|a"},
    {"anthropic.claude-v2:1 foo:bar", "anthropic.claude|v2|1|foo:bar"},
    {"1.a a.1", "1|a|a|1"},
    {"\xc3\x89T\xc3\x89 \xc2\xabok\xc2\xbb", "\xc3\xa9t\xc3\xa9|ok"},
    {"\xd0\x9f\xd0\xa0 \xce\xa3", "\xd0\xbf\xd1\x80|\xcf\x83"},
    {"a\xe2\x80\x94"
     "b",
     "a|b"},
    /* ideographs and hiragana one by one, katakana and hangul as words */
    {"\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad|\xe6\x96\x87"},
    {"\xe3\x82\xab\xe3\x82\xbfx", "\xe3\x82\xab\xe3\x82\xbf|x"},
    {"\xed\x95\x9c\xea\xb8\x80", "\xed\x95\x9c\xea\xb8\x80"},
    /* a mark belongs to its letter */
    {"e\xcc\x81t", "e\xcc\x81t"},
};

static void takes_words_off_a_text(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        struct berth_str rest = base_cstr(texts[i].text);
        char word[WORD_BYTES_MAX];
        size_t len = 0;
        BASE_BUF_AUTO words;
        base_buf_init(&words, 256);
        while (words_next(&rest, word, &len)) {
            base_buf_format(&words, "%s%.*s", words.len ? "|" : "", (int)len, word);
        }
        base_buf_char(&words, '\0');
        assert_string_equal(words.ptr, texts[i].words);
    }
}

static void cuts_what_is_too_long_for_a_word(void **state) {
    (void)state;
    char text[600];
    memset(text, 'x', sizeof text);
    struct berth_str rest = base_str(text, sizeof text);
    char word[WORD_BYTES_MAX];
    size_t len = 0;
    size_t lengths[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        assert_true(words_next(&rest, word, &len));
        lengths[i] = len;
    }
    assert_int_equal(lengths[0], WORD_CHARACTERS_MAX);
    assert_int_equal(lengths[1], WORD_CHARACTERS_MAX);
    assert_int_equal(lengths[2], sizeof text - 2 * WORD_CHARACTERS_MAX);
    assert_false(words_next(&rest, word, &len));
    /* Underscores alone are no word, however many; what follows them is found. */
    memset(text, '_', sizeof text);
    text[599] = 'a';
    rest = base_str(text, sizeof text);
    assert_true(words_next(&rest, word, &len));
    assert_int_equal(word[len - 1], 'a');
    assert_true(len <= WORD_BYTES_MAX);
}

static void lower_case_takes_no_more_bytes(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint32_t lower = words_lower(c);
        if ((lower >= 0x80) > (c >= 0x80) || (lower >= 0x800) > (c >= 0x800) ||
            (lower >= 0x10000) > (c >= 0x10000)) {
            fail_msg("U+%04X becomes U+%04X", c, lower);
        }
    }
}

/* ---- wildcards ---- */

static const struct {
    const char *pattern;
    const char *text;
    bool ignore_case;
    bool matches;
} patterns[] = {
    {"", "", false, true},
    {"", "a", false, false},
    {"*", "", false, true},
    {"?", "", false, false},
    {"a*c", "abbc", false, true},
    {"a*c", "abbd", false, false},
    {"a?c", "abc", false, true},
    {"a?c", "ac", false, false},
    {"?", "\xc3\xa9", false, true},
    {"*a*b*", "xxaxxbxx", false, true},
    {"*ab", "aab", false, true},
    {"*aab", "aaaab", false, true},
    {"a\\*", "a*", false, true},
    {"a\\*", "ab", false, false},
    {"a\\?\\\\", "a?\\", false, true},
    {"\\", "\\", false, true},
    {"AB*", "abc", false, false},
    {"AB*", "abc", true, true},
    {"\xc3\x89*", "\xc3\xa9t", true, true},
    {"**", "x", false, true},
    {"*?", "x", false, true},
    {"*?", "", false, false},
};

static void matches_wildcards(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(patterns); i++) {
        if (wildcard_match(base_cstr(patterns[i].pattern), base_cstr(patterns[i].text),
                           patterns[i].ignore_case) != patterns[i].matches) {
            fail_msg("[%s] and [%s]", patterns[i].pattern, patterns[i].text);
        }
    }
}

static void a_quoted_text_matches_itself_alone(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        BASE_BUF_AUTO lost;
        base_buf_init(&lost, 64);
        wildcard_quote(&lost, BERTH_STR("a*"));
        assert_true(lost.error == (lost.ptr ? BERTH_OK : BERTH_E_NO_MEMORY));
    });
    BASE_BUF_AUTO pattern;
    base_buf_init(&pattern, 64);
    wildcard_quote(&pattern, BERTH_STR("a*?\\b"));
    assert_true(base_str_is(base_buf_view(&pattern), "a\\*\\?\\\\b"));
    assert_true(wildcard_match(base_buf_view(&pattern), BERTH_STR("a*?\\b"), false));
    assert_false(wildcard_match(base_buf_view(&pattern), BERTH_STR("axy\\b"), false));
}

/* ---- dates ---- */

/* 2024-03-15T10:20:30.456Z, a Friday */
#define NOW INT64_C(1710498030456)

static const struct {
    const char *text;
    bool up;
    const char *time; /* NULL: none */
} dates[] = {
    {"0", false, "1970-01-01T00:00:00.000Z"},
    {"1710498030456", false, "2024-03-15T10:20:30.456Z"},
    {"-1", false, "1969-12-31T23:59:59.999Z"},
    {"2024-03-15", false, "2024-03-15T00:00:00.000Z"},
    {"2024-03-15", true, "2024-03-15T23:59:59.999Z"},
    {"2024-02", true, "2024-02-29T23:59:59.999Z"},
    {"2024-03-15T10:20", true, "2024-03-15T10:20:59.999Z"},
    {"2024-03-15T10:20:30Z", false, "2024-03-15T10:20:30.000Z"},
    {"2024-03-15T10:20:30.5Z", true, "2024-03-15T10:20:30.500Z"},
    {"2024-03-15T10:20:30.123456789+02:00", false, "2024-03-15T08:20:30.123Z"},
    {"2024-03-15T10:20:30-0130", false, "2024-03-15T11:50:30.000Z"},
    {"1900-02-28||+1d", false, "1900-03-01T00:00:00.000Z"},
    {"2000-02-28||+1d", false, "2000-02-29T00:00:00.000Z"},
    {"2024-01-31||+1M", false, "2024-02-29T00:00:00.000Z"},
    {"2024-03-15T10:20:30Z||/M", true, "2024-03-31T23:59:59.999Z"},
    {"now", false, "2024-03-15T10:20:30.456Z"},
    {"now-1d", false, "2024-03-14T10:20:30.456Z"},
    {"now-1y/y", false, "2023-01-01T00:00:00.000Z"},
    {"now/w", false, "2024-03-11T00:00:00.000Z"},
    {"now/d", true, "2024-03-15T23:59:59.999Z"},
    {"now+2h-30m", false, "2024-03-15T11:50:30.456Z"},
    {"now-d", false, "2024-03-14T10:20:30.456Z"},
    {"", false, NULL},
    {"soon", false, NULL},
    {"now-", false, NULL},
    {"now-1x", false, NULL},
    {"now/2d", false, NULL},
    {"now+99999999999d", false, NULL},
    {"2024-13-01", false, NULL},
    {"2023-02-29", false, NULL},
    {"2024-03-15T25:00", false, NULL},
    {"2024-03-15T10:20:30+99:00", false, NULL},
    {"2024-03-15T10:20:30Zx", false, NULL},
    {"1e300", false, NULL},
    {"||+1d", false, NULL},
};

static void reads_dates(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(dates); i++) {
        int64_t time = 0;
        bool read = date_parse(base_cstr(dates[i].text), NOW, dates[i].up, &time);
        char text[DATE_TEXT_MAX];
        date_format(time, text);
        if (read != (dates[i].time != NULL) || (read && strcmp(text, dates[i].time) != 0)) {
            fail_msg("[%s] is read as %s", dates[i].text, read ? text : "none");
        }
    }
}

static void writes_each_day_as_it_reads_it(void **state) {
    (void)state;
    for (int64_t day = -200000; day < 400000; day += 7) {
        int64_t time = 0;
        char text[DATE_TEXT_MAX];
        date_format(day * 86400000 + 12345, text);
        assert_true(date_parse(base_cstr(text), 0, false, &time));
        assert_int_equal(time, day * 86400000 + 12345);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_words_off_a_text),
        cmocka_unit_test(cuts_what_is_too_long_for_a_word),
        cmocka_unit_test(lower_case_takes_no_more_bytes),
        cmocka_unit_test(matches_wildcards),
        cmocka_unit_test(a_quoted_text_matches_itself_alone),
        cmocka_unit_test(reads_dates),
        cmocka_unit_test(writes_each_day_as_it_reads_it),
    };
    return cmocka_run_group_tests_name("host.store.search_words", tests, NULL, NULL);
}
