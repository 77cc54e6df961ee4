/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings, queries and searches: what a body finds among a few documents, and what it is refused
 * for. Secret fields are neither found nor shown. @engines
 */
#include "host/store/mapping.h"
#include "tests/support/fault.h"
#include "tests/support/store.h"

#define INDEX "things"

static const char mapping_text[] =
    "{\"properties\":{"
    "\"name\":{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\"}}},"
    "\"kind\":{\"type\":\"keyword\"},"
    "\"size\":{\"type\":\"long\"},"
    "\"on\":{\"type\":\"boolean\"},"
    "\"owner\":{\"properties\":{\"name\":{\"type\":\"keyword\"}}},"
    "\"credential\":{\"type\":\"secret\"},"
    "\"auth\":{\"properties\":{\"token\":{\"type\":\"secret\"},\"user\":{\"type\":\"keyword\"}}}}}";

static const struct {
    const char *id;
    const char *source;
} documents[] = {
    {"1", "{\"name\":\"Red House\",\"kind\":\"house\",\"size\":10,\"on\":true,"
          "\"owner\":{\"name\":\"ann\"},\"credential\":{\"key\":\"hush\"},"
          "\"auth\":{\"token\":\"hush\",\"user\":\"u1\"}}"},
    {"2", "{\"name\":\"Blue house\",\"kind\":\"house\",\"size\":9,\"on\":false,"
          "\"owner\":{\"name\":\"bob\"},\"credential\":\"hush\"}"},
    {"3", "{\"name\":\"Red car\",\"kind\":\"car\",\"size\":2.5,\"tags\":[\"Fast one\",\"old\"]}"},
    {"4",
     "{\"name\":\"\\u00c9t\\u00e9\",\"kind\":\"season\",\"free\":\"Some Words\",\"size\":null}"},
};

static int setup(void **state) {
    (void)test_store_setup(state);
    struct test_store *t = *state;
    declare_index(t->store, INDEX, mapping_text);
    declare_index(t->store, "other", "");
    (void)put(t->store, "other", "9", documents[0].source);
    for (size_t i = 0; i < BASE_COUNT(documents); i++) {
        (void)put(t->store, INDEX, documents[i].id, documents[i].source);
    }
    return 0;
}

#define WITH_THINGS(test) cmocka_unit_test_setup_teardown(test, setup, test_store_teardown)
#define ON_SHARD "search_phase_execution_exception/"
#define QUERY(query) "{\"query\":" query "}"

/* ---- what is found ---- */

