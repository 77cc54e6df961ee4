/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/documents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

/* A text as JSON; NULL: an absent value. */
static struct json_value parse(struct json_doc *doc, const char *text) {
    if (!text) {
        return JSON_NONE;
    }
    assert_true(json_parse(doc, base_cstr(text), 0, NULL));
    return json_root(doc);
}

static void assert_text(struct base_buf *out, const char *expected) {
    base_buf_char(out, '\0');
    assert_int_equal(out->error, BERTH_OK);
    assert_string_equal(out->ptr, expected);
}

/* ---- making ---- */

#define RAW(name, text) {name, BERTH_STR_INIT(text)}
#define REMOVED(name) {name, {NULL, 0}}

static const struct {
    enum ml_kind kind;
    const char *old;
    struct ml_edit edits[4];
    size_t count;
    const char *expected;
} edits[] = {
    {ML_CONNECTOR, NULL, {{0}}, 0, "{}"},
    /* In the order of the kind, whatever the order of the edits is. */
    {ML_CONNECTOR,
     NULL,
     {RAW("protocol", "\"http\""), RAW("created_time", "1"), RAW("name", "\"n\"")},
     3,
     "{\"name\":\"n\",\"protocol\":\"http\",\"created_time\":1}"},
    {ML_CONNECTOR,
     "{\"protocol\":\"http\",\"name\":\"n\"}",
     {RAW("version", "\"1\"")},
     1,
     "{\"name\":\"n\",\"version\":\"1\",\"protocol\":\"http\"}"},
    {ML_GROUP,
     "{\"name\":\"g\",\"latest_version\":3}",
     {RAW("latest_version", "4")},
     1,
     "{\"name\":\"g\",\"latest_version\":4}"},
    /* Removed, also when it was not there. */
    {ML_GROUP,
     "{\"name\":\"g\",\"description\":\"d\"}",
     {REMOVED("description"), REMOVED("owner")},
     2,
     "{\"name\":\"g\"}"},
    /* What the kind does not know stays, to the letter, behind the rest. */
    {ML_GROUP,
     "{\"x\" : [1, 2.0],\"name\":\"g\",\"y\":null}",
     {RAW("access", "\"public\"")},
     1,
     "{\"name\":\"g\",\"access\":\"public\",\"x\":[1, 2.0],\"y\":null}"},
    {ML_GROUP, "{\"x\":1,\"y\":2}", {REMOVED("x")}, 1, "{\"y\":2}"},
};

static void edits_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(edits); i++) {
        JSON_DOC_AUTO doc = {0};
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        ml_document_edit(edits[i].kind, parse(&doc, edits[i].old), edits[i].edits, edits[i].count,
                         &out);
        assert_text(&out, edits[i].expected);
    }
}

