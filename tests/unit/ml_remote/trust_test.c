/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tests/support/fault.h"
#include "tests/support/utf8_check.h"

static int32_t create(const char *pattern, struct ml_trust **out_trust, struct berth_error *error) {
    struct berth_str list[] = {base_cstr(pattern)};
    return ml_trust_create(list, 1, out_trust, error);
}

static const struct {
    const char *pattern;
    const char *url;
    bool matches;
} matching[] = {
    {"^https://api\\.openai\\.com/.*$", "https://api.openai.com/v1/chat/completions", true},
    {"^https://api\\.openai\\.com/.*$", "http://api.openai.com/v1", false},
    {"^https://api\\.openai\\.com/.*$", "https://api.openai.com.evil.example/v1", false},
    {"^https://api\\.openai\\.com/.*$", "https://apixopenai.com/v1", false},
    {"^https://api\\.openai\\.com/.*$", "https://api.openai.com", false},
    {"^https://api\\.openai\\.com/.*$", " https://api.openai.com/v1", false},
    {"^https://runtime\\.sagemaker\\..*[a-z0-9-]\\.amazonaws\\.com/.*$",
     "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/e/invocations", true},
    {"^https://runtime\\.sagemaker\\..*[a-z0-9-]\\.amazonaws\\.com/.*$",
     "https://runtime.sagemaker.amazonaws.com/endpoints/e", false},
    {"^http://localhost:\\d{4}/.*$", "http://localhost:8080/x", true},
    {"^http://localhost:\\d{4}/.*$", "http://localhost:80801/x", false},
    {"(?i)^HTTPS://UPPER\\.EXAMPLE/.*$", "https://upper.example/x", true},
    {"^https?://[^/]+/v[12]/.*$", "http://any.example/v2/y", true},
    {"^https?://[^/]+/v[12]/.*$", "http://any.example/v3/y", false},
    {"^https://h[0-9]{2,3}\\.example/.{0,5}$", "https://h12.example/abcde", true},
    {"^https://h[0-9]{2,3}\\.example/.{0,5}$", "https://h1.example/abc", false},
    {"^https://h[0-9]{2,3}\\.example/.{0,5}$", "https://h123.example/abcdef", false},
    {"^https://[\\w.-]++/api$", "https://x-y.example/api", true},
    {"^https://[\\w.-]++/api$", "https://x-y.example/api/", false},
    {"https://plain.example/x", "https://plainxexample/x", true},
    {"https://plain.example/x", "https://plain.example/x?y", false},
    {"^https://[\\p{L}\\d.]+/.*$", "https://abc1.example/ok", true},
    {"^https://u\\.example/\\S+$", "https://u.example/with space", false},
    /* As a whole, with anchors or without, and also of each alternative. */
    {"http://a", "http://a/b", false},
    {"http://a", "xhttp://a", false},
    {"http://a|http://b", "http://b", true},
    {"http://a|http://b", "http://ab", false},
    {"http://a|http://ab", "http://ab", true},
    {"^http://a$", "http://a\n", false},
    {"", "", true},
    {"", "x", false},
    {"(?s).*", "a\nb", true},
    {".*", "a\nb", false},
    {"h\\Qa.(b\\E", "ha.(b", true},
    {"h\\Qa.(b\\E", "haxb", false},
    {"[]a]", "]", true},
    {"(ab)+", "ababab", true},
};

static void matches_as_a_whole(void **state) {
    (void)state;
    void *scratch = ml_trust_scratch_create();
    assert_non_null(scratch);
    for (size_t i = 0; i < BASE_COUNT(matching); i++) {
        struct ml_trust *trust = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        if (create(matching[i].pattern, &trust, &error)) {
            fail_msg("[%s]: %s", matching[i].pattern, error.message);
        }
        if (ml_trust_matches(trust, base_cstr(matching[i].url), scratch) != matching[i].matches) {
            fail_msg("[%s] and [%s]", matching[i].pattern, matching[i].url);
        }
        ml_trust_destroy(trust);
    }
    ml_trust_scratch_destroy(scratch);
}

