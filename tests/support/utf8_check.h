/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a text is UTF-8 as a whole: messages, which quote what they refuse, must be.
 */
#ifndef TESTS_SUPPORT_UTF8_CHECK_H
#define TESTS_SUPPORT_UTF8_CHECK_H

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

static inline bool is_utf8(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + strlen(text);
    size_t len = 1;
    while (at < end && (len = base_utf8_length(at, end)) > 0) {
        at += len;
    }
    return len > 0;
}

#endif