static const struct {
    const char *body;
    const char *ids;
} searches[] = {
    {"", "1 2 3 4"},
    {"{}", "1 2 3 4"},
    {"{ /* as OpenSearch allows */ }", "1 2 3 4"},
    {QUERY("{\"match_all\":{}}"), "1 2 3 4"},
    {QUERY("{\"match_none\":{}}"), ""},
    /* a text is found by its words in lower case, a keyword as a whole */
    {QUERY("{\"term\":{\"name\":\"red\"}}"), "1 3"},
    {QUERY("{\"term\":{\"name\":\"Red\"}}"), ""},
    {QUERY("{\"term\":{\"name.keyword\":\"Red House\"}}"), "1"},
    {QUERY("{\"term\":{\"name.keyword\":{\"value\":\"Red House\"}}}"), "1"},
    {QUERY("{\"term\":{\"name\":\"\\u00e9t\\u00e9\"}}"), "4"},
    {QUERY("{\"term\":{\"kind\":\"house\"}}"), "1 2"},
    {QUERY("{\"term\":{\"kind\":\"hous\"}}"), ""},
    {QUERY("{\"term\":{\"owner.name\":\"bob\"}}"), "2"},
    {QUERY("{\"term\":{\"on\":true}}"), "1"},
    {QUERY("{\"term\":{\"on\":\"false\"}}"), "2"},
    {QUERY("{\"term\":{\"size\":2.5}}"), "3"},
    {QUERY("{\"term\":{\"size\":\"10\"}}"), "1"},
    {QUERY("{\"term\":{\"size\":10.0}}"), "1"},
    /* what the mapping does not name is both */
    {QUERY("{\"term\":{\"free\":\"words\"}}"), "4"},
    {QUERY("{\"term\":{\"free.keyword\":\"Some Words\"}}"), "4"},
    {QUERY("{\"term\":{\"tags\":\"fast\"}}"), "3"},
    {QUERY("{\"term\":{\"tags.keyword\":\"old\"}}"), "3"},
    {QUERY("{\"term\":{\"none\":\"x\"}}"), ""},
    {QUERY("{\"term\":{\"x' OR 1=1 --\":\"' OR 1=1 --\"}}"), ""},
    {QUERY("{\"terms\":{\"kind\":[\"car\",\"season\",\"none\"]}}"), "3 4"},
    {QUERY("{\"terms\":{\"kind\":[]}}"), ""},
    {QUERY("{\"ids\":{\"values\":[\"4\",\"1\",\"9\"]}}"), "1 4"},
    {QUERY("{\"term\":{\"_id\":\"2\"}}"), "2"},
    {QUERY("{\"exists\":{\"field\":\"owner\"}}"), "1 2"},
    {QUERY("{\"exists\":{\"field\":\"own\"}}"), ""},
    {QUERY("{\"exists\":{\"field\":\"size\"}}"), "1 2 3"},
    /* numbers are in the order of numbers */
    {QUERY("{\"range\":{\"size\":{\"gte\":9,\"lt\":10}}}"), "2"},
    {QUERY("{\"range\":{\"size\":{\"gt\":2.5}}}"), "1 2"},
    {QUERY("{\"range\":{\"size\":{\"from\":\"9\",\"to\":null}}}"), "1 2"},
    {QUERY("{\"range\":{\"kind\":{\"gte\":\"d\",\"lte\":\"house\"}}}"), "1 2"},
    /* bool */
    {QUERY("{\"bool\":{}}"), "1 2 3 4"},
    {QUERY("{\"bool\":{\"must\":{\"term\":{\"name\":\"red\"}}}}"), "1 3"},
    {QUERY("{\"bool\":{\"must\":[{\"term\":{\"name\":\"red\"}}],"
           "\"filter\":[{\"term\":{\"kind\":\"car\"}}]}}"),
     "3"},
    {QUERY("{\"bool\":{\"must_not\":[{\"term\":{\"name\":\"red\"}},{\"ids\":{\"values\":[\"4\"]}}"
           "]}}"),
     "2"},
    {QUERY(
         "{\"bool\":{\"should\":[{\"term\":{\"name\":\"red\"}},{\"term\":{\"name\":\"blue\"}}]}}"),
     "2 1 3"},
    {QUERY("{\"bool\":{\"must\":[{\"match_all\":{}}],\"should\":[{\"term\":{\"name\":\"red\"}}]}}"),
     "1 3 2 4"},
    {QUERY("{\"bool\":{\"should\":[{\"term\":{\"name\":\"red\"}},{\"term\":{\"name\":\"house\"}}],"
           "\"minimum_should_match\":2}}"),
     "1"},
    /* order and window */
    {"{\"sort\":\"size\"}", "3 2 1 4"},
    {"{\"sort\":[{\"size\":\"desc\"}]}", "1 2 3 4"},
    {"{\"sort\":[{\"kind\":{\"order\":\"desc\"}},{\"_id\":\"desc\"}]}", "4 2 1 3"},
    {"{\"sort\":[\"_doc\"]}", "1 2 3 4"},
    {"{\"sort\":{\"none\":{\"unmapped_type\":\"long\"}}}", "1 2 3 4"},
    {"{\"size\":2}", "1 2"},
    {"{\"size\":\"2\",\"from\":1}", "2 3"},
    {"{\"size\":0}", ""},
    {"{\"from\":4}", ""},
};

static void finds_what_the_body_asks_for(void **state) {
    struct test_store *t = *state;
    for (size_t i = 0; i < BASE_COUNT(searches); i++) {
        assert_hits(t->store, INDEX, searches[i].body, searches[i].ids);
    }
}

/* ---- what is refused ---- */