static const struct {
    const char *pattern;
    const char *reason; /* in the message */
} refused[] = {
    {"(", "does not compile"},
    {"a)", "does not compile"},
    {"[a", "a class that is not closed"},
    {"a{2,1}", "does not compile"},
    {"*a", "does not compile"},
    {"\\", "does not compile"},
    {"\\C", "does not compile"},
    {"(a)\\1", "back-reference"},
    {"(?<n>a)\\k<n>", "back-reference"},
    {"(?<n>a)\\g{n}", "back-reference"},
    {"(a+)+", "repetition of a group"},
    {"(a*)*", "repetition of a group"},
    {"(a+){2,}", "repetition of a group"},
    {"((a+)b)*", "repetition of a group"},
    {"((ab)+)+", "repetition of a group"},
    {"(?:a+)+", "repetition of a group"},
    {"(x[ab]+y)+", "repetition of a group"},
    {"(a+)*+", "repetition of a group"},
    {"h\\Q[\\E(a+)+]", "repetition of a group"},
    {"\\p{javaLowerCase}", "only Java has"},
    {"\\P{InGreek}", "only Java has"},
    {"\\p{IsLatin}", "only Java has"},
    {"[\\p{IsLatin}]", "only Java has"},
    {"[a-z&&[^b]]", "only Java has"},
    {"[a[b]]", "only Java has"},
};

static void refuses_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(refused); i++) {
        struct ml_trust *trust = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        if (create(refused[i].pattern, &trust, &error) != BERTH_E_INVALID) {
            fail_msg("[%s] was taken", refused[i].pattern);
        }
        assert_null(trust);
        assert_int_equal(error.code, BERTH_E_INVALID);
        if (!strstr(error.message, refused[i].reason) ||
            !strstr(error.message, refused[i].pattern)) {
            fail_msg("[%s]: %s", refused[i].pattern, error.message);
        }
    }
}

static const char *const taken[] = {
    "(a+)",    "(a+)?",       "(a+){3}", "(ab)*",    "a*b*",        "\\(a+\\)+",
    "[(a+)]+", "\\Q(a+)+\\E", "[^]]+",   "[\\[\\]]", "(?=a+)a",     "\\p{Latin}+",
    "(?<n>a)", "(a|b+)c",     "a{2,}",   "[a&b]",    "(?:a+)(?:b)", "[\\Q]\\E]",
};

static void takes_what_cannot_run_away(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(taken); i++) {
        struct ml_trust *trust = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        if (create(taken[i], &trust, &error)) {
            fail_msg("[%s]: %s", taken[i], error.message);
        }
        ml_trust_destroy(trust);
    }
}

/* A pattern of a given length that compiles. */
static struct berth_str long_pattern(char *buffer, size_t len) {
    memset(buffer, 'a', len);
    return base_str(buffer, len);
}

static void limits_an_expression(void **state) {
    (void)state;
    char buffer[ML_TRUST_PATTERN_MAX + 1];
    struct ml_trust *trust = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    struct berth_str pattern = long_pattern(buffer, ML_TRUST_PATTERN_MAX);
    assert_int_equal(ml_trust_create(&pattern, 1, &trust, &error), BERTH_OK);
    ml_trust_destroy(trust);
    pattern = long_pattern(buffer, ML_TRUST_PATTERN_MAX + 1);
    assert_int_equal(ml_trust_create(&pattern, 1, &trust, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "257 bytes, allowed are 256"));
}

static void limits_a_list(void **state) {
    (void)state;
    struct berth_str list[ML_TRUST_PATTERNS_MAX + 1];
    for (size_t i = 0; i < BASE_COUNT(list); i++) {
        list[i] = BERTH_STR("a");
    }
    struct ml_trust *trust = NULL;
    assert_int_equal(ml_trust_create(list, ML_TRUST_PATTERNS_MAX, &trust, NULL), BERTH_OK);
    ml_trust_destroy(trust);
    assert_int_equal(ml_trust_create(list, BASE_COUNT(list), &trust, NULL), BERTH_E_INVALID);
}