/* As RFC 7396 has it. */
static const struct {
    const char *old;
    const char *patch;
    const char *expected;
} merges[] = {
    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
    {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
    {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
    {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    {NULL, "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
    {NULL, "{}", "{}"},
    {"{\"a\":1}", "{}", "{\"a\":1}"},
    {"{\"n\":1.50}", "{\"m\":2e3}", "{\"n\":1.50,\"m\":2e3}"},
    /* A name is the same in whatever escapes it is written. */
    {"{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":2}"},
    {"{\"\\u0061\":1}", "{\"a\":null}", "{}"},
};

static void merges_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(merges); i++) {
        JSON_DOC_AUTO old = {0};
        JSON_DOC_AUTO patch = {0};
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        ml_merge(parse(&old, merges[i].old), parse(&patch, merges[i].patch), &out);
        assert_text(&out, merges[i].expected);
    }
}

static const struct {
    enum ml_kind kind;
    const char *stored;
    const char *shown;
} shows[] = {
    {ML_CONNECTOR, "{\"name\":\"n\",\"credential\":{\"key\":\"sealed\"},\"actions\":[]}",
     "{\"name\":\"n\",\"actions\":[]}"},
    {ML_CONNECTOR, "{\"credential\":\"sealed\"}", "{}"},
    {ML_CONNECTOR, "{\"\\u0063redential\":{\"key\":\"sealed\"}}", "{}"},
    {ML_CONNECTOR, "{\"credential\":{\"key\":\"a\"},\"name\":\"n\",\"credential\":{\"key\":\"b\"}}",
     "{\"name\":\"n\"}"},
    /* A parameter of that name is none. */
    {ML_CONNECTOR, "{\"parameters\":{\"credential\":\"word\"}}",
     "{\"parameters\":{\"credential\":\"word\"}}"},
    {ML_MODEL,
     "{\"name\":\"m\",\"connector\":{\"name\":\"n\",\"credential\":{\"key\":\"sealed\"}}}",
     "{\"name\":\"m\",\"connector\":{\"name\":\"n\"}}"},
    {ML_MODEL, "{\"connector\":{\"credential\":{\"key\":\"sealed\"}},\"connector_id\":\"c\"}",
     "{\"connector\":{},\"connector_id\":\"c\"}"},
    {ML_MODEL, "{\"connec\\u0074or\":{\"credential\":{\"key\":\"sealed\"}}}",
     "{\"connec\\u0074or\":{}}"},
    {ML_GROUP, "{\"name\":\"g\",\"latest_version\":1}", "{\"name\":\"g\",\"latest_version\":1}"},
    {ML_TASK, "{}", "{}"},
};

static void shows_no_secret(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(shows); i++) {
        JSON_DOC_AUTO doc = {0};
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        ml_document_show(shows[i].kind, parse(&doc, shows[i].stored), &out);
        assert_text(&out, shows[i].shown);
    }
}

/* ---- the store ---- */

static void declares_its_indices(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    assert_int_equal(ml_documents_declare(&host.plugin, NULL), BERTH_OK);
    assert_int_equal(host.index_count, ML_KINDS);
    for (uint32_t i = 0; i < host.index_count; i++) {
        assert_true(base_str_is(ml_index((enum ml_kind)i), host.indices[i]));
    }
    fake_host_deinit(&host);
}

static void reads_a_document(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_put(&host, ".plugins-ml-connector", "c1", "{\"name\":\"n\"}");
    ML_DOCUMENT_AUTO document;
    assert_int_equal(ml_document_get(&host.plugin, ML_CONNECTOR, BERTH_STR("c1"), &document, NULL),
                     BERTH_OK);
    assert_true(json_string_is(json_get(document.root, "name"), BERTH_STR("n")));
    struct berth_write over = ml_write_over(&document, BERTH_WRITE_PUT, BERTH_STR("{}"));
    assert_int_equal(over.flags, BERTH_WRITE_IF_SEQ_NO);
    assert_int_equal(over.if_seq_no, 1);
    assert_int_equal(ml_store_write(&host.plugin, &over, 1, NULL, NULL), BERTH_OK);
    assert_int_equal(ml_store_write(&host.plugin, &over, 1, NULL, NULL), BERTH_E_CONFLICT);
    fake_host_deinit(&host);
}

static const struct {
    const char *id;
    int32_t store_fails;
    int32_t code;
    uint32_t status;
    const char *type;
    const char *message;
} read_failures[] = {
    {"none", 0, BERTH_E_NOT_FOUND, 404, "status_exception", "there is no model group [none]"},
    {"damaged", 0, BERTH_E_CORRUPT, 500, "i_o_exception",
     "the stored model group [damaged] is damaged"},
    {"none", BERTH_E_IO, BERTH_E_IO, 500, "i_o_exception", "the store fails"},
};

static void says_why_there_is_no_document(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_put(&host, ".plugins-ml-model-group", "damaged", "{\"name\":");
    for (size_t i = 0; i < BASE_COUNT(read_failures); i++) {
        ML_DOCUMENT_AUTO document;
        struct berth_error error = BASE_ERROR_INIT;
        host.store_fails = read_failures[i].store_fails;
        assert_int_equal(ml_document_get(&host.plugin, ML_GROUP, base_cstr(read_failures[i].id),
                                         &document, &error),
                         read_failures[i].code);
        assert_int_equal(base_error_status(&error), read_failures[i].status);
        assert_string_equal(base_error_type(&error), read_failures[i].type);
        assert_string_equal(error.message, read_failures[i].message);
    }
    fake_host_deinit(&host);
}

static const struct {
    struct berth_write_result result;
    const char *expected;
} results[] = {
    {{.result = BERTH_WRITE_UPDATED, .version = 2, .seq_no = 7, .primary_term = 1},
     "{\"_index\":\".plugins-ml-model\",\"_id\":\"m\",\"_version\":2,\"result\":\"updated\","
     "\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\"_seq_no\":7,\"_primary_term\":1}"},
    {{.result = BERTH_WRITE_CREATED, .version = 1, .seq_no = 0, .primary_term = 1},
     "{\"_index\":\".plugins-ml-model\",\"_id\":\"m\",\"_version\":1,\"result\":\"created\","
     "\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\"_seq_no\":0,\"_primary_term\":1}"},
    {{.result = BERTH_WRITE_DELETED, .version = 3, .seq_no = 8, .primary_term = 2},
     "{\"_index\":\".plugins-ml-model\",\"_id\":\"m\",\"_version\":3,\"result\":\"deleted\","
     "\"forced_refresh\":true,"
     "\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\"_seq_no\":8,\"_primary_term\":2}"},
    {{.result = BERTH_WRITE_NOT_FOUND, .version = 1, .seq_no = 9, .primary_term = 1},
     "{\"_index\":\".plugins-ml-model\",\"_id\":\"m\",\"_version\":1,\"result\":\"not_found\","
     "\"forced_refresh\":true,"
     "\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\"_seq_no\":9,\"_primary_term\":1}"},
};

static void answers_a_write(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(results); i++) {
        BASE_BUF_AUTO out;
        base_buf_init(&out, 4096);
        ml_put_write_result(ML_MODEL, BERTH_STR("m"), &results[i].result, &out);
        assert_text(&out, results[i].expected);
    }
}

