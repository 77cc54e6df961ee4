/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/store: an export as it is read in. What is refused is told with the number of a line that is
 * at fault; the lines before it are in the store then, no others. What was taken is the same when
 * it is written out, read into another store, and written out again.
 *
 * Input: the lines; where the first one is empty, it is given. The stores are in temporary
 * directories, and made anew where indices have piled up.
 */
#include "host/store/transfer.h"

#include <limits.h>
#include <unistd.h>

#include "base/json.h"
#include "host/store/store_internal.h"
#include "tests/fuzz/fuzz.h"

#define FIRST_LINE "{\"berth_documents\":1}"
/* An index is known until its store is closed. */
#define INDICES_MAX 2000u

static const char mapping[] =
    "{\"properties\":{\"name\":{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\"}}},"
    "\"size\":{\"type\":\"long\"},\"created\":{\"type\":\"date\"},"
    "\"owner\":{\"type\":\"nested\",\"properties\":{\"name\":{\"type\":\"keyword\"}}},"
    "\"credential\":{\"type\":\"secret\"}}}";

struct place {
    char directory[24];
    struct store *store;
};

static struct place places[2];

static void close_place(struct place *place) {
    static const char *const files[] = {"berth.db", "berth.db-wal", "berth.db-shm"};
    char path[sizeof place->directory + 16];
    store_close(place->store);
    place->store = NULL;
    for (size_t i = 0; i < BASE_COUNT(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", place->directory, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(place->directory);
}

static void open_place(struct place *place) {
    struct berth_error error = BASE_ERROR_INIT;
    (void)snprintf(place->directory, sizeof place->directory, "/tmp/berth-fuzz-XXXXXX");
    FUZZ_CHECK(mkdtemp(place->directory));
    struct store_options options = {.data_path = place->directory, .readers = 1};
    FUZZ_CHECK(store_open(&options, &place->store, &error) == BERTH_OK);
    struct berth_index index = {
        .size = sizeof index, .name = BERTH_STR("models"), .mapping = base_cstr(mapping)};
    FUZZ_CHECK(store_declare_index(place->store, &index, &error) == BERTH_OK);
}

static void clean_up(void) {
    for (size_t i = 0; i < BASE_COUNT(places); i++) {
        close_place(&places[i]);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < BASE_COUNT(places); i++) {
        open_place(&places[i]);
    }
    (void)atexit(clean_up);
    return 0;
}

/* The tables, for deleting each document by its name takes as long as all the rest. */
static struct store *empty(struct place *place) {
    static const char sql[] = "BEGIN; DELETE FROM doc; DELETE FROM field; DELETE FROM passage; "
                              "COMMIT";
    if (place->store->indices.count > INDICES_MAX) {
        close_place(place);
        open_place(place);
    } else {
        FUZZ_CHECK(sqlite3_exec(place->store->writer->handle, sql, NULL, NULL, NULL) == SQLITE_OK);
    }
    return place->store;
}

static int32_t import(struct store *store, struct berth_str text, uint64_t *out_count,
                      struct berth_error *error) {
    FILE *in = fmemopen((void *)(uintptr_t)text.ptr, BASE_LEN(text), "r");
    FUZZ_CHECK(in);
    int32_t code = transfer_import(store, in, out_count, error);
    (void)fclose(in);
    return code;
}

/* What a store has; the caller frees it. */
static struct berth_str export(struct store *store, uint64_t expected_max) {
    struct berth_error error = BASE_ERROR_INIT;
    char *text = NULL;
    size_t len = 0;
    uint64_t count = 0;
    FILE *out = open_memstream(&text, &len);
    FUZZ_CHECK(out && transfer_export(store, out, &count, &error) == BERTH_OK);
    FUZZ_CHECK(fclose(out) == 0 && text && count <= expected_max);
    return base_str(text, len);
}

/* An engine that parts index and id by a slash has room for each name. */
static void check_names(struct berth_str exported) {
    JSON_DOC_AUTO doc = {0};
    BASE_ARENA_AUTO arena;
    struct berth_str rest = exported;
    struct berth_str line;
    base_arena_init(&arena, 4096);
    FUZZ_CHECK(base_str_split(&rest, '\n', &line) && base_str_is(line, FIRST_LINE));
    while (base_str_split(&rest, '\n', &line) && line.len) {
        struct berth_str index;
        struct berth_str id;
        FUZZ_CHECK(json_parse(&doc, line, 0, NULL));
        FUZZ_CHECK(json_string(json_get(json_root(&doc), "index"), &arena, &index));
        FUZZ_CHECK(json_string(json_get(json_root(&doc), "id"), &arena, &id));
        FUZZ_CHECK(index.len > 0 && index.len <= BERTH_INDEX_NAME_MAX);
        FUZZ_CHECK(base_str_find(index, '/') == index.len);
        FUZZ_CHECK(id.len > 0 && id.len <= BERTH_ID_MAX);
    }
    FUZZ_CHECK(!rest.ptr);
}

static void check_same(struct store *store, struct berth_str expected) {
    struct berth_str text = export(store, UINT64_MAX);
    FUZZ_CHECK(base_str_eq(text, expected));
    free((void *)(uintptr_t)text.ptr);
}

/* The length of so many lines. */
static size_t lines(struct berth_str text, uint64_t count) {
    struct berth_str rest = text;
    struct berth_str line;
    while (count && base_str_split(&rest, '\n', &line)) {
        count--;
    }
    return rest.ptr ? (size_t)(rest.ptr - text.ptr) : BASE_LEN(text);
}

/* The number of the line that is at fault. */
static uint64_t named_line(const struct berth_error *error) {
    struct berth_str rest = base_cstr(error->message);
    struct berth_str number;
    int64_t value = 0;
    FUZZ_CHECK(base_str_starts(rest, BERTH_STR("line ")));
    rest = base_str_from(rest, 5);
    FUZZ_CHECK(base_str_split(&rest, ':', &number) && rest.len > 1);
    FUZZ_CHECK(base_str_i64(number, &value) && value > 0);
    return (uint64_t)value;
}

static void check(struct berth_str text) {
    struct berth_error error = BASE_ERROR_INIT;
    uint64_t count = 0;
    uint64_t again = 0;
    struct store *one = empty(&places[0]);
    int32_t code = import(one, text, &count, &error);
    struct berth_str exported = export(one, count);
    struct store *other = empty(&places[1]);
    FUZZ_CHECK(import(other, exported, &again, &error) == BERTH_OK && again <= count);
    check_same(other, exported);
    check_names(exported);
    if (code) {
        FUZZ_CHECK(code == BERTH_E_PARSE);
        uint64_t number = named_line(&error);
        struct berth_str before = base_str_slice(text, 0, lines(text, number - 1));
        FUZZ_CHECK(number == 1 || before.len < text.len);
        FUZZ_CHECK(number > 1 || count == 0);
        other = empty(&places[1]);
        if (number > 1) {
            FUZZ_CHECK(import(other, before, &again, &error) == BERTH_OK && again == count);
            check_same(other, exported);
        }
    }
    free((void *)(uintptr_t)exported.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + sizeof FIRST_LINE);
    size_t first = size && data[0] == '\n' ? sizeof FIRST_LINE - 1 : 0;
    FUZZ_CHECK(text);
    memcpy(text, FIRST_LINE, first);
    if (size) {
        memcpy(text + first, data, size);
    }
    check(base_str(text, first + size));
    free(text);
    return 0;
}
