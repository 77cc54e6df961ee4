/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a text, in lower case, as OpenSearch's standard analyzer finds them: by the word
 * boundaries of Unicode's annex 29, each ideograph and hiragana a word of its own.
 */
#ifndef HOST_STORE_WORDS_H
#define HOST_STORE_WORDS_H

#include "base/str.h"

/* A longer word is cut into several; in characters. */
#define WORD_CHARACTERS_MAX 255u
/* What a word needs at most, in bytes. */
#define WORD_BYTES_MAX ((size_t)WORD_CHARACTERS_MAX * 4)

/* Takes the next word off the front of *rest; out has room for WORD_BYTES_MAX bytes. */
bool words_next(struct berth_str *rest, char *out, size_t *out_len);

/* Takes one character off the front of a text that is not empty; no UTF-8: byte by byte. */
uint32_t words_character(struct berth_str *rest);

uint32_t words_lower(uint32_t c);

#endif
