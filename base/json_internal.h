/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of the JSON reader share.
 */
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include "base/json.h"

/* Looks for an object with a key twice; gives the offset of the second. NONE when there is none. */
enum json_fault json_find_duplicate(const struct json_doc *doc, uint32_t *out_offset);

#endif
