/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each kind of query: what it finds among a few documents, in which order, and what it is refused
 * for. @engines
 */
#include "tests/support/fault.h"
#include "tests/support/store.h"

#define INDEX "models"
#define QUERY(query) "{\"query\":" query "}"
/* In the order of ids, for what scores alike or not at all. */
#define BY_ID(query) "{\"query\":" query ",\"sort\":\"_id\"}"
#define STRING(text) BY_ID("{\"query_string\":{\"query\":\"" text "\"}}")
#define SIMPLE(text)                                                                               \
    BY_ID("{\"simple_query_string\":{\"query\":\"" text                                            \
          "\",\"fields\":[\"name\",\"description\"]}}")

static const char mapping_text[] =
    "{\"properties\":{"
    "\"name\":{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\"}}},"
    "\"description\":{\"type\":\"text\"},"
    "\"state\":{\"type\":\"keyword\"},"
    "\"size\":{\"type\":\"long\"},"
    "\"created\":{\"type\":\"date\"},"
    "\"on\":{\"type\":\"boolean\"},"
    "\"owner\":{\"type\":\"nested\",\"properties\":{\"name\":{\"type\":\"keyword\"}}},"
    "\"credential\":{\"type\":\"secret\"}}}";

static const char *const documents[] = {
    "{\"name\":\"Zebra one\",\"description\":\"A striped animal of the plains\",\"state\":"
    "\"DEPLOYED\",\"size\":1,\"created\":1709251200000,\"on\":true,\"owner\":{\"name\":\"ann\"},"
    "\"credential\":{\"key\":\"hush zebra\"}}",
    "{\"name\":\"zebra two\",\"description\":\"Plains, and of a striped horse\",\"state\":"
    "\"REGISTERED\",\"size\":20,\"created\":1709337600000,\"on\":false,"
    "\"owner\":{\"name\":\"bob\"}}",
    "{\"name\":\"Yak three\",\"description\":\"zebra zebra zebra\",\"state\":\"DEPLOYED\","
    "\"size\":300,\"created\":\"2024-03-03T00:00:00Z\",\"tags\":[\"red one\",\"blue two\"]}",
    "{\"name\":\"gpt-4.1 mini\",\"description\":\"\",\"free\":{\"deep\":\"Some Words\",\"count\":7}"
    "}",
};

static int setup(void **state) {
    (void)test_store_setup(state);
    struct test_store *t = *state;
    declare_index(t->store, INDEX, mapping_text);
    declare_index(t->store, "other", "");
    for (size_t i = 0; i < BASE_COUNT(documents); i++) {
        char id[] = {(char)('1' + i), '\0'};
        (void)put(t->store, INDEX, id, documents[i]);
    }
    (void)put(t->store, "other", "9", documents[0]);
    return 0;
}

#define WITH_MODELS(test) cmocka_unit_test_setup_teardown(test, setup, test_store_teardown)