static const struct {
    const char *body;
    int32_t code;
    const char *type;
    const char *said;
} refused[] = {
    {"{", BERTH_E_PARSE, "json_e_o_f_exception", "the search body"},
    {"{\"size\":1,\"size\":2}", BERTH_E_PARSE, "json_parse_exception", "the search body"},
    {"[]", BERTH_E_PARSE, "parsing_exception", "an object"},
    {"{\"facets\":{}}", BERTH_E_PARSE, "parsing_exception", "[facets]"},
    {"{\"size\":\"x\"}", BERTH_E_INVALID, "number_format_exception", "[x]"},
    {"{\"size\":1.5}", BERTH_E_INVALID, "number_format_exception", "[1.5]"},
    {"{\"size\":-1}", BERTH_E_INVALID, "illegal_argument_exception", "negative: -1"},
    {"{\"from\":-5}", BERTH_E_INVALID, "illegal_argument_exception", "negative: -5"},
    {"{\"size\":10001}", BERTH_E_INVALID, ON_SHARD "illegal_argument_exception",
     "[size] 10001 together are more than 10000"},
    {"{\"from\":9999}", BERTH_E_INVALID, ON_SHARD "illegal_argument_exception", "than 10000"},
    {"{\"from\":9223372036854775807,\"size\":9223372036854775807}", BERTH_E_INVALID,
     ON_SHARD "illegal_argument_exception", "than 10000"},
    {"{\"sort\":\"name\"}", BERTH_E_INVALID, ON_SHARD "illegal_argument_exception", "name.keyword"},
    {"{\"sort\":\"none\"}", BERTH_E_INVALID, ON_SHARD "query_shard_exception", "[none]"},
    {"{\"sort\":\"credential\"}", BERTH_E_INVALID, ON_SHARD "query_shard_exception",
     "[credential]"},
    {"{\"sort\":[[\"size\"]]}", BERTH_E_PARSE, "parsing_exception", "not nested"},
    {"{\"sort\":5}", BERTH_E_PARSE, "parsing_exception", "[sort]"},
    {"{\"sort\":{\"size\":\"up\"}}", BERTH_E_PARSE, "parsing_exception", "[asc] or [desc]"},
    {"{\"sort\":[\"_id\",\"_id\",\"_id\",\"_id\",\"_id\",\"_id\",\"_id\",\"_id\",\"_id\"]}",
     BERTH_E_PARSE, "parsing_exception", "at most 8"},
    {QUERY("[]"), BERTH_E_PARSE, "parsing_exception", "an object"},
    {QUERY("{}"), BERTH_E_PARSE, "parsing_exception", "an object"},
    {QUERY("{\"term\":{\"a\":1},\"ids\":{}}"), BERTH_E_PARSE, "parsing_exception", "one name"},
    {QUERY("{\"script\":{}}"), BERTH_E_PARSE, "parsing_exception",
     "unknown query [script]; there are [bool, "},
    {QUERY("{\"term\":{}}"), BERTH_E_INVALID, "illegal_argument_exception", "needs a field"},
    {QUERY("{\"term\":\"x\"}"), BERTH_E_PARSE, "parsing_exception", "of [term] is an object"},
    {QUERY("{\"term\":{\"a\":1,\"b\":2}}"), BERTH_E_PARSE, "parsing_exception", "one field"},
    {QUERY("{\"term\":{\"a\":[1]}}"), BERTH_E_PARSE, "parsing_exception", "not an array"},
    {QUERY("{\"term\":{\"size\":\"big\"}}"), BERTH_E_INVALID, ON_SHARD "query_shard_exception",
     "[big]"},
    {QUERY("{\"terms\":{\"kind\":\"car\"}}"), BERTH_E_PARSE, "parsing_exception", "array"},
    {QUERY("{\"ids\":{}}"), BERTH_E_PARSE, "parsing_exception", "array"},
    {QUERY("{\"exists\":{}}"), BERTH_E_PARSE, "parsing_exception", "[field]"},
    {QUERY("{\"range\":{\"size\":5}}"), BERTH_E_PARSE, "parsing_exception", "bounds"},
    {QUERY("{\"range\":{\"size\":{\"above\":5}}}"), BERTH_E_PARSE, "parsing_exception", "[above]"},
    {QUERY("{\"range\":{\"size\":{\"gt\":\"x\"}}}"), BERTH_E_INVALID,
     ON_SHARD "query_shard_exception", "[x]"},
    {QUERY("{\"bool\":{\"may\":{}}}"), BERTH_E_PARSE, "parsing_exception", "[may]"},
    {QUERY("{\"bool\":{\"must\":[5]}}"), BERTH_E_PARSE, "parsing_exception", "an object"},
};

