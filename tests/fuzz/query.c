/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/store: a search body becomes SQL, which SQLite must take, and an answer in JSON that shows
 * nothing secret.
 *
 * Input: a search body, a line "---", a filter (may be empty). The database is in a temporary
 * directory, made once.
 */
#include <unistd.h>

#include "base/json.h"
#include "host/store/store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_oracle.h"

#define INDEX "things"
/* A document's secrets begin so; nothing else does. */
#define SECRET "hidden-"

static const char mapping[] =
    "{\"properties\":{\"name\":{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\"}}},"
    "\"kind\":{\"type\":\"keyword\"},\"count\":{\"type\":\"integer\"},\"at\":{\"type\":\"date\"},"
    "\"on\":{\"type\":\"boolean\"},\"token\":{\"type\":\"secret\"},"
    "\"inner\":{\"properties\":{\"key\":{\"type\":\"secret\"},\"size\":{\"type\":\"long\"}}}}}";

static const char *const documents[] = {
    "{\"name\":\"A first thing\",\"kind\":\"x\",\"count\":1,\"token\":\"hidden-a\"}",
    "{\"name\":\"the second\",\"kind\":\"y\",\"count\":2.5,\"on\":true,\"list\":[1,2,3]}",
    "{\"kind\":[\"x\",\"y\"],\"count\":-7,\"inner\":{\"key\":\"hidden-b\",\"size\":10}}",
    "{\"name\":\"\\u00e4\\ud83d\\ude00\",\"at\":1700000000000,\"on\":false,\"free\":\"some text\"}",
    "{\"inner\":{\"key\":{\"deep\":\"hidden-c\"},\"size\":[1,2]},\"a.b\":\"dotted\"}",
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
        char id[] = {'i', (char)('0' + i)};
        struct berth_write write = {.size = sizeof write,
                                    .op = BERTH_WRITE_CREATE,
                                    .index = BERTH_STR(INDEX),
                                    .id = base_str(id, sizeof id),
                                    .source = base_cstr(documents[i])};
        FUZZ_CHECK(store_write(store, &write, 1, NULL, &error) == BERTH_OK);
    }
    return 0;
}

/*
 * The answer, that is hits, each a source without secrets, and a total that is not less unless it
 * was not to be counted so far. A secret that the input names may come back as its own words.
 */
static void check_answer(struct berth_str input, struct berth_str text) {
    JSON_DOC_AUTO doc = {0};
    int64_t total = 0;
    FUZZ_CHECK(oracle_is_json(text, 0, NULL) && json_parse(&doc, text, 0, NULL));
    struct json_value hits = json_get(json_root(&doc), "hits");
    struct json_value value = json_get(json_get(hits, "total"), "value");
    bool exact = json_string_is(json_get(json_get(hits, "total"), "relation"), BERTH_STR("eq"));
    size_t count = json_count(json_get(hits, "hits"));
    FUZZ_CHECK(json_is(json_get(hits, "hits"), JSON_ARRAY) && count <= BASE_COUNT(documents));
    FUZZ_CHECK(!json_present(value) || json_i64(value, &total));
    FUZZ_CHECK(!exact || (size_t)total >= count);
    FUZZ_CHECK(base_str_contains(input, BERTH_STR("hidden")) ||
               !base_str_contains(text, BERTH_STR(SECRET)));
}

static struct berth_str search(struct berth_str body, struct berth_str filter,
                               struct base_buf *out) {
    struct berth_search asked = {
        .size = sizeof asked, .index = BERTH_STR(INDEX), .body = body, .filter = filter};
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = store_search(store, &asked, out, &error);
    FUZZ_CHECK(!code || code == BERTH_E_INVALID || code == BERTH_E_PARSE);
    FUZZ_CHECK(!code || (error.code == code && error.message[0]));
    return code ? base_str(NULL, 0) : base_buf_view(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str filter = fuzz_text(data, size);
    struct berth_str body = fuzz_part(&filter);
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    struct berth_str answer = search(body, filter, &out);
    if (answer.ptr) {
        check_answer(body, answer);
    }
    return 0;
}
