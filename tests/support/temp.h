/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory for one test, and small files in it. Failures end the test.
 */
#ifndef TESTS_SUPPORT_TEMP_H
#define TESTS_SUPPORT_TEMP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for a directory, and for a file in it. */
#define TEMP_MAX 256

static inline void temp_create(char out_folder[TEMP_MAX]) {
    const char *above = getenv("TMPDIR");
    (void)snprintf(out_folder, TEMP_MAX, "%.200s/berth-test-XXXXXX", above ? above : "/tmp");
    assert_non_null(mkdtemp(out_folder));
}

static inline int temp_remove_one(const char *path, const struct stat *status, int kind,
                                  struct FTW *where) {
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void temp_remove(const char *folder) {
    assert_int_equal(nftw(folder, temp_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* The path of a file in it; the text is overwritten by the next call of the same buffer. */
static inline const char *temp_path(char out_path[TEMP_MAX], const char *folder, const char *name) {
    assert_in_range(snprintf(out_path, TEMP_MAX, "%s/%s", folder, name), 1, TEMP_MAX - 1);
    return out_path;
}

static inline void temp_write(const char *path, const void *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

/* The bytes of a file; the caller frees them. */
static inline unsigned char *temp_read(const char *path, size_t *out_len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    *out_len = (size_t)status.st_size;
    unsigned char *bytes = malloc(*out_len + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, *out_len), (ssize_t)*out_len);
    bytes[*out_len] = '\0';
    assert_int_equal(close(fd), 0);
    return bytes;
}

#endif
