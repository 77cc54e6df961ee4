/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as lenient readers take it: keys and texts without quotes or with single ones, '=' and ';',
 * comments. Only whether a text is such, for payloads whose template does not quote.
 */
#ifndef ML_REMOTE_LENIENT_JSON_H
#define ML_REMOTE_LENIENT_JSON_H

#include "base/str.h"

/* Whether a text is one object or array of this kind, and nothing behind it. */
bool ml_is_lenient_json(struct berth_str text);

#endif
