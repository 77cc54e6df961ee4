/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/store: whatever a search body holds, it is answered in JSON or refused as the client's
 * fault; a query and its negation find each document once; what is secret is not shown.
 *
 * Input: a search body. The database is in a temporary directory, made once.
 */
#include <unistd.h>

#include "base/json_write.h"
#include "host/store/store.h"
#include "tests/fuzz/fuzz.h"

#define INDEX "models"
/* The secrets of documents begin so; an input that has it says nothing about them. */
#define SECRET "hush-"

static const char mapping[] =
    "{\"properties\":{\"name\":{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\"}}},"
    "\"description\":{\"type\":\"text\"},\"state\":{\"type\":\"keyword\"},"
    "\"size\":{\"type\":\"long\"},\"created\":{\"type\":\"date\"},\"on\":{\"type\":\"boolean\"},"
    "\"owner\":{\"type\":\"nested\",\"properties\":{\"name\":{\"type\":\"keyword\"}}},"
    "\"credential\":{\"type\":\"secret\"}}}";

static const char *const documents[] = {
    "{\"name\":\"Zebra one\",\"description\":\"A striped animal\",\"state\":\"UP\",\"size\":1,"
    "\"created\":1709251200000,\"on\":true,\"owner\":{\"name\":\"ann\"},"
    "\"credential\":{\"key\":\"hush-a\"}}",
    "{\"name\":\"zebra two\",\"description\":\"Plains and a striped horse\",\"state\":\"DOWN\","
    "\"size\":20,\"on\":false,\"owner\":[{\"name\":\"bob\"},{\"name\":\"ann\"}]}",
    "{\"name\":\"gpt-4.1 mini\",\"size\":[5,-7.5],\"created\":\"2024-03-03T00:00:00Z\","
    "\"tags\":[\"red one\",\"blue two\"],\"credential\":\"hush-b\"}",
    "{\"name\":\"\\u4e2d\\u6587 \\u00c9t\\u00e9\",\"free\":{\"deep\":\"Some Words\",\"count\":7}}",
    "{\"a.b\":\"dotted\",\"credential.key\":\"hush-c\",\"size\":1e300}",
    "{}",
};

static char directory[] = "/tmp/berth-fuzz-XXXXXX";
static struct store *store;

static void clean_up(void) {
    static const char *const files[] = {"berth.db", "berth.db-wal", "berth.db-shm"};
    char path[sizeof directory + 16];
    store_close(store);
    for (size_t i = 0; i < BASE_COUNT(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    struct berth_error error = BASE_ERROR_INIT;
    FUZZ_CHECK(mkdtemp(directory));
    struct store_options options = {.data_path = directory, .readers = 1};
    FUZZ_CHECK(store_open(&options, &store, &error) == BERTH_OK);
    (void)atexit(clean_up);
    struct berth_index index = {
        .size = sizeof index, .name = BERTH_STR(INDEX), .mapping = base_cstr(mapping)};
    FUZZ_CHECK(store_declare_index(store, &index, &error) == BERTH_OK);
    for (size_t i = 0; i < BASE_COUNT(documents); i++) {
        char id[] = {(char)('1' + i)};
        struct berth_write write = {.size = sizeof write,
                                    .op = BERTH_WRITE_CREATE,
                                    .index = BERTH_STR(INDEX),
                                    .id = base_str(id, sizeof id),
                                    .source = base_cstr(documents[i])};
        FUZZ_CHECK(store_write(store, &write, 1, NULL, &error) == BERTH_OK);
    }
    return 0;
}

/* Whether it is answered; else it was refused as a client's fault, with words. */
static bool search(struct berth_str body, struct base_buf *out) {
    struct berth_search asked = {.size = sizeof asked, .index = BERTH_STR(INDEX), .body = body};
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = store_search(store, &asked, out, &error);
    FUZZ_CHECK(!code || code == BERTH_E_INVALID || code == BERTH_E_PARSE);
    FUZZ_CHECK(!code || (error.code == code && error.message[0]));
    return code == BERTH_OK;
}

static void check_answer(struct berth_str body, struct berth_str text) {
    JSON_DOC_AUTO doc = {0};
    FUZZ_CHECK(json_parse(&doc, text, 0, NULL));
    struct json_value hits = json_get(json_get(json_root(&doc), "hits"), "hits");
    FUZZ_CHECK(json_is(hits, JSON_ARRAY) && json_count(hits) <= BASE_COUNT(documents));
    FUZZ_CHECK(base_str_contains(body, BERTH_STR("hush")) ||
               !base_str_contains(text, BERTH_STR(SECRET)));
}

/* How many documents a query finds, in a clause of bool; -1 where it is refused. */
static int64_t count(const char *clause, struct berth_str query) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO out;
    JSON_DOC_AUTO doc = {0};
    int64_t total = -1;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    base_buf_format(&body, "{\"size\":0,\"query\":{\"bool\":{\"%s\":[", clause);
    base_buf_str(&body, query);
    base_buf_cstr(&body, "]}}}");
    if (search(base_buf_view(&body), &out)) {
        FUZZ_CHECK(json_parse(&doc, base_buf_view(&out), 0, NULL));
        struct json_value hits = json_get(json_root(&doc), "hits");
        FUZZ_CHECK(json_i64(json_get(json_get(hits, "total"), "value"), &total));
    }
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str body = fuzz_text(data, size);
    JSON_DOC_AUTO doc = {0};
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    if (!search(body, &out)) {
        return 0;
    }
    check_answer(body, base_buf_view(&out));
    if (json_parse(&doc, body, JSON_COMMENTS, NULL)) {
        struct json_value query = json_get(json_root(&doc), "query");
        struct berth_str text = json_present(query) ? json_raw(query) : BERTH_STR("{\"ids\":{}}");
        int64_t found = count("filter", text);
        int64_t others = count("must_not", text);
        int64_t wanted = count("should", text);
        FUZZ_CHECK(found < 0 || others < 0 || found + others == BASE_COUNT(documents));
        FUZZ_CHECK(found < 0 || wanted < 0 || found == wanted);
    }
    return 0;
}
