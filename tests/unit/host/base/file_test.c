/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"
#include "tests/support/temp.h"

static int begin(void **state) {
    char *folder = malloc(TEMP_MAX);
    temp_create(folder);
    *state = folder;
    return 0;
}

static int end(void **state) {
    temp_remove(*state);
    free(*state);
    return 0;
}

static void reads_up_to_its_bound(void **state) {
    char path[TEMP_MAX];
    temp_write(temp_path(path, *state, "f"), "12345", 5);
    static const struct {
        size_t max;
        int32_t code;
    } cases[] = {{4, BERTH_E_TOO_LARGE}, {5, BERTH_OK}, {6, BERTH_OK}, {1u << 20, BERTH_OK}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAULT_EACH_ALLOCATION({
            BASE_BUF_AUTO out;
            base_buf_init(&out, cases[i].max);
            int32_t code = file_read(path, &out, NULL);
            assert_true(code == cases[i].code || code == BERTH_E_NO_MEMORY);
            assert_true(code || base_str_is(base_buf_view(&out), "12345"));
        });
    }
}

static void reads_a_file_of_many_pieces(void **state) {
    char path[TEMP_MAX];
    static char bytes[200000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 31 >> 3);
    }
    temp_write(temp_path(path, *state, "f"), bytes, sizeof bytes);
    BASE_BUF_AUTO out;
    base_buf_init(&out, sizeof bytes);
    assert_int_equal(file_read(path, &out, NULL), BERTH_OK);
    assert_int_equal(out.len, sizeof bytes);
    assert_memory_equal(out.ptr, bytes, sizeof bytes);
}

static void names_what_it_cannot_read(void **state) {
    char path[TEMP_MAX];
    BASE_BUF_AUTO out;
    char hex[FILE_SHA256_LENGTH + 1];
    struct berth_error error = BASE_ERROR_INIT;
    base_buf_init(&out, 100);
    assert_int_equal(file_read(temp_path(path, *state, "none"), &out, &error), BERTH_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "/none]"));
    assert_int_equal(file_read(*state, &out, NULL), BERTH_E_IO);
    assert_int_equal(file_sha256(path, hex, NULL), BERTH_E_NOT_FOUND);
    assert_int_equal(file_sha256(*state, hex, NULL), BERTH_E_IO);
}

static void writes_privately_and_replaces(void **state) {
    char path[TEMP_MAX];
    char other[TEMP_MAX];
    static const char *const texts[] = {"first text", "2", ""};
    temp_path(path, *state, "f");
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        struct stat status;
        assert_int_equal(file_write_private(path, base_cstr(texts[i]), NULL), BERTH_OK);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        size_t len = 0;
        unsigned char *bytes = temp_read(path, &len);
        assert_string_equal((char *)bytes, texts[i]);
        free(bytes);
        assert_int_not_equal(access(temp_path(other, *state, "f.new"), F_OK), 0);
    }
    assert_int_equal(file_write_private(temp_path(other, *state, "no/f"), BERTH_STR("x"), NULL),
                     BERTH_E_NOT_FOUND);
}

static void makes_directories(void **state) {
    char path[TEMP_MAX];
    char below[TEMP_MAX];
    struct stat status;
    for (int again = 0; again <= 1; again++) {
        assert_int_equal(file_make_directory(temp_path(path, *state, "a/b/c"), NULL), BERTH_OK);
        assert_int_equal(stat(path, &status), 0);
        assert_true(S_ISDIR(status.st_mode));
    }
    assert_int_equal(file_make_directory(temp_path(path, *state, "d/"), NULL), BERTH_OK);
    temp_write(temp_path(path, *state, "f"), "", 0);
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(file_make_directory(temp_path(below, *state, "f/g"), &error), BERTH_E_IO);
    assert_non_null(strstr(error.message, "/f/g]"));
}

static void refuses_what_is_no_directory(void **state) {
    char path[TEMP_MAX];
    struct berth_error error = BASE_ERROR_INIT;
    temp_write(temp_path(path, *state, "f"), "", 0);
    assert_int_equal(file_make_directory(path, &error), BERTH_E_IO);
    assert_non_null(strstr(error.message, "/f]"));
    assert_int_equal(file_make_directory("", &error), BERTH_E_INVALID);
}

static void hashes_a_file(void **state) {
    char path[TEMP_MAX];
    char hex[FILE_SHA256_LENGTH + 1];
    temp_write(temp_path(path, *state, "f"), "abc", 3);
    FAULT_EACH_ALLOCATION({
        int32_t code = file_sha256(path, hex, NULL);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
    });
    /* FIPS 180-2, example B.1. */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(reads_up_to_its_bound),
        IN_FOLDER(reads_a_file_of_many_pieces),
        IN_FOLDER(names_what_it_cannot_read),
        IN_FOLDER(writes_privately_and_replaces),
        IN_FOLDER(makes_directories),
        IN_FOLDER(refuses_what_is_no_directory),
        IN_FOLDER(hashes_a_file),
    };
    return cmocka_run_group_tests_name("host.base.file", tests, NULL, NULL);
}
