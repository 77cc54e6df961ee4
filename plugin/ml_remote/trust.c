/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/trust.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Steps of one match; a URL is short, so that an expression of use is far below. */
#define MATCH_LIMIT 100000u
#define DEPTH_LIMIT 1000u
#define HEAP_LIMIT_KIB 1024u
/* Nesting of groups. */
#define GROUPS_MAX 64u
#define TEXTS_CHUNK 1024u

struct pattern {
    pcre2_code *code;
    struct berth_str text;
};

struct ml_trust {
    pcre2_match_context *limits;
    struct base_arena texts;
    uint32_t count;
    struct pattern list[];
};

/* ---- what is refused ---- */

struct lint {
    struct berth_str pattern;
    uint64_t at;
    const char *wrong;
};

static bool wrong(struct lint *lint, const char *what) {
    lint->wrong = what;
    return false;
}

static char peek(const struct lint *lint, uint64_t ahead) {
    return lint->at + ahead < lint->pattern.len ? lint->pattern.ptr[lint->at + ahead] : '\0';
}

/* What stands between \Q and \E, or the end, is text. */
static void skip_quotation(struct lint *lint) {
    struct berth_str rest = base_str_from(lint->pattern, lint->at + 2);
    const char *close = rest.len ? memmem(rest.ptr, BASE_LEN(rest), "\\E", 2) : NULL;
    lint->at = close ? (uint64_t)(close + 2 - lint->pattern.ptr) : lint->pattern.len;
}

static bool check_escape(struct lint *lint) {
    char c = peek(lint, 1);
    if (c == 'Q') {
        skip_quotation(lint);
        return true;
    }
    if ((c >= '1' && c <= '9') || c == 'k' || c == 'g') {
        return wrong(lint, "a back-reference, which can take time without bound");
    }
    if (c == 'p' || c == 'P') {
        struct berth_str rest = base_str_from(lint->pattern, lint->at + 2);
        if (base_str_starts(rest, BERTH_STR("{java")) || base_str_starts(rest, BERTH_STR("{In")) ||
            base_str_starts(rest, BERTH_STR("{Is"))) {
            return wrong(lint, "a class of characters that only Java has (\\p{java…}, \\p{In…}, "
                               "\\p{Is…}); scripts and categories are \\p{Latin}, \\p{L}");
        }
    }
    lint->at += 2;
    return true;
}

/* From the opening bracket of a class to behind its closing one. */
static bool check_class(struct lint *lint) {
    uint64_t begin = lint->at++;
    lint->at += peek(lint, 0) == '^';
    lint->at += peek(lint, 0) == ']'; /* first, it stands for itself */
    while (lint->at < lint->pattern.len && peek(lint, 0) != ']') {
        if (peek(lint, 0) == '\\') {
            if (!check_escape(lint)) {
                return false;
            }
            continue;
        }
        if (peek(lint, 0) == '&' && peek(lint, 1) == '&') {
            return wrong(lint, "an intersection of classes (&&), which only Java has");
        }
        if (peek(lint, 0) == '[') {
            return wrong(lint, "a class within a class ([a[b]]), which only Java has; a bracket "
                               "itself is \\[");
        }
        lint->at++;
    }
    if (lint->at >= lint->pattern.len) {
        lint->at = begin;
        return wrong(lint, "a class that is not closed");
    }
    lint->at++;
    return true;
}

/* Whether a quantifier without upper bound stands here. */
static bool is_unbounded(const struct lint *lint) {
    char c = peek(lint, 0);
    if (c == '*' || c == '+') {
        return true;
    }
    if (c != '{') {
        return false;
    }
    struct berth_str rest = base_str_from(lint->pattern, lint->at);
    uint64_t close = base_str_find(rest, '}');
    return close > 0 && close < rest.len && rest.ptr[close - 1] == ',';
}

/*
 * A group that repeats without bound what repeats without bound, as (a+)+, takes exponential time
 * on some texts.
 */
static bool check_structure(struct lint *lint) {
    bool repeats[GROUPS_MAX + 1] = {false};
    uint32_t depth = 0;
    while (lint->at < lint->pattern.len) {
        char c = peek(lint, 0);
        if (c == '\\') {
            if (!check_escape(lint)) {
                return false;
            }
        } else if (c == '[') {
            if (!check_class(lint)) {
                return false;
            }
        } else if (c == '(') {
            if (depth == GROUPS_MAX) {
                return wrong(lint, "too many groups within one another");
            }
            repeats[++depth] = false;
            lint->at++;
        } else if (c == ')' && depth > 0) {
            bool inner = repeats[depth--];
            lint->at++;
            if (inner && is_unbounded(lint)) {
                return wrong(lint, "a repetition of a group that repeats something itself, as "
                                   "(a+)+, which can take time without bound");
            }
            repeats[depth] = repeats[depth] || inner;
        } else {
            repeats[depth] = repeats[depth] || is_unbounded(lint);
            lint->at++;
        }
    }
    return true;
}

