/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON into a bounded buffer, and making one document out of another.
 *
 * The functions put commas by themselves: a value or key is preceded by one unless what stands
 * before it opens a container, names a member or is nothing. So a writer needs no state but the
 * buffer, and a failed buffer stays failed (base/buf.h).
 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "base/json.h"

void json_open_object(struct base_buf *buf);
void json_close_object(struct base_buf *buf);
void json_open_array(struct base_buf *buf);
void json_close_array(struct base_buf *buf);

void json_key(struct base_buf *buf, const char *key);
void json_key_str(struct base_buf *buf, struct berth_str key);

void json_put_string(struct base_buf *buf, struct berth_str text);
void json_put_cstr(struct base_buf *buf, const char *text);
void json_put_i64(struct base_buf *buf, int64_t value);
void json_put_u64(struct base_buf *buf, uint64_t value);
/* An array of texts. */
void json_put_strings(struct base_buf *buf, const struct berth_str *texts, uint32_t count);
void json_put_f64(struct base_buf *buf, double value);
void json_put_bool(struct base_buf *buf, bool value);
void json_put_null(struct base_buf *buf);
/* raw is one JSON value. */
void json_put_raw(struct base_buf *buf, struct berth_str raw);

/* Key and value in one. */
void json_member_string(struct base_buf *buf, const char *key, struct berth_str text);
void json_member_cstr(struct base_buf *buf, const char *key, const char *text);
void json_member_i64(struct base_buf *buf, const char *key, int64_t value);
void json_member_u64(struct base_buf *buf, const char *key, uint64_t value);
void json_member_bool(struct base_buf *buf, const char *key, bool value);
void json_member_raw(struct base_buf *buf, const char *key, struct berth_str raw);

/*
 * Appends text as it must stand between the quotes of a JSON string: only what JSON requires is
 * escaped, and what is no UTF-8 becomes U+FFFD.
 */
void json_escape(struct base_buf *buf, struct berth_str text);

#endif
