/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random identifiers, not guessable: from the kernel, in the URL-safe base64 alphabet.
 */
#ifndef HOST_BASE_ID_H
#define HOST_BASE_ID_H

#include "base/str.h"

/* Lengths of text; each character carries 6 random bits. */
#define ID_DOCUMENT_LENGTH 20
#define ID_NODE_LENGTH 22

/* Writes length characters and a terminator. */
void id_generate(char *out_id, size_t length);

#endif
