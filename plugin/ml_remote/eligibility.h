/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which nodes may run remote models.
 *
 * A node is eligible when it is not excluded by its name, has one of the eligible roles, and
 * either has the role ml or is a hot data node while only_run_on_ml_node is off. A data role
 * counts as one of the eligible ones on hot nodes alone (attribute box_type absent or hot).
 */
#ifndef ML_REMOTE_ELIGIBILITY_H
#define ML_REMOTE_ELIGIBILITY_H

#include <berth/nodes.h>

#include "base/buf.h"

struct ml_eligibility_rules {
    bool only_ml_nodes;
    const struct berth_str *roles;
    uint32_t role_count;
    const struct berth_str *excluded;
    uint32_t excluded_count;
};

/* What keeps a node from being eligible. */
enum ml_eligibility {
    ML_ELIGIBLE,
    ML_EXCLUDED,      /* by name */
    ML_ROLE_MISSING,  /* none of the eligible roles */
    ML_NOT_AN_ML_NODE /* only_run_on_ml_node is on */
};

enum ml_eligibility ml_eligibility_of(const struct ml_eligibility_rules *rules,
                                      const struct berth_node *node);

/* Appends a node's name, roles and what keeps it, for a refusal. */
void ml_eligibility_explain(const struct ml_eligibility_rules *rules, const struct berth_node *node,
                            struct base_buf *out);

#endif
