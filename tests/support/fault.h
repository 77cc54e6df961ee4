/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failure injection: makes the n-th allocation of the calling thread fail.
 *
 * The linker sends malloc, calloc, realloc and free of the test program here (--wrap); those that
 * happen inside shared libraries are not touched.
 */
#ifndef TESTS_SUPPORT_FAULT_H
#define TESTS_SUPPORT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on the n-th allocation (from 1) fails; 0: none does. */
void fault_fail_allocation(uint32_t n);

/* From now on the calling thread's free looks for a text (NULL: no longer) in what it is given. */
void fault_watch_freed(const char *text);

/* How often it was there. */
uint32_t fault_found_freed(void);

/* Whether the allocation that was to fail has come; also ends the injection. */
bool fault_end(void);

/*
 * Runs BODY with the first, the second, ... allocation failing until it passes without one.
 * BODY must leave nothing behind; it sees in `fault_n` which one fails.
 */
#define FAULT_EACH_ALLOCATION(body)                                                                \
    for (uint32_t fault_n = 1, fault_on = 1; fault_on; fault_n++) {                                \
        fault_fail_allocation(fault_n);                                                            \
        body;                                                                                      \
        fault_on = fault_end();                                                                    \
    }

#endif