static const struct {
    const char *body;
    const char *ids;
} searches[] = {
    /* match */
    {BY_ID("{\"match\":{\"name\":\"ZEBRA\"}}"), "1 2"},
    {BY_ID("{\"match\":{\"name\":\"zebra three\"}}"), "1 2 3"},
    {BY_ID("{\"match\":{\"name\":{\"query\":\"zebra one\",\"operator\":\"and\"}}}"), "1"},
    {BY_ID("{\"match\":{\"name\":{\"query\":\"zebra one two\",\"minimum_should_match\":2}}}"),
     "1 2"},
    {BY_ID("{\"match\":{\"name\":{\"query\":\"zebra one two\",\"minimum_should_match\":\"100%\"}"
           "}}"),
     ""},
    {BY_ID("{\"match\":{\"name\":{\"query\":\"zebra one two\","
           "\"minimum_should_match\":\"2<-1\"}}}"),
     "1 2"},
    {BY_ID("{\"match\":{\"name\":\"-\"}}"), ""},
    {BY_ID("{\"match\":{\"name\":{\"query\":\"-\",\"zero_terms_query\":\"all\"}}}"), "1 2 3 4"},
    {BY_ID("{\"match\":{\"name\":\"4.1\"}}"), "4"},
    {BY_ID("{\"match\":{\"name.keyword\":\"zebra two\"}}"), "2"},
    {BY_ID("{\"match\":{\"name.keyword\":\"zebra\"}}"), ""},
    {BY_ID("{\"match\":{\"size\":\"20\"}}"), "2"},
    {BY_ID("{\"match\":{\"on\":true}}"), "1"},
    {BY_ID("{\"match\":{\"none\":\"x\"}}"), ""},
    {BY_ID("{\"match\":{\"free.deep\":\"words\"}}"), "4"},
    {BY_ID("{\"match\":{\"name\":\"\\\"zebra\\\" OR * AND NEAR(\"}}"), "1 2"},
    /* phrases */
    {BY_ID("{\"match_phrase\":{\"description\":\"striped animal\"}}"), "1"},
    {BY_ID("{\"match_phrase\":{\"description\":\"animal striped\"}}"), ""},
    {BY_ID("{\"match_phrase\":{\"description\":\"A striped animal of the plains\"}}"), "1"},
    {BY_ID("{\"match_phrase\":{\"description\":{\"query\":\"striped plains\",\"slop\":4}}}"),
     "1 2"},
    {BY_ID("{\"match_phrase\":{\"description\":{\"query\":\"striped plains\",\"slop\":1}}}"), ""},
    {BY_ID("{\"match_phrase\":{\"tags\":\"red one\"}}"), "3"},
    {BY_ID("{\"match_phrase\":{\"tags\":\"one blue\"}}"), ""},
    {BY_ID("{\"match_phrase\":{\"name.keyword\":\"Zebra one\"}}"), "1"},
    {BY_ID("{\"match_phrase_prefix\":{\"description\":\"striped ani\"}}"), "1"},
    {BY_ID("{\"match_phrase_prefix\":{\"name\":\"ze\"}}"), "1 2"},
    {BY_ID("{\"match_phrase_prefix\":{\"name.keyword\":\"Zeb\"}}"), "1"},
    {BY_ID("{\"match_bool_prefix\":{\"name\":{\"query\":\"two ze\",\"operator\":\"and\"}}}"), "2"},
    /* several fields */
    {BY_ID("{\"multi_match\":{\"query\":\"zebra\",\"fields\":[\"name\",\"description\"]}}"),
     "1 2 3"},
    {BY_ID("{\"multi_match\":{\"query\":\"zebra\",\"fields\":[\"desc*\"]}}"), "3"},
    {BY_ID("{\"multi_match\":{\"query\":\"zebra\"}}"), "1 2 3"},
    {BY_ID("{\"multi_match\":{\"query\":\"hush\"}}"), ""},
    {BY_ID("{\"multi_match\":{\"query\":\"zebra striped\",\"type\":\"cross_fields\","
           "\"operator\":\"and\",\"fields\":[\"name\",\"description\"]}}"),
     "1 2"},
    {BY_ID("{\"multi_match\":{\"query\":\"striped animal\",\"type\":\"phrase\","
           "\"fields\":[\"name\",\"description\"]}}"),
     "1"},
    {BY_ID("{\"multi_match\":{\"query\":\"x\",\"fields\":[]}}"), ""},
    /* what compares values as they are */
    {BY_ID("{\"prefix\":{\"name.keyword\":\"zebra t\"}}"), "2"},
    {BY_ID("{\"prefix\":{\"name\":\"zeb\"}}"), "1 2"},
    {BY_ID("{\"prefix\":{\"state\":{\"value\":\"dep\",\"case_insensitive\":true}}}"), "1 3"},
    {BY_ID("{\"prefix\":{\"state\":\"*\"}}"), ""},
    {BY_ID("{\"wildcard\":{\"state\":\"*PLOY?D\"}}"), "1 3"},
    {BY_ID("{\"wildcard\":{\"state\":\"*ploy?d\"}}"), ""},
    {BY_ID("{\"wildcard\":{\"state\":{\"wildcard\":\"*ploy?d\",\"case_insensitive\":true}}}"),
     "1 3"},
    {BY_ID("{\"wildcard\":{\"_id\":\"?\"}}"), "1 2 3 4"},
    {BY_ID("{\"term\":{\"state\":{\"value\":\"deployed\",\"case_insensitive\":true}}}"), "1 3"},
    {BY_ID("{\"term\":{\"created\":\"2024-03-01\"}}"), "1"},
    {BY_ID("{\"term\":{\"free.count\":7}}"), "4"},
    {BY_ID("{\"range\":{\"free.count\":{\"gt\":6}}}"), "4"},
    {BY_ID("{\"terms\":{\"size\":[1,\"300\"],\"boost\":2}}"), "1 3"},
    {BY_ID("{\"range\":{\"created\":{\"gt\":1709251200000}}}"), "2 3"},
    {BY_ID("{\"range\":{\"created\":{\"gt\":\"2024-03-01\",\"lte\":\"2024-03-02\"}}}"), "2"},
    {BY_ID("{\"range\":{\"created\":{\"gte\":\"2024-03-02||-1d\",\"lt\":\"now\"}}}"), "1 2 3"},
    {BY_ID("{\"range\":{\"created\":{\"gte\":\"now-1d\"}}}"), ""},
    {BY_ID("{\"range\":{\"size\":{\"from\":1,\"to\":300,\"include_lower\":false,"
           "\"include_upper\":false}}}"),
     "2"},
    {BY_ID("{\"exists\":{\"field\":\"free\"}}"), "4"},
    {BY_ID("{\"exists\":{\"field\":\"_id\"}}"), "1 2 3 4"},
    {BY_ID("{\"exists\":{\"field\":\"credential\"}}"), ""},
    {BY_ID("{\"match\":{\"credential.key\":\"zebra\"}}"), ""},
    {BY_ID("{\"match_phrase\":{\"credential.key\":\"hush zebra\"}}"), ""},
    /* what joins others */
    {BY_ID("{\"nested\":{\"path\":\"owner\",\"query\":{\"term\":{\"owner.name\":\"ann\"}}}}"), "1"},
    {BY_ID("{\"constant_score\":{\"filter\":{\"term\":{\"on\":true}}}}"), "1"},
    {BY_ID("{\"dis_max\":{\"queries\":[{\"term\":{\"on\":true}},{\"term\":{\"size\":300}}]}}"),
     "1 3"},
    {BY_ID("{\"bool\":{\"should\":[{\"term\":{\"on\":true}},{\"term\":{\"size\":1}},"
           "{\"term\":{\"state\":\"DEPLOYED\"}}],\"minimum_should_match\":\"-1\"}}"),
     "1"},
    {BY_ID("{\"bool\":{\"should\":[{\"match_all\":{}}],\"minimum_should_match\":2}}"), ""},
    {BY_ID("{\"bool\":{\"must_not\":{\"exists\":{\"field\":\"size\"}}}}"), "4"},
    /* query_string */
    {STRING("name:zebra"), "1 2"},
    {STRING("name:(one OR three)"), "1 3"},
    {STRING("name:zebra AND name:one"), "1"},
    {STRING("name:zebra NOT name:one"), "2"},
    {STRING("name:zebra -name:one"), "2"},
    {STRING("+name:zebra name:one"), "1 2"},
    {STRING("!name:zebra"), "3 4"},
    {STRING("name:zebra && !(name:one || name:three)"), "2"},
    {STRING("description:\\\"striped animal\\\""), "1"},
    {STRING("name.keyword:\\\"Zebra one\\\""), "1"},
    {STRING("name:z*"), "1 2"},
    {STRING("state:DEP*"), "1 3"},
    {STRING("name:y?k"), "3"},
    {STRING("*:*"), "1 2 3 4"},
    {STRING("*"), "1 2 3 4"},
    {STRING("size:*"), "1 2 3"},
    {STRING("_exists_:tags"), "3"},
    {STRING("size:[2 TO 300]"), "2 3"},
    {STRING("size:{20 TO *}"), "3"},
    {STRING("size:[* TO *]"), "1 2 3"},
    {STRING("size:>=20"), "2 3"},
    {STRING("size:<20"), "1"},
    {STRING("zebra"), "1 2 3"},
    {STRING("hush"), ""},
    {STRING("DEPLOYED"), "1 3"},
    {STRING("yak^3 three"), "3"},
    {STRING("gpt\\\\-4.1"), "4"},
    {STRING(""), ""},
    {BY_ID("{\"query_string\":{\"query\":\"zebra one\",\"default_field\":\"name\","
           "\"default_operator\":\"AND\"}}"),
     "1"},
    {BY_ID("{\"query_string\":{\"query\":\"zebra one OR yak\",\"fields\":[\"name^2\"],"
           "\"default_operator\":\"and\"}}"),
     "1 2"},
    /* simple_query_string takes whatever it is given */
    {SIMPLE("zebra + striped"), "1 2"},
    {SIMPLE("zebra + -one"), "2 3"},
    {SIMPLE("one | three"), "1 3"},
    {SIMPLE("\\\"striped animal\\\" | mini"), "1 4"},
    {SIMPLE("anim*"), "1"},
    {SIMPLE("(one | two) + striped"), "1 2"},
    {SIMPLE(") one ) + ( | \\\"two"), "1 2"},
    {SIMPLE("+ | - ( ) \\\""), ""},
    {SIMPLE("name:zebra"), ""},
    /* what is better comes first */
    {QUERY("{\"match\":{\"name\":\"zebra one\"}}"), "1 2"},
    {QUERY("{\"multi_match\":{\"query\":\"zebra\",\"fields\":[\"name\",\"description^10\"]}}"),
     "3 1 2"},
    {QUERY("{\"bool\":{\"must\":{\"match\":{\"name\":\"zebra\"}},"
           "\"should\":{\"term\":{\"size\":20}}}}"),
     "2 1"},
    {QUERY("{\"bool\":{\"should\":[{\"term\":{\"size\":{\"value\":1,\"boost\":3}}},"
           "{\"term\":{\"size\":{\"value\":20,\"boost\":5}}}]}}"),
     "2 1"},
    {QUERY("{\"dis_max\":{\"tie_breaker\":0.5,\"queries\":[{\"term\":{\"state\":\"DEPLOYED\"}},"
           "{\"term\":{\"size\":300}},{\"term\":{\"size\":20}}]}}"),
     "3 1 2"},
    {"{\"min_score\":2,\"query\":{\"bool\":{\"should\":[{\"term\":{\"size\":1}},"
     "{\"term\":{\"on\":true}},{\"term\":{\"size\":20}}]}}}",
     "1"},
    {"{\"post_filter\":{\"match_phrase\":{\"name\":\"zebra one\"}},"
     "\"query\":{\"match_phrase\":{\"name\":\"zebra\"}}}",
     "1"},
};

