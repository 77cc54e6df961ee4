/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a search answers: the order of hits and going on from one, the part of the source that is
 * shown, totals, scores, aggregations. @engines
 */
#include "tests/support/store.h"

#define INDEX "models"

static const char mapping_text[] =
    "{\"properties\":{"
    "\"name\":{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\"}}},"
    "\"state\":{\"type\":\"keyword\"},"
    "\"size\":{\"type\":\"long\"},"
    "\"created\":{\"type\":\"date\"},"
    "\"on\":{\"type\":\"boolean\"},"
    "\"credential\":{\"type\":\"secret\"},"
    "\"connector\":{\"properties\":{\"credential\":{\"type\":\"secret\"}}}}}";

static const char *const documents[] = {
    "{\"name\":\"b\",\"state\":\"UP\",\"size\":3,\"created\":1709251200000,\"on\":true,"
    "\"credential\":{\"key\":\"hush\"},"
    "\"connector\":{\"credential\":\"hush\",\"url\":\"u\",\"at\":{\"x_time\":1,\"y\":2}},"
    "\"list\":[{\"a\":1,\"b\":2},{\"b\":3},4],\"none\":[],\"nothing\":{}}",
    "{\"name\":\"a\",\"state\":\"UP\",\"size\":1,\"created\":1709337600000,\"on\":false}",
    "{\"name\":\"c\",\"state\":\"DOWN\",\"size\":2,\"on\":true}",
    "{\"name\":\"d\"}",
    "{\"name\":\"e\",\"state\":\"DOWN\",\"size\":[5,7]}",
};

static int setup(void **state) {
    (void)test_store_setup(state);
    struct test_store *t = *state;
    declare_index(t->store, INDEX, mapping_text);
    for (size_t i = 0; i < BASE_COUNT(documents); i++) {
        char id[] = {(char)('1' + i), '\0'};
        (void)put(t->store, INDEX, id, documents[i]);
    }
    return 0;
}

#define WITH_MODELS(test) cmocka_unit_test_setup_teardown(test, setup, test_store_teardown)

/* ---- order ---- */

static const struct {
    const char *body;
    const char *ids;
} orders[] = {
    {"{\"sort\":\"name.keyword\"}", "2 1 3 4 5"},
    {"{\"sort\":[{\"size\":\"asc\"}]}", "2 3 1 5 4"},
    {"{\"sort\":[{\"size\":\"desc\"}]}", "5 1 3 2 4"},
    {"{\"sort\":[{\"size\":{\"order\":\"desc\",\"mode\":\"min\"}}]}", "5 1 3 2 4"},
    {"{\"sort\":[{\"size\":{\"missing\":\"_first\"}}]}", "4 2 3 1 5"},
    {"{\"sort\":[{\"size\":{\"order\":\"desc\",\"missing\":\"_first\"}}]}", "4 5 1 3 2"},
    {"{\"sort\":[{\"size\":{\"missing\":2.5}}]}", "2 3 4 1 5"},
    {"{\"sort\":[{\"state\":{\"missing\":\"_first\"}},{\"_id\":\"desc\"}]}", "4 5 3 2 1"},
    {"{\"sort\":[{\"state\":{\"order\":\"desc\"}},\"_doc\"]}", "1 2 3 5 4"},
    {"{\"sort\":[{\"state\":{\"missing\":\"EVEN\"}},\"_id\"]}", "3 5 4 1 2"},
    {"{\"sort\":{\"_doc\":\"desc\"}}", "5 4 3 2 1"},
    {"{\"sort\":\"_score\",\"query\":{\"bool\":{\"should\":[{\"ids\":{\"values\":[\"3\"]}},"
     "{\"match_all\":{}}]}}}",
     "3 1 2 4 5"},
    {"{\"sort\":[{\"_score\":\"asc\"},{\"_id\":\"desc\"}],\"query\":{\"bool\":{\"should\":"
     "[{\"ids\":{\"values\":[\"3\"]}},{\"match_all\":{}}]}}}",
     "5 4 2 1 3"},
    {"{\"sort\":{\"other\":{\"unmapped_type\":\"keyword\",\"order\":\"desc\"}}}", "1 2 3 4 5"},
    /* going on */
    {"{\"sort\":\"_id\",\"search_after\":[\"2\"]}", "3 4 5"},
    {"{\"sort\":{\"_id\":\"desc\"},\"search_after\":[\"2\"]}", "1"},
    {"{\"sort\":\"size\",\"search_after\":[2]}", "1 5 4"},
    {"{\"sort\":\"size\",\"search_after\":[9223372036854775807]}", ""},
    {"{\"sort\":\"created\",\"search_after\":[\"2024-03-01T00:00:00Z\"]}", "2 3 4 5"},
    {"{\"sort\":[\"state\",\"_id\"],\"search_after\":[\"DOWN\",\"3\"]}", "5 1 2 4"},
    {"{\"sort\":[\"state\",\"_id\"],\"search_after\":[\"UP\",\"2\"]}", "4"},
    {"{\"sort\":[\"state\",\"_id\"],\"search_after\":[null,\"4\"]}", ""},
    {"{\"sort\":[\"state\",\"_id\"],\"search_after\":[null,\"0\"]}", "4"},
    {"{\"sort\":[{\"state\":{\"missing\":\"_first\"}},\"_id\"],\"search_after\":[null,\"4\"]}",
     "3 5 1 2"},
    {"{\"sort\":\"_score\",\"search_after\":[0.5]}", ""},
};

