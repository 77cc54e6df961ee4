/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/eligibility.h"

static bool contains(const struct berth_str *list, uint32_t count, struct berth_str text) {
    for (uint32_t i = 0; i < count; i++) {
        if (base_str_eq(list[i], text)) {
            return true;
        }
    }
    return false;
}

static bool has_role(const struct berth_node *node, struct berth_str role) {
    return contains(node->roles, node->role_count, role);
}

/* The ml role is recognised in any case. */
static bool is_ml_node(const struct berth_node *node) {
    for (uint32_t i = 0; i < node->role_count; i++) {
        if (base_str_eq_nocase(node->roles[i], BERTH_STR("ml"))) {
            return true;
        }
    }
    return false;
}

static bool is_hot_data_node(const struct berth_node *node) {
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        if (base_str_is(node->attributes[i].name, "box_type")) {
            return has_role(node, BERTH_STR("data")) &&
                   base_str_is(node->attributes[i].value, "hot");
        }
    }
    return has_role(node, BERTH_STR("data"));
}

static bool has_eligible_role(const struct ml_eligibility_rules *rules,
                              const struct berth_node *node) {
    for (uint32_t i = 0; i < rules->role_count; i++) {
        bool data = base_str_is(rules->roles[i], "data");
        if (data ? is_hot_data_node(node) : has_role(node, rules->roles[i])) {
            return true;
        }
    }
    return false;
}

enum ml_eligibility ml_eligibility_of(const struct ml_eligibility_rules *rules,
                                      const struct berth_node *node) {
    if (contains(rules->excluded, rules->excluded_count, node->name)) {
        return ML_EXCLUDED;
    }
    if (!has_eligible_role(rules, node)) {
        return ML_ROLE_MISSING;
    }
    if (!is_ml_node(node) && (rules->only_ml_nodes || !is_hot_data_node(node))) {
        return ML_NOT_AN_ML_NODE;
    }
    return ML_ELIGIBLE;
}

static void put_list(const struct berth_str *list, uint32_t count, struct base_buf *out) {
    for (uint32_t i = 0; i < count; i++) {
        base_buf_format(out, "%s" BASE_FMT, i ? ", " : "", BASE_ARG(list[i]));
    }
}

void ml_eligibility_explain(const struct ml_eligibility_rules *rules, const struct berth_node *node,
                            struct base_buf *out) {
    base_buf_format(out, "node [" BASE_FMT "] with roles [", BASE_ARG(node->name));
    put_list(node->roles, node->role_count, out);
    switch (ml_eligibility_of(rules, node)) {
    case ML_ELIGIBLE:
        base_buf_cstr(out, "] is eligible");
        break;
    case ML_EXCLUDED:
        base_buf_cstr(out, "] is excluded by plugins.ml_commons.exclude_nodes._name");
        break;
    case ML_ROLE_MISSING:
        base_buf_cstr(out, "] has none of the roles of "
                           "plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model [");
        put_list(rules->roles, rules->role_count, out);
        base_buf_char(out, ']');
        break;
    case ML_NOT_AN_ML_NODE:
        base_buf_cstr(out,
                      rules->only_ml_nodes
                          ? "] has not the role ml, and plugins.ml_commons.only_run_on_ml_node "
                            "is true"
                          : "] is neither an ml node nor a hot data node");
        break;
    }
}