static void finds_what_the_query_asks_for(void **state) {
    struct test_store *t = *state;
    for (size_t i = 0; i < BASE_COUNT(searches); i++) {
        assert_hits(t->store, INDEX, searches[i].body, searches[i].ids);
    }
}

#define PARSING "parsing_exception"
#define SHARD "search_phase_execution_exception/query_shard_exception"
#define ARGUMENT "search_phase_execution_exception/illegal_argument_exception"

static const struct {
    const char *body;
    const char *type;
    const char *said;
} refused[] = {
    {QUERY("{\"fuzzy\":{}}"), PARSING, "unknown query [fuzzy]; there are [bool, constant_score"},
    {QUERY("{\"match\":{\"name\":{\"query\":\"x\",\"fuzziness\":1}}}"), PARSING, "[fuzziness]"},
    {QUERY("{\"match\":{\"name\":{\"operator\":\"and\"}}}"), PARSING, "lacks a value"},
    {QUERY("{\"match\":{\"name\":{\"query\":\"x\",\"operator\":\"xor\"}}}"), PARSING, "[xor]"},
    {QUERY("{\"match\":{\"name\":{\"query\":\"x\",\"minimum_should_match\":\"x\"}}}"), PARSING,
     "not [x]"},
    {QUERY("{\"match\":{\"name\":\"x\",\"state\":\"y\"}}"), PARSING, "one field"},
    {QUERY("{\"match\":{\"name\":[\"x\"]}}"), PARSING, "not an array"},
    {QUERY("{\"match\":{\"size\":\"big\"}}"), SHARD, "[size] holds numbers, not [big]"},
    {QUERY("{\"match\":{\"on\":\"maybe\"}}"), SHARD, "[true] or [false]"},
    {QUERY("{\"match\":{\"created\":\"soon\"}}"), SHARD, "[soon]"},
    {QUERY("{\"match_phrase\":{\"name\":{\"query\":\"x\",\"slop\":-1}}}"), PARSING, "[slop]"},
    {QUERY("{\"multi_match\":{\"query\":\"x\",\"type\":\"any\"}}"), PARSING, "best_fields"},
    {QUERY("{\"multi_match\":{\"query\":\"x\",\"fields\":[\"a^b\"]}}"), PARSING, "name^2"},
    {QUERY("{\"prefix\":{\"size\":\"1\"}}"), SHARD, "[size] is no text"},
    {QUERY("{\"wildcard\":{\"created\":\"1*\"}}"), SHARD, "[created] is no text"},
    {QUERY("{\"term\":{\"name\":{\"value\":\"x\",\"boost\":-1}}}"), PARSING, "negative"},
    {QUERY("{\"term\":{\"name\":{\"value\":\"x\",\"boost\":\"y\"}}}"), PARSING, "[boost]"},
    {QUERY("{\"range\":{\"size\":{\"gt\":1},\"name\":{}}}"), PARSING, "one field"},
    {QUERY("{\"nested\":{\"query\":{\"match_all\":{}}}}"), PARSING, "[path]"},
    {QUERY("{\"constant_score\":{}}"), PARSING, "[filter]"},
    {QUERY("{\"dis_max\":{}}"), PARSING, "[queries]"},
    {STRING("name:"), SHARD, "at character 6"},
    {STRING("(a"), SHARD, "not closed"},
    {STRING("a)"), SHARD, "was not opened"},
    {STRING("\\\"a"), SHARD, "not closed"},
    {STRING("[1 TO 2]"), SHARD, "a field before it"},
    {STRING("[* TO *]"), SHARD, "a field before it"},
    {STRING("size:[1 TO 2*]"), SHARD, "[2*]"},
    {STRING("size:[1 2]"), SHARD, "[a TO b]"},
    {STRING("a^b"), SHARD, "a number"},
    {STRING("size:big"), SHARD, "[big]"},
    {QUERY("{\"query_string\":{\"query\":\"a\",\"fuzziness\":1}}"), PARSING, "[fuzziness]"},
    {"{\"min_score\":\"x\"}", PARSING, "[min_score]"},
};