static int32_t try_search(struct store *store, const char *index, const char *body,
                          const char *filter, struct base_buf *answer, struct berth_error *error) {
    *error = (struct berth_error)BASE_ERROR_INIT;
    return search(store, index, body, filter, 0, answer, error);
}

static void refuses_what_it_does_not_know(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    for (size_t i = 0; i < BASE_COUNT(refused); i++) {
        struct berth_error error;
        int32_t code = try_search(t->store, INDEX, refused[i].body, NULL, &answer, &error);
        if (code != refused[i].code || !strstr(error.message, refused[i].said) ||
            strcmp(base_error_type(&error), refused[i].type) != 0 ||
            base_error_status(&error) != 400) {
            fail_msg("%s: %d %u %s: %s", refused[i].body, code, base_error_status(&error),
                     base_error_type(&error), error.message);
        }
        assert_int_equal(answer.len, 0);
    }
    struct berth_error error;
    assert_int_equal(try_search(t->store, "none", "", NULL, &answer, &error), BERTH_E_NOT_FOUND);
    assert_string_equal(base_error_type(&error), "index_not_found_exception");
    assert_int_equal(try_search(t->store, INDEX, "", "{", &answer, &error), BERTH_E_INVALID);
}

static void refuses_what_is_nested_too_deep_or_too_long(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    struct berth_error error;
    base_buf_init(&body, (size_t)1 << 20);
    base_buf_init(&answer, 65536);
    base_buf_cstr(&body, "{\"query\":");
    for (int i = 0; i < 40; i++) {
        base_buf_cstr(&body, "{\"bool\":{\"must\":");
    }
    base_buf_cstr(&body, "{\"match_all\":{}}");
    for (int i = 0; i < 40; i++) {
        base_buf_cstr(&body, "}}");
    }
    base_buf_cstr(&body, "}");
    base_buf_char(&body, '\0');
    assert_int_equal(try_search(t->store, INDEX, body.ptr, NULL, &answer, &error), BERTH_E_PARSE);
    assert_non_null(strstr(error.message, "more than 32 deep"));
    base_buf_clear(&body);
    base_buf_cstr(&body, "{\"query\":{\"ids\":{\"values\":[\"x\"");
    for (int i = 0; i < 20000; i++) {
        base_buf_cstr(&body, ",\"x\"");
    }
    base_buf_cstr(&body, "]}}}");
    base_buf_char(&body, '\0');
    assert_int_equal(try_search(t->store, INDEX, body.ptr, NULL, &answer, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "at most 16384"));
}

/* ---- the answer ---- */

static void answers_as_opensearch_does(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    static const struct {
        const char *index;
        const char *body;
        const char *said[4];
    } cases[] = {
        {INDEX,
         "{\"size\":1}",
         {"\"timed_out\":false", "\"_shards\":{\"total\":1,",
          "\"total\":{\"value\":4,\"relation\":\"eq\"},\"max_score\":1.0",
          "\"_index\":\"things\",\"_id\":\"1\",\"_version\":1,\"_seq_no\":"}},
        {INDEX, "{\"size\":1}", {",\"_primary_term\":1,\"_score\":1.0,\"_source\":{"}},
        {INDEX,
         "{\"sort\":\"size\",\"size\":1}",
         {"\"max_score\":null", "\"_score\":null", "\"sort\":[2.5]"}},
        {INDEX, "{\"sort\":\"size\",\"from\":3}", {"\"sort\":[9223372036854775807]"}},
        {INDEX, "{\"sort\":[\"kind\",\"size\"],\"from\":1,\"size\":1}", {"\"sort\":[\"house\",9]"}},
        {INDEX, "{\"track_total_hits\":false,\"size\":0}", {"\"hits\":{\"max_score\":null"}},
        {INDEX, "{\"_source\":\"kind\",\"size\":1}", {"\"_source\":{\"kind\":\"house\"}"}},
        {INDEX,
         "{\"_source\":[\"kind\",\"owner.*\"],\"size\":1}",
         {"\"_source\":{\"kind\":\"house\",\"owner\":{\"name\":\"ann\"}}"}},
        {INDEX,
         "{\"_source\":{\"includes\":[\"kind\",\"size\"],\"excludes\":\"size\"},\"size\":1}",
         {"\"_source\":{\"kind\":\"house\"}"}},
        {"empty", "", {"\"_shards\":{\"total\":0,", "\"max_score\":0.0", "\"hits\":[]"}},
    };
    declare_index(t->store, "empty", "");
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_error error;
        assert_int_equal(try_search(t->store, cases[i].index, cases[i].body, NULL, &answer, &error),
                         BERTH_OK);
        for (int k = 0; k < 4 && cases[i].said[k]; k++) {
            if (!strstr(answer.ptr, cases[i].said[k])) {
                fail_msg("%s: %s does not hold %s", cases[i].body, answer.ptr, cases[i].said[k]);
            }
        }
    }
    struct berth_error error;
    assert_int_equal(try_search(t->store, INDEX, "{\"_source\":false}", NULL, &answer, &error),
                     BERTH_OK);
    assert_null(strstr(answer.ptr, "_source"));
}