static void limits_the_nesting_of_groups(void **state) {
    (void)state;
    char pattern[2 * 65 + 1] = "";
    memset(pattern, '(', 64);
    memset(pattern + 64, ')', 64);
    struct ml_trust *trust = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(create(pattern, &trust, &error), BERTH_OK);
    ml_trust_destroy(trust);
    memset(pattern, '(', 65);
    memset(pattern + 65, ')', 65);
    assert_int_equal(create(pattern, &trust, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "too many groups"));
}

/* What an over-long expression is quoted with must not end within a character. */
static void quotes_whole_characters(void **state) {
    (void)state;
    char buffer[2 * ML_TRUST_PATTERN_MAX + 1] = "a";
    for (size_t i = 1; i + 2 < sizeof buffer; i += 2) {
        memcpy(buffer + i, "\xc3\xa9", 2);
    }
    struct ml_trust *trust = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(create(buffer, &trust, &error), BERTH_E_INVALID);
    assert_true(is_utf8(error.message));
}

static void knows_an_empty_list(void **state) {
    (void)state;
    struct ml_trust *trust = NULL;
    void *scratch = ml_trust_scratch_create();
    assert_int_equal(ml_trust_create(NULL, 0, &trust, NULL), BERTH_OK);
    assert_true(ml_trust_is_empty(trust));
    assert_false(ml_trust_matches(trust, BERTH_STR("https://a"), scratch));
    ml_trust_destroy(trust);
    assert_int_equal(create("a", &trust, NULL), BERTH_OK);
    assert_false(ml_trust_is_empty(trust));
    ml_trust_destroy(trust);
    ml_trust_destroy(NULL);
    ml_trust_scratch_destroy(scratch);
}

static void takes_the_first_of_a_list_that_matches(void **state) {
    (void)state;
    struct berth_str list[] = {BERTH_STR("^$"), BERTH_STR("^https://e\\.example$")};
    struct ml_trust *trust = NULL;
    void *scratch = ml_trust_scratch_create();
    assert_int_equal(ml_trust_create(list, 2, &trust, NULL), BERTH_OK);
    assert_true(ml_trust_matches(trust, BERTH_STR("https://e.example"), scratch));
    assert_false(ml_trust_matches(trust, BERTH_STR("https://f.example"), scratch));
    struct berth_str found = ml_trust_find(trust, BERTH_STR("https://e.example"), scratch);
    assert_true(base_str_eq(found, list[1]));
    assert_null(ml_trust_find(trust, BERTH_STR("https://f.example"), scratch).ptr);
    ml_trust_destroy(trust);
    ml_trust_scratch_destroy(scratch);
}

/* Exponential by alternatives, which no check of the text finds: the limit of a match ends it. */
static void ends_what_runs_away(void **state) {
    (void)state;
    char url[64];
    memset(url, 'a', sizeof url);
    struct ml_trust *trust = NULL;
    void *scratch = ml_trust_scratch_create();
    assert_int_equal(create("(a|a)*b", &trust, NULL), BERTH_OK);
    assert_false(ml_trust_matches(trust, base_str(url, sizeof url), scratch));
    ml_trust_destroy(trust);
    ml_trust_scratch_destroy(scratch);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct berth_str list[] = {BERTH_STR("a.*"), BERTH_STR("b")};
    FAULT_EACH_ALLOCATION({
        struct ml_trust *trust = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        int32_t code = ml_trust_create(list, 2, &trust, &error);
        assert_true(code == BERTH_OK ? trust != NULL : code == BERTH_E_NO_MEMORY && !trust);
        ml_trust_destroy(trust);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_as_a_whole),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(takes_what_cannot_run_away),
        cmocka_unit_test(limits_an_expression),
        cmocka_unit_test(limits_a_list),
        cmocka_unit_test(limits_the_nesting_of_groups),
        cmocka_unit_test(quotes_whole_characters),
        cmocka_unit_test(knows_an_empty_list),
        cmocka_unit_test(takes_the_first_of_a_list_that_matches),
        cmocka_unit_test(ends_what_runs_away),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.trust", tests, NULL, NULL);
}