static void refuses_what_it_does_not_know(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    for (size_t i = 0; i < BASE_COUNT(refused); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        int32_t code = search(t->store, INDEX, refused[i].body, NULL, 0, &answer, &error);
        if (!code || !strstr(error.message, refused[i].said) ||
            strcmp(base_error_type(&error), refused[i].type) != 0 ||
            base_error_status(&error) != 400) {
            fail_msg("%s: %d %s: %s", refused[i].body, code, base_error_type(&error),
                     error.message);
        }
    }
    /* Nothing of a refused search is left over for the next. */
    assert_hits(t->store, INDEX, QUERY("{\"match_phrase\":{\"name\":\"zebra one\"}}"), "1");
}

/* Repeats a text between two others; the caller frees it. */
static char *repeated(const char *head, const char *text, int count, const char *tail) {
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, (size_t)8 << 20);
    base_buf_cstr(&buf, head);
    for (int i = 0; i < count; i++) {
        base_buf_cstr(&buf, text);
    }
    base_buf_cstr(&buf, tail);
    base_buf_char(&buf, '\0');
    return base_buf_take(&buf);
}

static void keeps_to_its_limits(void **state) {
    struct test_store *t = *state;
    static const struct {
        const char *head;
        const char *text;
        const char *tail;
        int allowed;
        int refused;
        const char *said;
    } cases[] = {
        {"{\"query\":{\"bool\":{\"should\":[{\"match_all\":{}}", ",{\"term\":{\"name\":\"x\"}}",
         "]}}}", 511, 512, "at most 512"},
        {"{\"query\":{\"match\":{\"name\":\"", "x ", "\"}}}", 512, 513, "at most 512"},
        {"{\"query\":{\"match_phrase\":{\"name\":\"", "x ", "\"}}}", 512, 513, "at most 512"},
        {"{\"query\":{\"query_string\":{\"query\":\"a", " a:x", "\"}}}", 200, 600, "at most 512"},
        {"{\"query\":{\"query_string\":{\"query\":\"", "(", "a))))))))))\"}}}", 10, 40, "32 deep"},
        {"{\"query\":{\"wildcard\":{\"name\":\"", "x", "\"}}}", 1024, 1025, "1024 bytes"},
        {"{\"query\":{\"terms\":{\"size\":[1", ",2", "]}}}", 10000, 17000, "at most 16384"},
        {"{\"query\":{\"multi_match\":{\"query\":\"x\",\"fields\":[\"name\"", ",\"name\"", "]}}}",
         63, 64, "64 fields"},
    };
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char *allowed = repeated(cases[i].head, cases[i].text, cases[i].allowed, cases[i].tail);
        char *beyond = repeated(cases[i].head, cases[i].text, cases[i].refused, cases[i].tail);
        struct berth_error error = BASE_ERROR_INIT;
        if (search(t->store, INDEX, allowed, NULL, 0, &answer, &error)) {
            fail_msg("case %zu: %s", i, error.message);
        }
        int32_t code = search(t->store, INDEX, beyond, NULL, 0, &answer, &error);
        if (!code || base_error_status(&error) != 400 || !strstr(error.message, cases[i].said)) {
            fail_msg("case %zu: %d %s", i, code, error.message);
        }
        free(allowed);
        free(beyond);
    }
}

