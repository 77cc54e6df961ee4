/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share: a check that stays in every build, and cutting the input.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

/* A property that does not hold is a finding, as a fault of memory is. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: the property does not hold: %s\n", __FILE__, __LINE__,   \
                          #condition);                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static inline struct berth_str fuzz_text(const uint8_t *data, size_t size) {
    return base_str((const char *)data, size);
}

/* Takes what stands before the next line that is "---" off the front of *rest, or all of it. */
static inline struct berth_str fuzz_part(struct berth_str *rest) {
    const char *mark = rest->len ? memmem(rest->ptr, BASE_LEN(*rest), "\n---\n", 5) : NULL;
    uint64_t at = mark ? (uint64_t)(mark - rest->ptr) : rest->len;
    struct berth_str part = base_str_slice(*rest, 0, at);
    *rest = mark ? base_str_from(*rest, at + 5) : base_str_from(*rest, rest->len);
    return part;
}

#endif
