/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fault.h"

#include <errno.h>
#include <stddef.h>

static _Thread_local uint32_t countdown;
static _Thread_local bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void fault_fail_allocation(uint32_t n) {
    countdown = n;
    failed = false;
}

bool fault_end(void) {
    countdown = 0;
    return failed;
}

static bool is_due(void) {
    if (countdown == 0 || --countdown > 0) {
        return false;
    }
    failed = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size) {
    return is_due() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return is_due() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return is_due() ? NULL : __real_realloc(old, size);
}
