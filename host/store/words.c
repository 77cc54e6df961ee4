/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/words.h"

#include "base/utf8.h"

/* What annex 29 calls a character's word-break property, as far as it matters here. */
enum word_class {
    CLASS_OTHER,
    CLASS_LETTER,
    CLASS_DIGIT,
    CLASS_KATAKANA,
    CLASS_ALONE,      /* a word by itself */
    CLASS_JOINER,     /* underscores: join whatever they touch */
    CLASS_EXTEND,     /* marks that belong to the character before */
    CLASS_MID_LETTER, /* joins letters when it stands between two */
    CLASS_MID_DIGIT,
    CLASS_MID_BOTH,
};

struct class_range {
    uint32_t first;
    uint32_t last;
    enum word_class class;
};

/* In order. What is not listed is a letter: most of Unicode's scripts are. */
static const struct class_range classes[] = {
    {0x0000, 0x0026, CLASS_OTHER},      {0x0027, 0x0027, CLASS_MID_BOTH},
    {0x0028, 0x002b, CLASS_OTHER},      {0x002c, 0x002c, CLASS_MID_DIGIT},
    {0x002d, 0x002d, CLASS_OTHER},      {0x002e, 0x002e, CLASS_MID_BOTH},
    {0x002f, 0x002f, CLASS_OTHER},      {0x0030, 0x0039, CLASS_DIGIT},
    {0x003a, 0x003a, CLASS_MID_LETTER}, {0x003b, 0x003b, CLASS_MID_DIGIT},
    {0x003c, 0x0040, CLASS_OTHER},      {0x005b, 0x005e, CLASS_OTHER},
    {0x005f, 0x005f, CLASS_JOINER},     {0x0060, 0x0060, CLASS_OTHER},
    {0x007b, 0x00a9, CLASS_OTHER},      {0x00ab, 0x00ac, CLASS_OTHER},
    {0x00ad, 0x00ad, CLASS_EXTEND},     {0x00ae, 0x00b4, CLASS_OTHER},
    {0x00b6, 0x00b6, CLASS_OTHER},      {0x00b7, 0x00b7, CLASS_MID_LETTER},
    {0x00b8, 0x00b9, CLASS_OTHER},      {0x00bb, 0x00bf, CLASS_OTHER},
    {0x00d7, 0x00d7, CLASS_OTHER},      {0x00f7, 0x00f7, CLASS_OTHER},
    {0x02c2, 0x02c5, CLASS_OTHER},      {0x02d2, 0x02df, CLASS_OTHER},
    {0x0300, 0x036f, CLASS_EXTEND},     {0x037e, 0x037e, CLASS_MID_DIGIT},
    {0x0387, 0x0387, CLASS_MID_LETTER}, {0x0483, 0x0489, CLASS_EXTEND},
    {0x055a, 0x055f, CLASS_OTHER},      {0x0589, 0x0589, CLASS_MID_DIGIT},
    {0x058a, 0x058f, CLASS_OTHER},      {0x0591, 0x05bd, CLASS_EXTEND},
    {0x05be, 0x05be, CLASS_OTHER},      {0x05bf, 0x05bf, CLASS_EXTEND},
    {0x05c0, 0x05c0, CLASS_OTHER},      {0x05c1, 0x05c2, CLASS_EXTEND},
    {0x05c3, 0x05c3, CLASS_OTHER},      {0x05c4, 0x05c5, CLASS_EXTEND},
    {0x05c6, 0x05c6, CLASS_OTHER},      {0x05c7, 0x05c7, CLASS_EXTEND},
    {0x05f4, 0x05f4, CLASS_MID_LETTER}, {0x0600, 0x060b, CLASS_OTHER},
    {0x060c, 0x060c, CLASS_MID_DIGIT},  {0x060d, 0x060f, CLASS_OTHER},
    {0x0610, 0x061a, CLASS_EXTEND},     {0x061b, 0x061f, CLASS_OTHER},
    {0x064b, 0x065f, CLASS_EXTEND},     {0x0660, 0x0669, CLASS_DIGIT},
    {0x066a, 0x066a, CLASS_OTHER},      {0x066b, 0x066b, CLASS_DIGIT},
    {0x066c, 0x066c, CLASS_MID_DIGIT},  {0x066d, 0x066d, CLASS_OTHER},
    {0x0670, 0x0670, CLASS_EXTEND},     {0x06d4, 0x06d4, CLASS_OTHER},
    {0x06d6, 0x06dc, CLASS_EXTEND},     {0x06f0, 0x06f9, CLASS_DIGIT},
    {0x0700, 0x070d, CLASS_OTHER},      {0x0964, 0x0965, CLASS_OTHER},
    {0x0966, 0x096f, CLASS_DIGIT},      {0x09e6, 0x09ef, CLASS_DIGIT},
    {0x0a66, 0x0a6f, CLASS_DIGIT},      {0x0ae6, 0x0aef, CLASS_DIGIT},
    {0x0b66, 0x0b6f, CLASS_DIGIT},      {0x0be6, 0x0bef, CLASS_DIGIT},
    {0x0c66, 0x0c6f, CLASS_DIGIT},      {0x0ce6, 0x0cef, CLASS_DIGIT},
    {0x0d66, 0x0d6f, CLASS_DIGIT},      {0x0e3f, 0x0e3f, CLASS_OTHER},
    {0x0e4f, 0x0e4f, CLASS_OTHER},      {0x0e50, 0x0e59, CLASS_DIGIT},
    {0x0e5a, 0x0e5b, CLASS_OTHER},      {0x0ed0, 0x0ed9, CLASS_DIGIT},
    {0x0f20, 0x0f29, CLASS_DIGIT},      {0x1040, 0x1049, CLASS_DIGIT},
    {0x104a, 0x104f, CLASS_OTHER},      {0x10fb, 0x10fb, CLASS_OTHER},
    {0x1360, 0x1368, CLASS_OTHER},      {0x1400, 0x1400, CLASS_OTHER},
    {0x1680, 0x1680, CLASS_OTHER},      {0x17d4, 0x17db, CLASS_OTHER},
    {0x17e0, 0x17e9, CLASS_DIGIT},      {0x1800, 0x180a, CLASS_OTHER},
    {0x1ab0, 0x1aff, CLASS_EXTEND},     {0x1dc0, 0x1dff, CLASS_EXTEND},
    {0x2000, 0x200b, CLASS_OTHER},      {0x200c, 0x200f, CLASS_EXTEND},
    {0x2010, 0x2017, CLASS_OTHER},      {0x2018, 0x2019, CLASS_MID_BOTH},
    {0x201a, 0x2023, CLASS_OTHER},      {0x2024, 0x2024, CLASS_MID_BOTH},
    {0x2025, 0x2026, CLASS_OTHER},      {0x2027, 0x2027, CLASS_MID_LETTER},
    {0x2028, 0x2029, CLASS_OTHER},      {0x202a, 0x202e, CLASS_EXTEND},
    {0x202f, 0x203e, CLASS_OTHER},      {0x203f, 0x2040, CLASS_JOINER},
    {0x2041, 0x2043, CLASS_OTHER},      {0x2044, 0x2044, CLASS_MID_DIGIT},
    {0x2045, 0x2053, CLASS_OTHER},      {0x2054, 0x2054, CLASS_JOINER},
    {0x2055, 0x205f, CLASS_OTHER},      {0x2060, 0x206f, CLASS_EXTEND},
    {0x2070, 0x2070, CLASS_OTHER},      {0x2072, 0x207e, CLASS_OTHER},
    {0x2080, 0x208f, CLASS_OTHER},      {0x20a0, 0x20cf, CLASS_OTHER},
    {0x20d0, 0x20ff, CLASS_EXTEND},     {0x2190, 0x24b5, CLASS_OTHER},
    {0x24ea, 0x2bff, CLASS_OTHER},      {0x2e00, 0x2e7f, CLASS_OTHER},
    {0x2e80, 0x2fdf, CLASS_ALONE},      {0x2fe0, 0x3004, CLASS_OTHER},
    {0x3005, 0x3007, CLASS_ALONE},      {0x3008, 0x3020, CLASS_OTHER},
    {0x3021, 0x3029, CLASS_ALONE},      {0x302a, 0x302f, CLASS_EXTEND},
    {0x3030, 0x3030, CLASS_OTHER},      {0x3031, 0x3035, CLASS_KATAKANA},
    {0x3036, 0x3040, CLASS_OTHER},      {0x3041, 0x3098, CLASS_ALONE},
    {0x3099, 0x309a, CLASS_EXTEND},     {0x309b, 0x309c, CLASS_KATAKANA},
    {0x309d, 0x309f, CLASS_ALONE},      {0x30a0, 0x30fa, CLASS_KATAKANA},
    {0x30fb, 0x30fb, CLASS_OTHER},      {0x30fc, 0x30ff, CLASS_KATAKANA},
    {0x31f0, 0x31ff, CLASS_KATAKANA},   {0x3200, 0x33ff, CLASS_OTHER},
    {0x3400, 0x4dbf, CLASS_ALONE},      {0x4dc0, 0x4dff, CLASS_OTHER},
    {0x4e00, 0x9fff, CLASS_ALONE},      {0xa490, 0xa4cf, CLASS_OTHER},
    {0xa620, 0xa629, CLASS_DIGIT},      {0xd800, 0xf8ff, CLASS_OTHER},
    {0xf900, 0xfaff, CLASS_ALONE},      {0xfd3e, 0xfd3f, CLASS_OTHER},
    {0xfe00, 0xfe0f, CLASS_EXTEND},     {0xfe10, 0xfe10, CLASS_MID_DIGIT},
    {0xfe11, 0xfe12, CLASS_OTHER},      {0xfe13, 0xfe13, CLASS_MID_LETTER},
    {0xfe14, 0xfe14, CLASS_MID_DIGIT},  {0xfe15, 0xfe1f, CLASS_OTHER},
    {0xfe20, 0xfe2f, CLASS_EXTEND},     {0xfe30, 0xfe32, CLASS_OTHER},
    {0xfe33, 0xfe34, CLASS_JOINER},     {0xfe35, 0xfe4c, CLASS_OTHER},
    {0xfe4d, 0xfe4f, CLASS_JOINER},     {0xfe50, 0xfe50, CLASS_MID_DIGIT},
    {0xfe51, 0xfe51, CLASS_OTHER},      {0xfe52, 0xfe52, CLASS_MID_BOTH},
    {0xfe53, 0xfe53, CLASS_OTHER},      {0xfe54, 0xfe54, CLASS_MID_DIGIT},
    {0xfe55, 0xfe55, CLASS_MID_LETTER}, {0xfe56, 0xfe6f, CLASS_OTHER},
    {0xfeff, 0xfeff, CLASS_EXTEND},     {0xff00, 0xff06, CLASS_OTHER},
    {0xff07, 0xff07, CLASS_MID_BOTH},   {0xff08, 0xff0b, CLASS_OTHER},
    {0xff0c, 0xff0c, CLASS_MID_DIGIT},  {0xff0d, 0xff0d, CLASS_OTHER},
    {0xff0e, 0xff0e, CLASS_MID_BOTH},   {0xff0f, 0xff0f, CLASS_OTHER},
    {0xff10, 0xff19, CLASS_DIGIT},      {0xff1a, 0xff1a, CLASS_MID_LETTER},
    {0xff1b, 0xff1b, CLASS_MID_DIGIT},  {0xff1c, 0xff20, CLASS_OTHER},
    {0xff3b, 0xff3e, CLASS_OTHER},      {0xff3f, 0xff3f, CLASS_JOINER},
    {0xff40, 0xff40, CLASS_OTHER},      {0xff5b, 0xff65, CLASS_OTHER},
    {0xff66, 0xff9d, CLASS_KATAKANA},   {0xff9e, 0xff9f, CLASS_EXTEND},
    {0xffe0, 0xffff, CLASS_OTHER},      {0x10100, 0x101cf, CLASS_OTHER},
    {0x1d000, 0x1d3ff, CLASS_OTHER},    {0x1d7ce, 0x1d7ff, CLASS_DIGIT},
    {0x1f000, 0x1f2ff, CLASS_OTHER},    {0x1f300, 0x1faff, CLASS_ALONE},
    {0x20000, 0x3ffff, CLASS_ALONE},    {0xe0000, 0x10ffff, CLASS_OTHER},
};