static void orders_hits(void **state) {
    struct test_store *t = *state;
    for (size_t i = 0; i < BASE_COUNT(orders); i++) {
        assert_hits(t->store, INDEX, orders[i].body, orders[i].ids);
    }
}

/* The sort values of each page's last hit lead through all documents, each once. */
static void pages_meet_without_a_gap(void **state) {
    struct test_store *t = *state;
    static const char *const sorts[] = {
        "[\"state\",\"_id\"]",
        "[{\"size\":\"desc\"},{\"_id\":\"desc\"}]",
        "[{\"state\":{\"order\":\"desc\",\"missing\":\"_first\"}},{\"created\":\"asc\"},\"_id\"]",
        "[\"_score\",\"_doc\"]",
    };
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    for (size_t i = 0; i < BASE_COUNT(sorts); i++) {
        char after[256] = "";
        size_t seen = 0;
        for (size_t page = 0; page <= BASE_COUNT(documents); page++) {
            char body[512];
            (void)snprintf(body, sizeof body, "{\"size\":1,\"sort\":%s%s%s}", sorts[i],
                           *after ? ",\"search_after\":" : "", after);
            struct berth_error error = BASE_ERROR_INIT;
            if (search(t->store, INDEX, body, NULL, 0, &answer, &error)) {
                fail_msg("%s: %s", body, error.message);
            }
            JSON_DOC_AUTO doc = {0};
            assert_true(json_parse(&doc, base_buf_view(&answer), 0, NULL));
            struct json_value hits = json_get(json_get(json_root(&doc), "hits"), "hits");
            struct berth_str sort = json_raw(json_get(json_at(hits, 0), "sort"));
            seen += json_count(hits);
            (void)snprintf(after, sizeof after, BASE_FMT, BASE_ARG(sort));
            if (json_count(hits) == 0) {
                break;
            }
        }
        assert_int_equal(seen, BASE_COUNT(documents));
    }
}

/* ---- what an answer holds ---- */

