/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing JSON values, for paths and schemas: numbers as the exact decimals that they are
 * written as, so that neither 2^53 + 1 nor 0.1 is mistaken for a neighbour; text with its escapes
 * resolved; containers member by member.
 *
 * What is compared was sent by somebody, so all work is paid for out of a budget.
 */
#ifndef ML_REMOTE_JSON_COMPARE_H
#define ML_REMOTE_JSON_COMPARE_H

#include "base/json.h"

/* What an evaluation may still spend. Errors stay: once spent, all further answers are void. */
struct ml_budget {
    uint64_t left;
    int32_t error;             /* BERTH_OK, BERTH_E_LIMIT or BERTH_E_NO_MEMORY */
    struct base_arena scratch; /* for text with escapes; empty until there is one */
};

void ml_budget_init(struct ml_budget *budget, uint64_t work);
void ml_budget_deinit(struct ml_budget *budget);
#define ML_BUDGET_AUTO __attribute__((cleanup(ml_budget_deinit))) struct ml_budget

/* False, and the error set, when there is not so much left. */
bool ml_budget_spend(struct ml_budget *budget, uint64_t work);

/* A string's text; in the scratch memory if it has escapes. False: no memory, or all is spent. */
bool ml_budget_text(struct ml_budget *budget, struct json_value string, struct berth_str *out_text);

/* A decimal number: a view of its significant digits and their powers of ten. */
struct ml_decimal {
    struct berth_str digits; /* from the first that is not 0 to the last; a point may be among them;
                                empty: the number is 0 */
    int64_t high;            /* power of ten of the first digit */
    int64_t low;             /* power of ten of the last digit */
    bool negative;
};

/* text is a number as JSON has it. */
struct ml_decimal ml_decimal_read(struct berth_str text);

/* Below, at or above 0, as a is to b. */
int ml_decimal_compare(const struct ml_decimal *a, const struct ml_decimal *b);

/* Whether the value is whole, however it is written. */
bool ml_decimal_is_integer(const struct ml_decimal *number);

/* The digits of a divisor as an integer; false when they are too many or it is not above 0. */
bool ml_decimal_divisor(const struct ml_decimal *number, uint64_t *out_digits);

/* Whether value is a whole multiple of a divisor, whose digits ml_decimal_divisor gave. */
bool ml_decimal_is_multiple(const struct ml_decimal *value, const struct ml_decimal *divisor,
                            uint64_t digits);

/* Deep equality: 1 and 1.0 are equal, and the order of an object's members does not count. */
bool ml_json_equal(struct ml_budget *budget, struct json_value a, struct json_value b);

/* Whether two elements of an array are equal; the places of the first such pair. */
bool ml_json_find_twins(struct ml_budget *budget, struct json_value array, size_t *out_first,
                        size_t *out_second);

#endif