/* step 1: all of the range move by delta; step 2: every second from first on does. */
struct case_range {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    int32_t delta;
};

/* In order; those whose lower case takes more bytes in UTF-8 are left out. */
static const struct case_range cases[] = {
    {0x0041, 0x005a, 1, 32},    {0x00c0, 0x00d6, 1, 32},   {0x00d8, 0x00de, 1, 32},
    {0x0100, 0x012e, 2, 1},     {0x0130, 0x0130, 1, -199}, {0x0132, 0x0136, 2, 1},
    {0x0139, 0x0147, 2, 1},     {0x014a, 0x0176, 2, 1},    {0x0178, 0x0178, 1, -121},
    {0x0179, 0x017d, 2, 1},     {0x01cd, 0x01db, 2, 1},    {0x01de, 0x01ee, 2, 1},
    {0x01f8, 0x021e, 2, 1},     {0x0222, 0x0232, 2, 1},    {0x0246, 0x024e, 2, 1},
    {0x0370, 0x0372, 2, 1},     {0x0386, 0x0386, 1, 38},   {0x0388, 0x038a, 1, 37},
    {0x038c, 0x038c, 1, 64},    {0x038e, 0x038f, 1, 63},   {0x0391, 0x03a1, 1, 32},
    {0x03a3, 0x03ab, 1, 32},    {0x03d8, 0x03ee, 2, 1},    {0x0400, 0x040f, 1, 80},
    {0x0410, 0x042f, 1, 32},    {0x0460, 0x0480, 2, 1},    {0x048a, 0x04be, 2, 1},
    {0x04c0, 0x04c0, 1, 15},    {0x04c1, 0x04cd, 2, 1},    {0x04d0, 0x052e, 2, 1},
    {0x0531, 0x0556, 1, 48},    {0x10a0, 0x10c5, 1, 7264}, {0x1e00, 0x1e94, 2, 1},
    {0x1e9e, 0x1e9e, 1, -7615}, {0x1ea0, 0x1efe, 2, 1},    {0x1f08, 0x1f0f, 1, -8},
    {0x1f18, 0x1f1d, 1, -8},    {0x1f28, 0x1f2f, 1, -8},   {0x1f38, 0x1f3f, 1, -8},
    {0x1f48, 0x1f4d, 1, -8},    {0x1f68, 0x1f6f, 1, -8},   {0x2160, 0x216f, 1, 16},
    {0x24b6, 0x24cf, 1, 26},    {0x2c00, 0x2c2f, 1, 48},   {0x2c80, 0x2ce2, 2, 1},
    {0xa640, 0xa66c, 2, 1},     {0xa680, 0xa69a, 2, 1},    {0xa722, 0xa72e, 2, 1},
    {0xa732, 0xa76e, 2, 1},     {0xff21, 0xff3a, 1, 32},   {0x10400, 0x10427, 1, 40},
};