/* SQLite's parser follows about a hundred open brackets: what is deeper is found in steps. */
static void finds_through_all_levels(void **state) {
    struct test_store *t = *state;
    static const struct {
        const char *open;
        const char *close;
        const char *ids;
    } cases[] = {
        {"{\"bool\":{\"must\":[", "]}}", "1 2"},
        {"{\"bool\":{\"should\":[{\"term\":{\"size\":300}},", "]}}", "1 2 3"},
        {"{\"bool\":{\"filter\":", "}}", "1 2"},
        {"{\"bool\":{\"must_not\":", "}}", "3 4"},
        {"{\"dis_max\":{\"tie_breaker\":0.5,\"queries\":[{\"term\":{\"size\":300}},", "]}}",
         "1 2 3"},
        {"{\"constant_score\":{\"boost\":2,\"filter\":", "}}", "1 2"},
        {"{\"nested\":{\"path\":\"x\",\"query\":", ",\"boost\":1.5}}", "1 2"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        for (int scored = 0; scored < 2; scored++) {
            BASE_BUF_AUTO body;
            base_buf_init(&body, 65536);
            base_buf_format(&body, "{\"sort\":[\"_id\"%s],\"query\":", scored ? ",\"_score\"" : "");
            for (int k = 0; k < 31; k++) {
                base_buf_cstr(&body, cases[i].open);
            }
            base_buf_cstr(&body, "{\"match_phrase\":{\"name\":\"zebra\"}}");
            for (int k = 0; k < 31; k++) {
                base_buf_cstr(&body, cases[i].close);
            }
            base_buf_cstr(&body, "}");
            base_buf_char(&body, '\0');
            assert_hits(t->store, INDEX, body.ptr, cases[i].ids);
        }
    }
}

/* Updates that are to be seen later: words and phrases stay the old ones until a refresh. */
static void passages_are_refreshed_with_the_fields(void **state) {
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    store_close(t->store);
    assert_int_equal(test_store_try(t, 3600000, &error), BERTH_OK);
    declare_index(t->store, INDEX, mapping_text);
    struct berth_write write = make_write(BERTH_WRITE_PUT, INDEX, "1", "{\"name\":\"blue gnu\"}");
    write.flags = BERTH_WRITE_REFRESH_LATER;
    assert_hits(t->store, INDEX, QUERY("{\"match_phrase\":{\"name\":\"zebra one\"}}"), "1");
    (void)write_one(t->store, write);
    assert_hits(t->store, INDEX, QUERY("{\"match_phrase\":{\"name\":\"zebra one\"}}"), "1");
    assert_hits(t->store, INDEX, QUERY("{\"match_phrase\":{\"name\":\"blue gnu\"}}"), "");
    (void)put(t->store, INDEX, "5", "{\"name\":\"gnu\"}");
    assert_hits(t->store, INDEX, QUERY("{\"match_phrase\":{\"name\":\"zebra one\"}}"), "");
    assert_hits(t->store, INDEX, QUERY("{\"match_phrase\":{\"name\":\"blue gnu\"}}"), "1");
    (void)write_one(t->store, make_write(BERTH_WRITE_DELETE, INDEX, "1", ""));
    assert_hits(t->store, INDEX, QUERY("{\"match_phrase\":{\"name\":\"blue gnu\"}}"), "");
    assert_hits(t->store, INDEX, QUERY("{\"match\":{\"name\":\"gnu\"}}"), "5");
}

static void survives_each_failed_allocation(void **state) {
    struct test_store *t = *state;
    static const char body[] =
        "{\"query\":{\"bool\":{\"must\":[{\"match\":{\"name\":\"z\\u0065bra one\"}},"
        "{\"query_string\":{\"query\":\"name:(zebra OR y*) AND size:[1 TO 5]\"}}],"
        "\"should\":{\"multi_match\":{\"query\":\"striped animal\",\"type\":\"phrase\","
        "\"fields\":[\"name^2\",\"desc*\"]}}}},\"_source\":[\"n*\"],"
        "\"sort\":[{\"size\":\"desc\"},\"_score\"],\"search_after\":[500,1],"
        "\"aggs\":{\"s\":{\"terms\":{\"field\":\"state\"},\"aggs\":{\"m\":{\"max\":"
        "{\"field\":\"created\"}}}}}}";
    bool failed = true;
    for (uint32_t n = 1; failed; n++) {
        struct berth_search wanted = {
            .size = sizeof wanted, .index = BERTH_STR_INIT(INDEX), .body = BERTH_STR_INIT(body)};
        struct base_buf answer;
        base_buf_init(&answer, 65536);
        struct berth_error error = BASE_ERROR_INIT;
        fault_fail_allocation(n);
        int32_t code = store_search(t->store, &wanted, &answer, &error);
        failed = fault_end();
        if (code != (failed ? BERTH_E_NO_MEMORY : BERTH_OK)) {
            fail_msg("allocation %u: %d %s", n, code, error.message);
        }
        base_buf_deinit(&answer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_MODELS(finds_what_the_query_asks_for),
        WITH_MODELS(refuses_what_it_does_not_know),
        WITH_MODELS(keeps_to_its_limits),
        WITH_MODELS(finds_through_all_levels),
        WITH_MODELS(passages_are_refreshed_with_the_fields),
        WITH_MODELS(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.store.query_kinds", tests, NULL, NULL);
}
