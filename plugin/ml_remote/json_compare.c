/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/json_compare.h"

#include <stdlib.h>

#define SCRATCH_CHUNK 4096
/* Text is paid for by this many bytes. */
#define BYTES_PER_WORK 64
/* Powers of ten beyond this are all alike: no number that can be written differs in them alone. */
#define EXPONENT_MAX 1000000000000000

/* A product of two 64-bit numbers. */
__extension__ typedef unsigned __int128 wide;

void ml_budget_init(struct ml_budget *budget, uint64_t work) {
    *budget = (struct ml_budget){.left = work};
    base_arena_init(&budget->scratch, SCRATCH_CHUNK);
}

void ml_budget_deinit(struct ml_budget *budget) {
    base_arena_deinit(&budget->scratch);
}

bool ml_budget_spend(struct ml_budget *budget, uint64_t work) {
    if (budget->error) {
        return false;
    }
    if (budget->left < work) {
        budget->left = 0;
        budget->error = BERTH_E_LIMIT;
        return false;
    }
    budget->left -= work;
    return true;
}

bool ml_budget_text(struct ml_budget *budget, struct json_value string,
                    struct berth_str *out_text) {
    if (!ml_budget_spend(budget, 1 + json_inner(string).len / BYTES_PER_WORK)) {
        return false;
    }
    if (!json_string(string, &budget->scratch, out_text)) {
        budget->error = BERTH_E_NO_MEMORY;
        return false;
    }
    /* What took memory is paid for in full, so that there is a bound for that as well. */
    return out_text->ptr == json_inner(string).ptr || ml_budget_spend(budget, out_text->len);
}

/* ---- numbers ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* What follows the letter e; saturates. */
static int64_t read_exponent(struct berth_str text) {
    bool negative = text.len && text.ptr[0] == '-';
    int64_t value = 0;
    for (uint64_t i = 0; i < text.len && value < EXPONENT_MAX; i++) {
        if (is_digit(text.ptr[i])) {
            value = value * 10 + (text.ptr[i] - '0');
        }
    }
    return negative ? -value : value;
}

static bool is_significant(char c) {
    return c >= '1' && c <= '9';
}

struct ml_decimal ml_decimal_read(struct berth_str text) {
    uint64_t end = base_str_find(text, 'e');
    if (end == text.len) {
        end = base_str_find(text, 'E');
    }
    int64_t exponent = end < text.len ? read_exponent(base_str_from(text, end + 1)) : 0;
    uint64_t point = base_str_find(base_str_slice(text, 0, end), '.');
    uint64_t first = 0;
    uint64_t last = end;
    while (first < end && !is_significant(text.ptr[first])) {
        first++;
    }
    if (first == end) {
        return (struct ml_decimal){.digits = base_str("", 0)};
    }
    while (!is_significant(text.ptr[last - 1])) {
        last--;
    }
    last--;
    int64_t units = (int64_t)point - 1;
    return (struct ml_decimal){
        .digits = base_str_slice(text, first, last + 1),
        .high = exponent + units - (int64_t)first + (first > point),
        .low = exponent + units - (int64_t)last + (last > point),
        .negative = text.ptr[0] == '-',
    };
}

/* The next digit of a view, over the point; -1 at the end. */
static int next_digit(struct berth_str *digits) {
    if (digits->len && digits->ptr[0] == '.') {
        *digits = base_str_from(*digits, 1);
    }
    if (!digits->len) {
        return -1;
    }
    int digit = digits->ptr[0] - '0';
    *digits = base_str_from(*digits, 1);
    return digit;
}

static int compare_sizes(const struct ml_decimal *a, const struct ml_decimal *b) {
    if (a->high != b->high) {
        return a->high < b->high ? -1 : 1;
    }
    struct berth_str left = a->digits;
    struct berth_str right = b->digits;
    for (;;) {
        int l = next_digit(&left);
        int r = next_digit(&right);
        if (l != r) {
            return l < r ? -1 : 1;
        }
        if (l < 0) {
            return 0;
        }
    }
}

static int sign(const struct ml_decimal *number) {
    return number->digits.len == 0 ? 0 : number->negative ? -1 : 1;
}

int ml_decimal_compare(const struct ml_decimal *a, const struct ml_decimal *b) {
    if (sign(a) != sign(b)) {
        return sign(a) < sign(b) ? -1 : 1;
    }
    return sign(a) == 0 ? 0 : sign(a) * compare_sizes(a, b);
}

bool ml_decimal_is_integer(const struct ml_decimal *number) {
    return number->digits.len == 0 || number->low >= 0;
}

bool ml_decimal_divisor(const struct ml_decimal *number, uint64_t *out_digits) {
    uint64_t value = 0;
    struct berth_str digits = number->digits;
    for (int digit = next_digit(&digits); digit >= 0; digit = next_digit(&digits)) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    *out_digits = value;
    return sign(number) > 0;
}

static uint64_t multiply(uint64_t a, uint64_t b, uint64_t modulus) {
    return (uint64_t)((wide)a * b % modulus);
}

