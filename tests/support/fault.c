/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fault.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>

static _Thread_local uint32_t countdown;
static _Thread_local bool failed;
static _Thread_local const char *watched;
static _Thread_local uint32_t found;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

void fault_fail_allocation(uint32_t n) {
    countdown = n;
    failed = false;
}

bool fault_end(void) {
    countdown = 0;
    return failed;
}

void fault_watch_freed(const char *text) {
    watched = text;
    found = 0;
}

uint32_t fault_found_freed(void) {
    return found;
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

void __wrap_free(void *old) {
    found += old && watched && memmem(old, malloc_usable_size(old), watched, strlen(watched));
    __real_free(old);
}
