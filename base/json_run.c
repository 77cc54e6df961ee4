/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64 bytes at a time, a bit for each: with SSE2 where the processor's kind has it always, else by
 * arithmetic on eight bytes. The grammar is then a matter of shifts and sums of these bits.
 */
#include "base/json_run.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 64

/* One bit for each byte of a block, the first byte's the lowest. */
struct classes {
    uint64_t digit;
    uint64_t zero;
    uint64_t minus;
    uint64_t dot;
    uint64_t comma;
    uint64_t space;
};

#if defined(__SSE2__) && !defined(JSON_RUN_PLAIN)

#include <emmintrin.h>

static inline uint64_t bits(__m128i marked) {
    return (uint64_t)(uint32_t)_mm_movemask_epi8(marked);
}

static inline __m128i is(__m128i bytes, char c) {
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

static inline __m128i at_most(__m128i bytes, char c) {
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(c)), bytes);
}

static inline void classify(const unsigned char *p, struct classes *out) {
    *out = (struct classes){0};
    for (int i = 0; i < BLOCK; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        out->digit |= bits(at_most(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), 9)) << i;
        out->zero |= bits(is(bytes, '0')) << i;
        out->minus |= bits(is(bytes, '-')) << i;
        out->dot |= bits(is(bytes, '.')) << i;
        out->comma |= bits(is(bytes, ',')) << i;
        out->space |= bits(at_most(bytes, ' ')) << i;
    }
    if (out->space) {
        out->space = 0;
        for (int i = 0; i < BLOCK; i += 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
            __m128i blank = _mm_or_si128(is(bytes, ' '), is(bytes, '\t'));
            __m128i line = _mm_or_si128(is(bytes, '\n'), is(bytes, '\r'));
            out->space |= bits(_mm_or_si128(blank, line)) << i;
        }
    }
}

const unsigned char *json_run_plain(const unsigned char *p, const unsigned char *end) {
    while (end - p >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* As signed numbers, what is not ASCII is below a blank too. */
        __m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
        other = _mm_or_si128(other, _mm_or_si128(is(bytes, '"'), is(bytes, '\\')));
        uint64_t marked = bits(other);
        if (marked) {
            return p + __builtin_ctzll(marked);
        }
        p += 16;
    }
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80) {
        p++;
    }
    return p;
}

#else

/* The high bit of each byte of v that is below n, for bytes below 0x80. */
static inline uint64_t below(uint64_t v, unsigned char n) {
    const uint64_t ones = 0x0101010101010101u;
    return ~((v | ones << 7) - ones * n) & ~v & ones << 7;
}

/* Whether one of eight bytes ends a run of plain ASCII. */
static inline bool has_special(uint64_t eight) {
    const uint64_t ones = 0x0101010101010101u;
    return (eight & ones << 7) || below(eight, ' ') || below(eight ^ ones * '"', 1) ||
           below(eight ^ ones * '\\', 1);
}

static inline void classify(const unsigned char *p, struct classes *out) {
    *out = (struct classes){0};
    for (int i = 0; i < BLOCK; i++) {
        uint64_t bit = (uint64_t)1 << i;
        unsigned char c = p[i];
        out->digit |= c >= '0' && c <= '9' ? bit : 0;
        out->zero |= c == '0' ? bit : 0;
        out->minus |= c == '-' ? bit : 0;
        out->dot |= c == '.' ? bit : 0;
        out->comma |= c == ',' ? bit : 0;
        out->space |= c == ' ' || c == '\t' || c == '\n' || c == '\r' ? bit : 0;
    }
}

const unsigned char *json_run_plain(const unsigned char *p, const unsigned char *end) {
    uint64_t eight;
    for (; end - p >= 8; p += 8) {
        memcpy(&eight, p, sizeof eight);
        if (has_special(eight)) {
            break;
        }
    }
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80) {
        p++;
    }
    return p;
}

#endif

/* What the bytes before a block mean for its first one. */
struct carry {
    uint64_t value;    /* a value is expected, blanks apart */
    uint64_t number;   /* the byte before belongs to a number */
    uint64_t digit;    /* it is a digit */
    uint64_t sign;     /* it is a minus */
    uint64_t dot;      /* it is a dot */
    uint64_t fraction; /* it is a digit behind a dot, or the dot */
    uint64_t zero;     /* it is a zero that begins a number */
};

static inline uint64_t add(uint64_t a, uint64_t b, uint64_t *carry) {
    uint64_t sum;
    bool over = __builtin_add_overflow(a, b, &sum);
    over |= __builtin_add_overflow(sum, *carry, &sum);
    *carry = over;
    return sum;
}

/*
 * A bit for each byte at which it shows that the block is no list of numbers. A sum of a run of
 * ones and a one at its start has a one behind the run: so "somewhere later" becomes arithmetic.
 */
static inline uint64_t faults(const struct classes *c, struct carry *carry) {
    uint64_t number = c->digit | c->minus | c->dot;
    uint64_t start = number & ~(number << 1 | carry->number);
    /* Behind each comma, and blanks, a number begins; and none anywhere else. */
    uint64_t expected = add(c->space, c->comma << 1, &carry->value);
    carry->value |= c->comma >> 63;
    uint64_t fault = (expected & ~c->space) ^ start;
    uint64_t behind_sign = c->minus << 1 | carry->sign;
    uint64_t behind_dot = c->dot << 1 | carry->dot;
    uint64_t behind_digit = c->digit << 1 | carry->digit;
    fault |= c->minus & ~start;
    fault |= (behind_sign | behind_dot) & ~c->digit;
    fault |= c->dot & ~behind_digit;
    /* A second dot behind the digits of a fraction. */
    fault |= add(c->digit, c->dot << 1, &carry->fraction) & ~c->digit & c->dot;
    carry->fraction |= c->dot >> 63;
    /* A zero begins a number only where it is all of its digits before the dot. */
    uint64_t leading = c->zero & (start | (behind_sign & c->digit));
    fault |= (leading << 1 | carry->zero) & c->digit;
    carry->zero = leading >> 63;
    carry->number = number >> 63;
    carry->digit = c->digit >> 63;
    carry->sign = c->minus >> 63;
    carry->dot = c->dot >> 63;
    return fault;
}

const unsigned char *json_run_numbers(const unsigned char *p, const unsigned char *end) {
    const unsigned char *behind = p;
    struct carry carry = {.value = 1};
    struct classes c;
    for (; end - p >= BLOCK; p += BLOCK) {
        classify(p, &c);
        uint64_t other = ~(c.digit | c.minus | c.dot | c.comma | c.space);
        uint64_t fault = faults(&c, &carry) | other;
        /* Up to the first fault, which may only show behind what is wrong. */
        uint64_t good = fault ? (fault & -fault) - 1 : ~(uint64_t)0;
        uint64_t commas = c.comma & good;
        if (commas) {
            behind = p + (BLOCK - __builtin_clzll(commas));
        }
        if (fault) {
            break;
        }
    }
    return behind;
}

uint64_t json_run_commas(const unsigned char *p, const unsigned char *end) {
    uint64_t count = 0;
    struct classes c;
    for (; end - p >= BLOCK; p += BLOCK) {
        classify(p, &c);
        count += (uint64_t)__builtin_popcountll(c.comma);
    }
    for (; p < end; p++) {
        count += *p == ',';
    }
    return count;
}
