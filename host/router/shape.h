/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape that a client asks for: filter_path, pretty, YAML. Works on the text of any JSON
 * answer; numbers and strings stay as they are written.
 */
#ifndef HOST_ROUTER_SHAPE_H
#define HOST_ROUTER_SHAPE_H

#include "base/json_write.h"

struct shape {
    struct berth_str filter_path; /* empty: everything */
    bool pretty;
    bool yaml;
};

static inline bool shape_is_plain(const struct shape *shape) {
    return shape->filter_path.len == 0 && !shape->pretty && !shape->yaml;
}

/* Appends the body in its shape. A body that is not JSON is appended as it is. */
int32_t shape_apply(const struct shape *shape, struct berth_str body, struct base_buf *out);

/* Appends what a list of patterns leaves of a value: a.b, a.*, **.c, and -a to leave out. */
void shape_filter(struct json_value value, struct berth_str filter_path, struct base_buf *out);
void shape_pretty(struct json_value value, struct base_buf *out);
void shape_yaml(struct json_value value, struct base_buf *out);

#endif
