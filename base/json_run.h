/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long runs of what JSON mostly consists of, taken many bytes at a time. Internal to json*.c.
 *
 * Each function only goes forward over what is certainly right, and may stop early: what it does
 * not know, the scanner looks at byte by byte, and finds the error if it is one. So all ways to
 * compute them accept the same texts and tell the same errors.
 */
#ifndef BASE_JSON_RUN_H
#define BASE_JSON_RUN_H

#include <stdint.h>

/* Within a string: behind plain ASCII; at a quote, a backslash, a control or non-ASCII byte, end.
 */
const unsigned char *json_run_plain(const unsigned char *p, const unsigned char *end);

/*
 * Within an array, where a value is expected: behind the last comma of numbers without exponents
 * and commas between them; p itself where there is none. White space may stand between.
 */
const unsigned char *json_run_numbers(const unsigned char *p, const unsigned char *end);

/* How many commas there are. */
uint64_t json_run_commas(const unsigned char *p, const unsigned char *end);

#endif
