/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as lines: out and in again, and what of them is refused. @engines */
#include "host/store/transfer.h"

#include "tests/support/store.h"

#include <errno.h>

#define FIRST "{\"berth_documents\":1}\n"
#define LINE(index, id, source)                                                                    \
    "{\"index\":\"" index "\",\"id\":\"" id "\",\"source\":" source "}\n"

static int32_t import(struct test_store *t, const char *text, uint64_t *out_count,
                      struct berth_error *error) {
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(in);
    int32_t code = transfer_import(t->store, in, out_count, error);
    assert_int_equal(fclose(in), 0);
    return code;
}

static void assert_exported(struct test_store *t, const char *expected) {
    struct berth_error error = BASE_ERROR_INIT;
    char *text = NULL;
    size_t len = 0;
    uint64_t count = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(transfer_export(t->store, out, &count, &error), BERTH_OK);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void documents_come_in_and_out(void **state) {
    static const char text[] =
        FIRST LINE("a", "1", "{\"n\":1.0e+2}") LINE("a", "x/\\\"", "{}") LINE("b", "1", "{}");
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    uint64_t count = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(import(t, text, &count, &error), BERTH_OK);
        assert_int_equal(count, 3);
        assert_exported(t, text);
    }
}

/* The last one counts, however its name is written. */
static void a_document_may_come_again(void **state) {
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    uint64_t count = 0;
    assert_int_equal(import(t,
                            FIRST LINE("a", "b", "{}") LINE("a", "b", "{\"n\":1}")
                                LINE("a", "\\u0062", "{\"n\":2}"),
                            &count, &error),
                     BERTH_OK);
    assert_int_equal(count, 3);
    assert_exported(t, FIRST LINE("a", "b", "{\"n\":2}"));
}

/* What lies before it is written, what comes behind is not. */
static void a_line_that_is_none_is_named(void **state) {
    static char id[BERTH_ID_MAX + 2];
    static char index[BERTH_INDEX_NAME_MAX + 2];
    static const char *const lines[] = {
        "{\n",
        "\n",
        "[]\n",
        LINE("a", "2", "[]"),
        LINE("a", "", "{}"),
        LINE("", "2", "{}"),
        LINE("a/b", "2", "{}"),
        "{\"index\":\"a\",\"id\":\"%s\",\"source\":{}}\n",
        "{\"index\":\"%s\",\"id\":\"2\",\"source\":{}}\n",
    };
    struct test_store *t = *state;
    memset(id, 'i', sizeof id - 1);
    memset(index, 'i', sizeof index - 1);
    for (size_t i = 0; i < BASE_COUNT(lines); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        char line[1024];
        char text[2048];
        uint64_t count = 0;
        (void)snprintf(line, sizeof line, lines[i], strstr(lines[i], "\"id\":\"%") ? id : index);
        (void)snprintf(text, sizeof text,
                       "%s{\"index\":\"a\",\"id\":\"1\",\"source\":{\"n\":%zu}}\n%s%s", FIRST, i,
                       line, LINE("a", "3", "{}"));
        assert_int_equal(import(t, text, &count, &error), BERTH_E_PARSE);
        assert_int_equal(count, 1);
        assert_int_equal(strncmp(error.message, "line 3: ", 8), 0);
        (void)snprintf(text, sizeof text,
                       "%s{\"index\":\"a\",\"id\":\"1\",\"source\":{\"n\":%zu}}\n", FIRST, i);
        assert_exported(t, text);
    }
}

static void a_file_begins_with_its_version(void **state) {
    static const char *const texts[] = {"\n", "{}", "{\"berth_documents\":2}\n",
                                        LINE("a", "1", "{}")};
    struct test_store *t = *state;
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        uint64_t count = 0;
        assert_int_equal(import(t, texts[i], &count, &error), BERTH_E_PARSE);
        assert_int_equal(count, 0);
        assert_int_equal(strncmp(error.message, "line 1: ", 8), 0);
    }
}

/* Gives one piece, then fails as a disk does. */
static ssize_t read_once(void *cookie, char *to, size_t size) {
    const char **text = cookie;
    size_t len = strlen(*text);
    if (len == 0 || len > size) {
        errno = EIO;
        return -1;
    }
    memcpy(to, *text, len);
    *text += len;
    return (ssize_t)len;
}

