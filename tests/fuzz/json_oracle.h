/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What JSON is, told a second time: a plain recursive reading of RFC 8259, made apart from
 * base/json_scan.c, against which the fuzz targets hold it.
 */
#ifndef TESTS_FUZZ_JSON_ORACLE_H
#define TESTS_FUZZ_JSON_ORACLE_H

#include "base/json.h"

/* Whether a text is JSON under the flags of json_check; out_count, keys counted, may be NULL. */
bool oracle_is_json(struct berth_str text, uint32_t flags, size_t *out_count);

/* Whether bytes are UTF-8 without surrogates and overlong forms. */
bool oracle_is_utf8(struct berth_str text);

#endif