static enum word_class class_of(uint32_t c) {
    size_t low = 0;
    size_t high = BASE_COUNT(classes);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c < classes[middle].first) {
            high = middle;
        } else if (c > classes[middle].last) {
            low = middle + 1;
        } else {
            return classes[middle].class;
        }
    }
    return CLASS_LETTER;
}

uint32_t words_lower(uint32_t c) {
    size_t low = 0;
    size_t high = BASE_COUNT(cases);
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct case_range *range = &cases[middle];
        if (c < range->first) {
            high = middle;
        } else if (c > range->last) {
            low = middle + 1;
        } else {
            return (c - range->first) % range->step ? c : (uint32_t)((int32_t)c + range->delta);
        }
    }
    return c;
}

uint32_t words_character(struct berth_str *rest) {
    const unsigned char *p = (const unsigned char *)rest->ptr;
    size_t width = base_utf8_length(p, p + rest->len);
    width = width ? width : 1;
    uint32_t c = width == 1 ? p[0] : p[0] & (0xffu >> (width + 1));
    for (size_t i = 1; i < width; i++) {
        c = c << 6 | (p[i] & 0x3fu);
    }
    *rest = base_str_from(*rest, width);
    return c;
}

/* The class of the next character that is no mark. */
static enum word_class class_ahead(struct berth_str rest) {
    while (rest.len) {
        enum word_class class = class_of(words_character(&rest));
        if (class != CLASS_EXTEND) {
            return class;
        }
    }
    return CLASS_OTHER;
}