static void a_file_that_cannot_be_read_on_is_no_shorter_one(void **state) {
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    const char *text = FIRST LINE("a", "1", "{}");
    uint64_t count = 0;
    FILE *in = fopencookie(&text, "r", (cookie_io_functions_t){.read = read_once});
    assert_non_null(in);
    assert_int_equal(transfer_import(t->store, in, &count, &error), BERTH_E_IO);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(count, 1);
    assert_int_equal(strncmp(error.message, "line 3: ", 8), 0);
}

static void nest(struct base_buf *out, int depth) {
    base_buf_clear(out);
    for (int i = 1; i < depth; i++) {
        base_buf_cstr(out, "{\"a\":");
    }
    base_buf_cstr(out, "{}");
    for (int i = 1; i < depth; i++) {
        base_buf_char(out, '}');
    }
}

/* What can be written can be exported, and imported again: a line is deeper than its document. */
static void the_deepest_document_comes_in_and_out(void **state) {
    enum { DEEPEST = 500 };
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    uint64_t count = 0;
    BASE_BUF_AUTO source;
    BASE_BUF_AUTO text;
    base_buf_init(&source, 65536);
    base_buf_init(&text, 65536);
    declare_index(t->store, "a", "");
    for (int depth = DEEPEST + 1; depth >= DEEPEST; depth--) {
        nest(&source, depth);
        struct berth_write write = make_write(BERTH_WRITE_PUT, "a", "1", "");
        write.source = base_buf_view(&source);
        assert_int_equal(store_write(t->store, &write, 1, NULL, &error),
                         depth == DEEPEST ? BERTH_OK : BERTH_E_INVALID);
    }
    assert_non_null(strstr(error.message, "nested at most 500 deep"));
    base_buf_cstr(&text, FIRST "{\"index\":\"a\",\"id\":\"1\",\"source\":");
    base_buf_str(&text, base_buf_view(&source));
    base_buf_cstr(&text, "}\n");
    base_buf_char(&text, '\0');
    assert_exported(t, text.ptr);
    assert_int_equal(import(t, text.ptr, &count, &error), BERTH_OK);
    assert_int_equal(count, 1);
    nest(&source, DEEPEST + 1);
    base_buf_clear(&text);
    base_buf_cstr(&text, FIRST "{\"index\":\"a\",\"id\":\"2\",\"source\":");
    base_buf_str(&text, base_buf_view(&source));
    base_buf_cstr(&text, "}\n");
    base_buf_char(&text, '\0');
    assert_int_equal(import(t, text.ptr, &count, &error), BERTH_E_PARSE);
    assert_non_null(strstr(error.message, "line 2: [source] is nested at most 500 deep"));
}

/* A transaction of etcd takes either of them, and not both. */
static void a_large_document_is_written_alone(void **state) {
    static const size_t sizes[] = {250000, 1400000};
    struct test_store *t = *state;
    struct berth_error error = BASE_ERROR_INIT;
    uint64_t count = 0;
    BASE_BUF_AUTO text;
    base_buf_init(&text, (size_t)4 << 20);
    base_buf_cstr(&text, FIRST);
    for (size_t i = 0; i < BASE_COUNT(sizes); i++) {
        base_buf_format(&text, "{\"index\":\"a\",\"id\":\"%zu\",\"source\":{\"t\":\"", i);
        char *to = base_buf_reserve(&text, sizes[i]);
        assert_non_null(to);
        memset(to, 'x', sizes[i]);
        text.len += sizes[i];
        base_buf_cstr(&text, "\"}}\n");
    }
    base_buf_char(&text, '\0');
    assert_int_equal(text.error, BERTH_OK);
    assert_int_equal(import(t, text.ptr, &count, &error), BERTH_OK);
    assert_int_equal(count, 2);
    assert_exported(t, text.ptr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(documents_come_in_and_out),
        WITH_STORE(a_document_may_come_again),
        WITH_STORE(a_line_that_is_none_is_named),
        WITH_STORE(a_file_begins_with_its_version),
        WITH_STORE(a_file_that_cannot_be_read_on_is_no_shorter_one),
        WITH_STORE(the_deepest_document_comes_in_and_out),
        WITH_STORE(a_large_document_is_written_alone),
    };
    return cmocka_run_group_tests_name("host.store.transfer", tests, NULL, NULL);
}