static void a_filter_holds_besides_the_query(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO answer;
    BASE_BUF_AUTO ids;
    base_buf_init(&answer, 65536);
    base_buf_init(&ids, 256);
    struct berth_error error;
    static const char filter[] = "{\"term\":{\"kind\":\"house\"}}";
    assert_int_equal(try_search(t->store, INDEX,
                                QUERY("{\"bool\":{\"should\":[{\"match_all\":{}},"
                                      "{\"term\":{\"name\":\"car\"}}]}}"),
                                filter, &answer, &error),
                     BERTH_OK);
    hit_ids(base_buf_view(&answer), &ids);
    assert_string_equal(ids.ptr, "1 2");
    assert_non_null(strstr(answer.ptr, "\"value\":2"));
}

/* ---- secrets ---- */

static void secret_fields_are_neither_found_nor_shown(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    static const char *const bodies[] = {
        "",
        "{\"_source\":\"credential\"}",
        "{\"_source\":[\"credential.key\",\"auth.token\",\"auth\"]}",
        "{\"_source\":\"*\"}",
        "{\"_source\":{\"includes\":\"**.token\"}}",
        "{\"_source\":{\"includes\":[\"c*\",\"a*.t*\"],\"excludes\":[]}}",
        "{\"sort\":[{\"credential\":{\"unmapped_type\":\"keyword\"}},"
        "{\"credential.key\":{\"unmapped_type\":\"keyword\"}},"
        "{\"credential.key.keyword\":{\"unmapped_type\":\"keyword\"}},"
        "{\"auth.token\":{\"unmapped_type\":\"keyword\"}}]}",
        "{\"explain\":true,\"version\":true}",
    };
    for (size_t i = 0; i < BASE_COUNT(bodies); i++) {
        struct berth_error error;
        assert_int_equal(try_search(t->store, INDEX, bodies[i], NULL, &answer, &error), BERTH_OK);
        if (strstr(answer.ptr, "hush")) {
            fail_msg("%s shows a secret: %s", bodies[i], answer.ptr);
        }
    }
    static const char *const queries[] = {
        QUERY("{\"term\":{\"credential\":\"hush\"}}"),
        QUERY("{\"term\":{\"credential.key\":\"hush\"}}"),
        QUERY("{\"term\":{\"credential.key.keyword\":\"hush\"}}"),
        QUERY("{\"term\":{\"credential.keyword\":\"hush\"}}"),
        QUERY("{\"term\":{\"auth.token\":\"hush\"}}"),
        QUERY("{\"terms\":{\"auth.token.keyword\":[\"hush\"]}}"),
        QUERY("{\"exists\":{\"field\":\"credential\"}}"),
        QUERY("{\"exists\":{\"field\":\"auth.token\"}}"),
        QUERY("{\"range\":{\"credential\":{\"gte\":\"a\"}}}"),
        QUERY("{\"range\":{\"auth.token\":{\"gte\":\"a\"}}}"),
    };
    for (size_t i = 0; i < BASE_COUNT(queries); i++) {
        assert_hits(t->store, INDEX, queries[i], "");
    }
    /* What is beside them is found and shown. */
    assert_hits(t->store, INDEX, QUERY("{\"term\":{\"auth.user\":\"u1\"}}"), "1");
    struct berth_error error;
    assert_int_equal(
        try_search(t->store, INDEX, "{\"_source\":\"auth\",\"size\":1}", NULL, &answer, &error),
        BERTH_OK);
    assert_non_null(strstr(answer.ptr, "\"auth\":{\"user\":\"u1\"}"));
}