static const struct {
    const char *answer;
    int64_t count;
    const char *ids;
} counts[] = {
    {"{\"hits\":{\"total\":{\"value\":0},\"hits\":[]}}", 0, ""},
    {"{\"hits\":{\"total\":{\"value\":1},\"hits\":[{\"_id\":\"a\"}]}}", 1, "a"},
    {"{\"hits\":{\"total\":{\"value\":12},\"hits\":[{\"_id\":\"a\"},{\"_id\":\"b\"}]}}", 12,
     "a, b"},
};

static void counts_what_refers(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    for (size_t i = 0; i < BASE_COUNT(counts); i++) {
        BASE_ARENA_AUTO arena;
        BASE_BUF_AUTO ids;
        int64_t count = -1;
        base_arena_init(&arena, 512);
        base_buf_init(&ids, 512);
        host.search_answer = counts[i].answer;
        struct berth_str query = ml_term(&arena, "connector_id", BERTH_STR("a\"b"));
        assert_int_equal(ml_count(&host.plugin, ML_MODEL, query, &count, &ids, NULL), BERTH_OK);
        assert_int_equal(count, counts[i].count);
        assert_text(&ids, counts[i].ids);
        base_buf_char(&host.search_body, '\0');
        assert_string_equal(host.search_body.ptr, "{\"size\":10,\"_source\":false,"
                                                  "\"track_total_hits\":true,\"query\":"
                                                  "{\"term\":{\"connector_id\":\"a\\\"b\"}}}");
    }
    fake_host_deinit(&host);
}

/* ML Commons shows a hit's source whatever "_source" says, unless it is a filter. */
static void searches_with_the_clients_body(void **state) {
    (void)state;
    static const struct {
        const char *sent;
        const char *searched;
    } cases[] = {
        {"{\"query\":{\"match_all\":{}}}", "{\"query\":{\"match_all\":{}}}"},
        {"{\"_source\":false,\"size\":1}", "{\"size\":1}"},
        {"{\"size\":1, /* c */ \"_source\" : false}", "{\"size\":1}"},
        {"{\"_source\":true}", "{\"_source\":true}"},
        {"{\"_source\":[\"name\"]}", "{\"_source\":[\"name\"]}"},
        {"{\"_source\":false", "{\"_source\":false"},
        {"", ""},
    };
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    host.search_answer = "{\"hits\":{}}";
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAKE_CALL_AUTO c;
        fake_call_begin(&c, &host, cases[i].sent);
        assert_int_equal(ml_search(&c.call, ML_GROUP), BERTH_OK);
        assert_text(&c.call.out, "{\"hits\":{}}");
        base_buf_char(&host.search_body, '\0');
        assert_string_equal(host.search_body.ptr, cases[i].searched);
    }
    FAKE_CALL_AUTO c;
    fake_call_begin(&c, &host, "");
    host.store_fails = BERTH_E_UNAVAILABLE;
    assert_int_equal(ml_search(&c.call, ML_GROUP), BERTH_E_UNAVAILABLE);
    fake_host_deinit(&host);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_put(&host, ".plugins-ml-model", "m", "{\"name\":\"n\",\"a\":{\"\\u0062\":1}}");
    host.search_answer = counts[2].answer;
    FAULT_EACH_ALLOCATION({
        ML_DOCUMENT_AUTO document = {0};
        JSON_DOC_AUTO patch = {0};
        BASE_BUF_AUTO out;
        BASE_ARENA_AUTO arena;
        int64_t count = 0;
        struct berth_error error = BASE_ERROR_INIT;
        base_buf_init(&out, 4096);
        base_arena_init(&arena, 64);
        int32_t code = ml_document_get(&host.plugin, ML_MODEL, BERTH_STR("m"), &document, &error);
        if (!code && json_parse(&patch, BERTH_STR("{\"a\":{\"\\u0062\":2}}"), 0, NULL)) {
            ml_merge(document.root, json_root(&patch), &out);
            base_buf_char(&out, '\0');
            assert_true(out.error == BERTH_E_NO_MEMORY ||
                        strcmp(out.ptr, "{\"name\":\"n\",\"a\":{\"\\u0062\":2}}") == 0);
        }
        base_buf_clear(&out);
        code = code ? code
                    : ml_count(&host.plugin, ML_MODEL, ml_term(&arena, "f", ml_now(&arena)), &count,
                               &out, &error);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
    });
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_by_table),
        cmocka_unit_test(merges_by_table),
        cmocka_unit_test(shows_no_secret),
        cmocka_unit_test(declares_its_indices),
        cmocka_unit_test(reads_a_document),
        cmocka_unit_test(says_why_there_is_no_document),
        cmocka_unit_test(answers_a_write),
        cmocka_unit_test(counts_what_refers),
        cmocka_unit_test(searches_with_the_clients_body),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.documents", tests, NULL, NULL);
}
