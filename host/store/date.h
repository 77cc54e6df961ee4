/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates of searches: milliseconds since 1970, ISO 8601 in UTC or with an offset, and expressions
 * such as now-7d/d or 2024-05-01||+1M.
 */
#ifndef HOST_STORE_DATE_H
#define HOST_STORE_DATE_H

#include "base/str.h"

/*
 * now: what "now" is. up: what the text leaves open, and what /unit cuts off, becomes the last
 * millisecond of it instead of the first. False when it is no date.
 */
bool date_parse(struct berth_str text, int64_t now, bool up, int64_t *out_time);

/* What a date needs as text, with its end. */
#define DATE_TEXT_MAX 48u

/* Writes a time as 2024-05-01T12:00:00.000Z; out has room for DATE_TEXT_MAX bytes. */
void date_format(int64_t time, char *out);

#endif