static int32_t lint_pattern(struct berth_str pattern, struct berth_error *error) {
    struct lint lint = {.pattern = pattern};
    if (pattern.len > ML_TRUST_PATTERN_MAX) {
        return base_error(error, BERTH_E_INVALID,
                          "the expression [%.*s…] has %llu bytes, allowed are %u",
                          (int)base_utf8_floor(pattern.ptr, BASE_LEN(pattern), 60), pattern.ptr,
                          (unsigned long long)pattern.len, ML_TRUST_PATTERN_MAX);
    }
    if (!check_structure(&lint)) {
        return base_error(error, BERTH_E_INVALID,
                          "the expression [" BASE_FMT "] has, at character %llu, %s",
                          BASE_ARG(pattern), (unsigned long long)lint.at + 1, lint.wrong);
    }
    return BERTH_OK;
}

/* ---- compiling and matching ---- */

/* How a list's expressions are compiled: as they must match. */
#define WHOLE (PCRE2_ANCHORED | PCRE2_ENDANCHORED)
#define ANYWHERE PCRE2_CASELESS

static int32_t compile(struct berth_str pattern, uint32_t how, pcre2_code **out_code,
                       struct berth_error *error) {
    int32_t code = lint_pattern(pattern, error);
    if (code) {
        return code;
    }
    int number = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *compiled = pcre2_compile(
        (PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), BASE_LEN(pattern),
        how | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE, &number, &offset, NULL);
    if (!compiled) {
        char reason[160] = "unknown reason";
        (void)pcre2_get_error_message(number, (PCRE2_UCHAR *)reason, sizeof reason);
        return base_error(error, BERTH_E_INVALID,
                          "the expression [" BASE_FMT "] does not compile, at character %zu: %s",
                          BASE_ARG(pattern), (size_t)offset, reason);
    }
    /* Without JIT the expression is interpreted: slower, and the same. */
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    *out_code = compiled;
    return BERTH_OK;
}

static int32_t create(const struct berth_str *patterns, uint32_t count, uint32_t how,
                      struct ml_trust **out_trust, struct berth_error *error) {
    if (count > ML_TRUST_PATTERNS_MAX) {
        return base_error(error, BERTH_E_INVALID, "%u expressions, allowed are %u", count,
                          ML_TRUST_PATTERNS_MAX);
    }
    struct ml_trust *trust = calloc(1, sizeof *trust + count * sizeof trust->list[0]);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    if (!trust || !limits) {
        free(trust);
        pcre2_match_context_free(limits);
        return base_error_memory(error);
    }
    (void)pcre2_set_match_limit(limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
    trust->limits = limits;
    base_arena_init(&trust->texts, TEXTS_CHUNK);
    for (; trust->count < count; trust->count++) {
        struct pattern *pattern = &trust->list[trust->count];
        pattern->text = base_arena_dup(&trust->texts, patterns[trust->count]);
        int32_t code = pattern->text.ptr ? compile(pattern->text, how, &pattern->code, error)
                                         : base_error_memory(error);
        if (code) {
            ml_trust_destroy(trust);
            return code;
        }
    }
    *out_trust = trust;
    return BERTH_OK;
}

int32_t ml_trust_create(const struct berth_str *patterns, uint32_t count,
                        struct ml_trust **out_trust, struct berth_error *error) {
    return create(patterns, count, WHOLE, out_trust, error);
}

int32_t ml_trust_create_search(const struct berth_str *patterns, uint32_t count,
                               struct ml_trust **out_trust, struct berth_error *error) {
    return create(patterns, count, ANYWHERE, out_trust, error);
}

void ml_trust_destroy(struct ml_trust *trust) {
    if (trust) {
        for (uint32_t i = 0; i < trust->count; i++) {
            pcre2_code_free(trust->list[i].code);
        }
        base_arena_deinit(&trust->texts);
        pcre2_match_context_free(trust->limits);
        free(trust);
    }
}

/* The first that matches; NULL: none, and whether one of them reached its limit. */
static const struct pattern *find(const struct ml_trust *trust, struct berth_str text,
                                  void *scratch, bool *out_unknown) {
    *out_unknown = false;
    for (uint32_t i = 0; i < trust->count; i++) {
        int result = pcre2_match(trust->list[i].code, (PCRE2_SPTR)(text.ptr ? text.ptr : ""),
                                 BASE_LEN(text), 0, 0, scratch, trust->limits);
        if (result >= 0) {
            return &trust->list[i];
        }
        *out_unknown = *out_unknown || result != PCRE2_ERROR_NOMATCH;
    }
    return NULL;
}

enum ml_match ml_trust_match(const struct ml_trust *trust, struct berth_str text, void *scratch) {
    bool unknown;
    return find(trust, text, scratch, &unknown) ? ML_MATCH_YES
           : unknown                            ? ML_MATCH_UNKNOWN
                                                : ML_MATCH_NO;
}

struct berth_str ml_trust_find(const struct ml_trust *trust, struct berth_str text, void *scratch) {
    bool unknown;
    const struct pattern *found = find(trust, text, scratch, &unknown);
    return found ? found->text : base_str(NULL, 0);
}

bool ml_trust_matches(const struct ml_trust *trust, struct berth_str url, void *scratch) {
    return ml_trust_match(trust, url, scratch) == ML_MATCH_YES;
}

bool ml_trust_is_empty(const struct ml_trust *trust) {
    return trust->count == 0;
}

void *ml_trust_scratch_create(void) {
    return pcre2_match_data_create(1, NULL);
}

void ml_trust_scratch_destroy(void *scratch) {
    pcre2_match_data_free(scratch);
}