/* However a document writes the field's name, and wherever in it the field stands. */
static void secrets_are_known_in_every_spelling(void **state) {
    struct test_store *t = *state;
    static const char *const sources[] = {
        "{\"cr\\u0065dential\":\"hush\"}",
        "{\"credential\":\"x\",\"credential\":\"hush\"}",
        "{\"credential\":[{\"a\":[\"hush\"]}]}",
        "{\"auth\":[{\"token\":\"hush\"},{\"user\":\"u\",\"token\":[\"hush\"]}]}",
        "{\"auth\":{\"user\":{\"token\":1},\"t\\u006fken\":{\"a\":\"hush\"}}}",
        "{\"auth.token\":\"hush\"}",
        "{\"credential.key\":\"hush\"}",
    };
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    for (size_t i = 0; i < BASE_COUNT(sources); i++) {
        (void)put(t->store, INDEX, "5", sources[i]);
        struct berth_error error;
        assert_int_equal(try_search(t->store, INDEX, "", NULL, &answer, &error), BERTH_OK);
        if (strstr(answer.ptr, "hush")) {
            fail_msg("%s is shown: %s", sources[i], answer.ptr);
        }
        assert_hits(t->store, INDEX, QUERY("{\"terms\":{\"credential\":[\"hush\"]}}"), "");
        assert_hits(t->store, INDEX, QUERY("{\"exists\":{\"field\":\"credential\"}}"), "");
        assert_hits(t->store, INDEX, QUERY("{\"exists\":{\"field\":\"auth.token\"}}"), "");
    }
}

static void survives_each_failed_allocation(void **state) {
    struct test_store *t = *state;
    bool failed = true;
    for (uint32_t n = 1; failed; n++) {
        struct berth_search wanted = {
            .size = sizeof wanted,
            .index = BERTH_STR_INIT(INDEX),
            .body = BERTH_STR_INIT(
                "{\"query\":{\"bool\":{\"must\":[{\"term\":{\"name\":\"r\\u0065d\"}},"
                "{\"exists\":{\"field\":\"size\"}}]}},\"sort\":\"size\"}"),
            .filter = BERTH_STR_INIT("{\"match_all\":{}}")};
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

/* ---- mappings ---- */

static void knows_the_types_of_fields(void **state) {
    (void)state;
    struct mapping *mapping = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(mapping_create(base_cstr(mapping_text), &mapping, &error), BERTH_OK);
    static const struct {
        const char *path;
        enum field_type type;
    } cases[] = {
        {"name", FIELD_TEXT},         {"name.keyword", FIELD_KEYWORD},
        {"size", FIELD_NUMBER},       {"on", FIELD_BOOLEAN},
        {"owner", FIELD_OBJECT},      {"owner.name", FIELD_KEYWORD},
        {"credential", FIELD_SECRET}, {"auth.token", FIELD_SECRET},
        {"none", FIELD_UNMAPPED},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_int_equal(mapping_type(mapping, base_cstr(cases[i].path)), cases[i].type);
    }
    assert_true(mapping_is_secret(mapping, BERTH_STR("auth.token")));
    assert_true(mapping_is_secret(mapping, BERTH_STR("credential.key")));
    assert_false(mapping_is_secret(mapping, BERTH_STR("credentials")));
    assert_false(mapping_is_secret(mapping, BERTH_STR("auth")));
    mapping_destroy(mapping);
    mapping_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_THINGS(finds_what_the_body_asks_for),
        WITH_THINGS(refuses_what_it_does_not_know),
        WITH_THINGS(refuses_what_is_nested_too_deep_or_too_long),
        WITH_THINGS(answers_as_opensearch_does),
        WITH_THINGS(a_filter_holds_besides_the_query),
        WITH_THINGS(secret_fields_are_neither_found_nor_shown),
        WITH_THINGS(secrets_are_known_in_every_spelling),
        WITH_THINGS(survives_each_failed_allocation),
        cmocka_unit_test(knows_the_types_of_fields),
    };
    return cmocka_run_group_tests_name("host.store.search", tests, NULL, NULL);
}
