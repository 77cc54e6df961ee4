/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target of a request: path segments and query parameters, percent-decoded.
 */
#ifndef HOST_ROUTER_QUERY_H
#define HOST_ROUTER_QUERY_H

#include "base/arena.h"
#include "base/error.h"

/* What a target may have; beyond: 400. */
#define TARGET_SEGMENTS_MAX 16u
#define TARGET_PARAMETERS_MAX 64u

struct target_parameter {
    struct berth_str name;
    struct berth_str value;
    bool has_value; /* name=… rather than name alone */
};

struct target {
    struct berth_str path; /* as sent, with a leading slash, without scheme, host and query */
    struct berth_str segments[TARGET_SEGMENTS_MAX];
    struct target_parameter *parameters;
    uint32_t segment_count;
    uint32_t parameter_count;
    bool has_empty_segment;
};

/* Takes a request target apart. The texts are views into raw or in the arena. */
int32_t target_parse(struct berth_str raw, struct base_arena *arena, struct target *out_target,
                     struct berth_error *error);

/* The first parameter of that name; NULL when there is none. */
const struct target_parameter *target_find(const struct target *target, struct berth_str name);

/* "", "true" and "false"; any other text is INVALID. */
int32_t target_bool(const struct target_parameter *parameter, bool *out_value,
                    struct berth_error *error);

#endif