/* Whether a character of this class belongs to the word that ends with one of class before. */
static bool joins(enum word_class before, enum word_class class, struct berth_str rest) {
    switch (class) {
    case CLASS_LETTER:
    case CLASS_DIGIT:
        return before == CLASS_LETTER || before == CLASS_DIGIT || before == CLASS_JOINER;
    case CLASS_KATAKANA:
        return before == CLASS_KATAKANA || before == CLASS_JOINER;
    case CLASS_JOINER:
        return before != CLASS_ALONE;
    case CLASS_EXTEND:
        return true;
    case CLASS_MID_LETTER:
        return before == CLASS_LETTER && class_ahead(rest) == CLASS_LETTER;
    case CLASS_MID_DIGIT:
        return before == CLASS_DIGIT && class_ahead(rest) == CLASS_DIGIT;
    case CLASS_MID_BOTH:
        return (before == CLASS_LETTER || before == CLASS_DIGIT) && class_ahead(rest) == before;
    default:
        return false;
    }
}

/* The class that counts as the one before: marks are looked through, what joins takes sides. */
static enum word_class class_after(enum word_class before, enum word_class class) {
    bool transparent = class == CLASS_EXTEND || class == CLASS_MID_LETTER ||
                       class == CLASS_MID_DIGIT || class == CLASS_MID_BOTH;
    return transparent ? before : class;
}

static bool begins(enum word_class class) {
    return class == CLASS_LETTER || class == CLASS_DIGIT || class == CLASS_KATAKANA ||
           class == CLASS_ALONE || class == CLASS_JOINER;
}

bool words_next(struct berth_str *rest, char *out, size_t *out_len) {
    size_t len = 0;
    size_t characters = 0;
    bool whole = false; /* has more than underscores */
    enum word_class before = CLASS_OTHER;
    while (rest->len && !(whole && characters == WORD_CHARACTERS_MAX)) {
        struct berth_str behind = *rest;
        uint32_t c = words_character(&behind);
        enum word_class class = class_of(c);
        bool full = characters == WORD_CHARACTERS_MAX;
        if (full || (characters ? !joins(before, class, behind) : !begins(class))) {
            if (whole) {
                break;
            }
            len = characters = 0;
            if (!begins(class)) {
                *rest = behind;
                continue;
            }
        }
        *rest = behind;
        len += base_utf8_encode(words_lower(c), out + len);
        characters++;
        whole |= class != CLASS_JOINER && class != CLASS_EXTEND;
        before = class_after(before, class);
    }
    *out_len = whole ? len : 0;
    return whole;
}