static const struct {
    const char *body;
    const char *said[3];
    const char *unsaid;
} answers[] = {
    {"{\"_source\":false,\"size\":1}", {"\"_score\":1.0}"}, "_source"},
    {"{\"_source\":\"name\",\"size\":1}", {"\"_source\":{\"name\":\"b\"}"}, NULL},
    {"{\"_source\":true,\"size\":1}", {"\"_source\":{\"name\":\"b\""}, "hush"},
    {"{\"_source\":[\"n*\"],\"size\":1}", {"{\"name\":\"b\",\"none\":[],\"nothing\":{}}"}, NULL},
    {"{\"_source\":\"*_time\",\"size\":1}",
     {"\"_source\":{\"connector\":{\"at\":{\"x_time\":1}}}"},
     NULL},
    {"{\"_source\":\"connector\",\"size\":1}",
     {"\"_source\":{\"connector\":{\"url\":\"u\",\"at\":{\"x_time\":1,\"y\":2}}}"},
     NULL},
    {"{\"_source\":{\"includes\":[\"connector.*\"],\"excludes\":[\"connector.at\"]},\"size\":1}",
     {"\"_source\":{\"connector\":{\"url\":\"u\"}}"},
     NULL},
    {"{\"_source\":{\"include\":\"list.b\"},\"size\":1}",
     {"\"_source\":{\"list\":[{\"b\":2},{\"b\":3}]}"},
     NULL},
    {"{\"_source\":{\"includes\":[\"list\"],\"exclude\":[\"*.b\"]},\"size\":1}",
     {"\"_source\":{\"list\":[{\"a\":1},{},4]}"},
     NULL},
    {"{\"_source\":{\"includes\":[\"connector.at\",\"nothing\"],\"excludes\":\"*.at.*\"},"
     "\"size\":1}",
     {"\"_source\":{\"connector\":{\"at\":{}},\"nothing\":{}}"},
     NULL},
    {"{\"_source\":[\"*credential*\",\"connector.credential\"],\"size\":1}",
     {"\"_source\":{}"},
     "hush"},
    {"{\"_source\":[],\"size\":1}", {"\"name\":\"b\""}, NULL},
    /* totals */
    {"{\"track_total_hits\":3}", {"\"total\":{\"value\":3,\"relation\":\"gte\"}"}, NULL},
    {"{\"track_total_hits\":5}", {"\"total\":{\"value\":5,\"relation\":\"eq\"}"}, NULL},
    {"{\"track_total_hits\":true,\"size\":0}", {"\"value\":5,\"relation\":\"eq\""}, NULL},
    {"{\"track_total_hits\":-1}", {"\"hits\":{\"max_score\":1.0"}, "total\":{"},
    {"{\"min_score\":1.5}", {"\"total\":{\"value\":0,", "\"max_score\":null"}, NULL},
    {"{\"size\":0,\"post_filter\":{\"term\":{\"state\":\"UP\"}}}", {"{\"value\":2,"}, NULL},
    /* scores */
    {"{\"query\":{\"bool\":{\"filter\":{\"term\":{\"state\":\"UP\"}}}}}",
     {"\"max_score\":0.0", "\"_score\":0.0"},
     NULL},
    {"{\"query\":{\"constant_score\":{\"filter\":{\"term\":{\"on\":true}},\"boost\":2.5}}}",
     {"\"max_score\":2.5", "\"_score\":2.5"},
     NULL},
    {"{\"sort\":\"size\",\"size\":1}", {"\"max_score\":null", "\"_score\":null"}, NULL},
    {"{\"sort\":\"size\",\"size\":1,\"track_scores\":true}",
     {"\"max_score\":1.0", "\"_score\":1.0"},
     NULL},
    {"{\"sort\":[\"size\",\"_score\"],\"size\":1}",
     {"\"max_score\":null", "\"_score\":1.0", "\"sort\":[1,1.0]"},
     NULL},
    {"{\"sort\":\"_score\",\"size\":1}", {"\"max_score\":1.0"}, "\"sort\""},
    /* what a document lacks */
    {"{\"sort\":\"size\",\"from\":4}", {"\"sort\":[9223372036854775807]"}, NULL},
    {"{\"sort\":{\"size\":\"desc\"},\"from\":4}", {"\"sort\":[-9223372036854775808]"}, NULL},
    {"{\"sort\":\"state\",\"from\":4}", {"\"sort\":[null]"}, NULL},
    /* aggregations */
    {"{\"size\":0,\"aggs\":{\"s\":{\"terms\":{\"field\":\"state\"}}}}",
     {"\"aggregations\":{\"s\":{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,"
      "\"buckets\":[{\"key\":\"DOWN\",\"doc_count\":2},{\"key\":\"UP\",\"doc_count\":2}]}}}"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"s\":{\"terms\":{\"field\":\"state\",\"size\":1,"
     "\"order\":{\"_key\":\"desc\"}}}}}",
     {"\"sum_other_doc_count\":2,\"buckets\":[{\"key\":\"UP\",\"doc_count\":2}]"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"s\":{\"terms\":{\"field\":\"size\",\"order\":[{\"_count\":\"asc\"},"
     "{\"_key\":\"desc\"}]}}}}",
     {"[{\"key\":7,\"doc_count\":1},{\"key\":5,"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"s\":{\"terms\":{\"field\":\"on\",\"min_doc_count\":2}}}}",
     {"\"buckets\":[{\"key\":1,\"key_as_string\":\"true\",\"doc_count\":2}]"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"s\":{\"terms\":{\"field\":\"created\"}}}}",
     {"{\"key\":1709251200000,\"key_as_string\":\"2024-03-01T00:00:00.000Z\",\"doc_count\":1}"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"s\":{\"terms\":{\"field\":\"other\"}}}}", {"\"buckets\":[]"}, NULL},
    {"{\"size\":0,\"aggregations\":{\"s\":{\"meta\":{\"m\":1},\"terms\":{\"field\":\"state\"},"
     "\"aggs\":{\"big\":{\"max\":{\"field\":\"size\"}},\"on\":{\"terms\":{\"field\":\"on\"}}}}}}",
     {"\"s\":{\"meta\":{\"m\":1},",
      "{\"key\":\"DOWN\",\"doc_count\":2,\"big\":{\"value\":7.0},\"on\":{",
      "{\"key\":\"UP\",\"doc_count\":2,\"big\":{\"value\":3.0},"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"n\":{\"value_count\":{\"field\":\"size\"}},"
     "\"d\":{\"cardinality\":{\"field\":\"state\"}},\"i\":{\"value_count\":{\"field\":\"_id\"}}}}",
     {"\"n\":{\"value\":5}", "\"d\":{\"value\":2}", "\"i\":{\"value\":5}"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"s\":{\"stats\":{\"field\":\"size\"}},\"a\":{\"avg\":{\"field\":"
     "\"other\"}},\"t\":{\"sum\":{\"field\":\"other\"}}}}",
     {"\"s\":{\"count\":5,\"min\":1.0,\"max\":7.0,\"avg\":3.6,\"sum\":18.0}",
      "\"a\":{\"value\":null}", "\"t\":{\"value\":0.0}"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"m\":{\"min\":{\"field\":\"created\"}}}}",
     {"\"value_as_string\":\"2024-03-01T00:00:00.000Z\""},
     NULL},
    {"{\"size\":0,\"query\":{\"match_phrase\":{\"name\":\"a\"}},\"aggs\":{\"f\":{\"filter\":"
     "{\"match_phrase\":{\"name\":\"a\"}},\"aggs\":{\"x\":{\"max\":{\"field\":\"size\"}}}},"
     "\"g\":{\"filter\":{\"match_phrase\":{\"name\":\"b\"}}}}}",
     {"\"f\":{\"doc_count\":1,\"x\":{\"value\":1.0}}", "\"g\":{\"doc_count\":0}"},
     NULL},
    {"{\"size\":0,\"post_filter\":{\"term\":{\"state\":\"UP\"}},\"aggs\":{\"n\":{\"value_count\":"
     "{\"field\":\"_id\"}}}}",
     {"\"total\":{\"value\":2,", "\"n\":{\"value\":5}"},
     NULL},
    {"{\"size\":0,\"aggs\":{\"n\":{\"value_count\":{\"field\":\"credential.key\"}},"
     "\"s\":{\"terms\":{\"field\":\"credential.key.keyword\"}}}}",
     {"\"n\":{\"value\":0}", "\"buckets\":[]"},
     "hush"},
};

static void answers_hold_what_was_asked_for(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO answer;
    base_buf_init(&answer, 65536);
    for (size_t i = 0; i < BASE_COUNT(answers); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        if (search(t->store, INDEX, answers[i].body, NULL, 0, &answer, &error)) {
            fail_msg("%s: %s", answers[i].body, error.message);
        }
        assert_true(json_check(base_buf_view(&answer), 0, NULL));
        for (size_t k = 0; k < BASE_COUNT(answers[i].said) && answers[i].said[k]; k++) {
            if (!strstr(answer.ptr, answers[i].said[k])) {
                fail_msg("%s: %s does not hold %s", answers[i].body, answer.ptr,
                         answers[i].said[k]);
            }
        }
        if (answers[i].unsaid && strstr(answer.ptr, answers[i].unsaid)) {
            fail_msg("%s: %s holds %s", answers[i].body, answer.ptr, answers[i].unsaid);
        }
    }
}

/* ---- what is refused ---- */

#define PARSING "parsing_exception"
#define SHARD "search_phase_execution_exception/query_shard_exception"
#define ARGUMENT "search_phase_execution_exception/illegal_argument_exception"
#define AGGS(body) "{\"size\":0,\"aggs\":" body "}"

static const struct {
    const char *body;
    const char *type;
    const char *said;
} refused[] = {
    {"{\"sort\":{\"size\":{\"mode\":\"most\"}}}", PARSING, "[mode]"},
    {"{\"sort\":{\"size\":{\"missing\":\"x\"}}}", PARSING, "[missing]"},
    {"{\"sort\":{\"size\":{\"upside\":1}}}", PARSING, "[upside]"},
    {"{\"sort\":\"other\"}", SHARD, "no mapping found for [other]"},
    {"{\"sort\":\"name\"}", ARGUMENT, "[name.keyword]"},
    {"{\"search_after\":[1]}", ARGUMENT, "needs a [sort]"},
    {"{\"sort\":\"size\",\"search_after\":[1,2]}", ARGUMENT, "1 values"},
    {"{\"sort\":\"size\",\"search_after\":[\"x\"]}", ARGUMENT, "[x]"},
    {"{\"sort\":\"size\",\"search_after\":[[1]]}", PARSING, "[search_after]"},
    {"{\"sort\":\"size\",\"search_after\":[1],\"from\":1}", ARGUMENT, "[from] must be 0"},
    {"{\"_source\":1}", PARSING, "[_source]"},
    {"{\"_source\":[1]}", PARSING, "a text"},
    {"{\"_source\":{\"only\":\"x\"}}", PARSING, "[only]"},
    {"{\"track_total_hits\":\"x\"}", PARSING, "[track_total_hits]"},
    {"{\"track_total_hits\":-2}", PARSING, "[track_total_hits]"},
    {"{\"track_scores\":5}", PARSING, "[track_scores]"},
    {"{\"post_filter\":{\"none\":{}}}", PARSING, "unknown query [none]"},
    {AGGS("[]"), PARSING, "by name"},
    {AGGS("{\"a\":{}}"), PARSING, "[a]"},
    {AGGS("{\"a\":5}"), PARSING, "[a]"},
    {AGGS("{\"a\":{\"sum\":{\"field\":\"size\"},\"max\":{\"field\":\"size\"}}}"), PARSING,
     "two types"},
    {AGGS("{\"a\":{\"median\":{\"field\":\"size\"}}}"), PARSING,
     "unknown aggregation type [median] of [a]; there are [filter, terms, avg"},
    {AGGS("{\"a\":{\"terms\":{}}}"), PARSING, "needs a [field]"},
    {AGGS("{\"a\":{\"terms\":{\"field\":\"name\"}}}"), ARGUMENT, "[name.keyword]"},
    {AGGS("{\"a\":{\"avg\":{\"field\":\"state\"}}}"), ARGUMENT, "[state]"},
    {AGGS("{\"a\":{\"terms\":{\"field\":\"state\",\"size\":0}}}"), PARSING, "[size]"},
    {AGGS("{\"a\":{\"terms\":{\"field\":\"state\",\"order\":{\"x\":\"asc\"}}}}"), PARSING,
     "[order]"},
    {AGGS("{\"a\":{\"terms\":{\"field\":\"state\",\"include\":\"x\"}}}"), PARSING, "[include]"},
    {AGGS("{\"a\":{\"sum\":{\"field\":\"size\"},\"aggs\":{\"b\":{}}}}"), PARSING, "below it"},
    {AGGS("{\"a\":{\"filter\":{\"none\":{}}}}"), PARSING, "unknown query [none]"},
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
}

static void aggregations_keep_to_their_limits(void **state) {
    struct test_store *t = *state;
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    base_buf_init(&body, 65536);
    base_buf_init(&answer, (size_t)4 << 20);
    base_buf_cstr(&body, "{\"size\":0");
    for (int i = 0; i < 9; i++) {
        base_buf_cstr(&body, ",\"aggs\":{\"a\":{\"filter\":{\"match_all\":{}}");
    }
    base_buf_cstr(&body, "}}}}}}}}}}}}}}}}}}}");
    base_buf_char(&body, '\0');
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_not_equal(search(t->store, INDEX, body.ptr, NULL, 0, &answer, &error), BERTH_OK);
    assert_non_null(strstr(error.message, "more than 8 deep"));
    for (int i = 6; i < 21; i++) {
        char id[16];
        BASE_BUF_AUTO source;
        base_buf_init(&source, 1024);
        (void)snprintf(id, sizeof id, "d%d", i);
        base_buf_cstr(&source, "{\"tag\":[");
        for (int k = 0; k < 25; k++) {
            base_buf_format(&source, "%s\"t%d\"", k ? "," : "", k);
        }
        base_buf_cstr(&source, "]}");
        base_buf_char(&source, '\0');
        (void)put(t->store, INDEX, id, source.ptr);
    }
    static const char many[] =
        "{\"size\":0,\"aggs\":{\"a\":{\"terms\":{\"field\":\"tag.keyword\",\"size\":25},"
        "\"aggs\":{\"b\":{\"terms\":{\"field\":\"tag.keyword\",\"size\":25},"
        "\"aggs\":{\"c\":{\"terms\":{\"field\":\"tag.keyword\",\"size\":25}}}}}}}}";
    assert_int_not_equal(search(t->store, INDEX, many, NULL, 0, &answer, &error), BERTH_OK);
    assert_non_null(strstr(error.message, "more than 10000"));
    assert_int_equal(base_error_status(&error), 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_MODELS(orders_hits),
        WITH_MODELS(pages_meet_without_a_gap),
        WITH_MODELS(answers_hold_what_was_asked_for),
        WITH_MODELS(refuses_what_it_does_not_know),
        WITH_MODELS(aggregations_keep_to_their_limits),
    };
    return cmocka_run_group_tests_name("host.store.search_answer", tests, NULL, NULL);
}