bool ml_decimal_is_multiple(const struct ml_decimal *value, const struct ml_decimal *divisor,
                            uint64_t digits) {
    if (value->digits.len == 0) {
        return true;
    }
    /* The digits do not end in 0, so that they cannot hold the power of ten that is missing. */
    if (value->low < divisor->low) {
        return false;
    }
    uint64_t rest = 0;
    struct berth_str left = value->digits;
    for (int digit = next_digit(&left); digit >= 0; digit = next_digit(&left)) {
        rest = (uint64_t)(((wide)rest * 10 + (unsigned)digit) % digits);
    }
    uint64_t ten = 10 % digits;
    for (uint64_t power = (uint64_t)(value->low - divisor->low); power; power >>= 1) {
        if (power & 1) {
            rest = multiply(rest, ten, digits);
        }
        ten = multiply(ten, ten, digits);
    }
    return rest == 0;
}

/* ---- values ---- */

static bool equal_arrays(struct ml_budget *budget, struct json_value a, struct json_value b) {
    struct json_value right = json_first(b);
    for (struct json_value left = json_first(a); json_present(left); left = json_next(a, left)) {
        if (!json_present(right) || !ml_json_equal(budget, left, right)) {
            return false;
        }
        right = json_next(b, right);
    }
    return !json_present(right);
}

static bool equal_objects(struct ml_budget *budget, struct json_value a, struct json_value b) {
    size_t count = json_count(a);
    if (!ml_budget_spend(budget, count) || count != json_count(b)) {
        return false;
    }
    for (struct json_value key = json_first(a); json_present(key);) {
        struct json_value left = json_next(a, key);
        struct berth_str name;
        if (!ml_budget_spend(budget, count) || !ml_budget_text(budget, key, &name)) {
            return false;
        }
        struct json_value right = json_get_str(b, name);
        if (!json_present(right) || !ml_json_equal(budget, left, right)) {
            return false;
        }
        key = json_next(a, left);
    }
    return true;
}

bool ml_json_equal(struct ml_budget *budget, struct json_value a, struct json_value b) {
    enum json_type type = json_type(a);
    if (!ml_budget_spend(budget, 1) || type != json_type(b)) {
        return false;
    }
    struct berth_str text;
    struct ml_decimal left;
    struct ml_decimal right;
    switch (type) {
    case JSON_NUMBER:
        left = ml_decimal_read(json_raw(a));
        right = ml_decimal_read(json_raw(b));
        return ml_decimal_compare(&left, &right) == 0;
    case JSON_STRING:
        return ml_budget_text(budget, a, &text) && json_string_is(b, text);
    case JSON_ARRAY:
        return equal_arrays(budget, a, b);
    case JSON_OBJECT:
        return equal_objects(budget, a, b);
    default:
        return true;
    }
}

/* ---- twins: equal values have equal hashes, so only neighbours by hash are compared ---- */

static uint64_t mix(uint64_t hash, uint64_t more) {
    hash = (hash ^ more) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 32);
}

static uint64_t hash_number(struct berth_str text) {
    struct ml_decimal number = ml_decimal_read(text);
    uint64_t hash = mix((uint64_t)sign(&number), (uint64_t)number.high);
    for (int digit = next_digit(&number.digits); digit >= 0; digit = next_digit(&number.digits)) {
        hash = mix(hash, (uint64_t)digit);
    }
    return hash;
}

static uint64_t hash_of(struct ml_budget *budget, struct json_value value) {
    uint64_t hash = (uint64_t)json_type(value);
    struct berth_str text = {NULL, 0};
    if (!ml_budget_spend(budget, 1)) {
        return 0;
    }
    switch (json_type(value)) {
    case JSON_NUMBER:
        return mix(hash, hash_number(json_raw(value)));
    case JSON_STRING:
        return ml_budget_text(budget, value, &text) ? mix(hash, base_str_hash(text)) : 0;
    case JSON_ARRAY:
        for (struct json_value v = json_first(value); json_present(v); v = json_next(value, v)) {
            hash = mix(hash, hash_of(budget, v));
        }
        return hash;
    case JSON_OBJECT:
        /* A sum, since the order of members does not count. */
        for (struct json_value key = json_first(value); json_present(key);) {
            struct json_value v = json_next(value, key);
            hash += mix(hash_of(budget, key), hash_of(budget, v));
            key = json_next(value, v);
        }
        return hash;
    default:
        return hash;
    }
}

struct hashed {
    uint64_t hash;
    size_t place;
    struct json_value value;
};

static int compare_hashed(const void *a, const void *b) {
    const struct hashed *left = a;
    const struct hashed *right = b;
    if (left->hash != right->hash) {
        return left->hash < right->hash ? -1 : 1;
    }
    return (left->place > right->place) - (left->place < right->place);
}

bool ml_json_find_twins(struct ml_budget *budget, struct json_value array, size_t *out_first,
                        size_t *out_second) {
    size_t count = json_count(array);
    struct hashed *list = base_arena_array(&budget->scratch, count, sizeof *list);
    if (!list) {
        budget->error = BERTH_E_NO_MEMORY;
        return false;
    }
    size_t place = 0;
    for (struct json_value v = json_first(array); json_present(v); v = json_next(array, v)) {
        list[place] = (struct hashed){hash_of(budget, v), place, v};
        place++;
    }
    qsort(list, count, sizeof *list, compare_hashed);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count && list[j].hash == list[i].hash; j++) {
            if (ml_json_equal(budget, list[i].value, list[j].value)) {
                *out_first = list[i].place;
                *out_second = list[j].place;
                return true;
            }
        }
    }
    return false;
}
