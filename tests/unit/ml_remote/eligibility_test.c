/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/eligibility.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROLES_MAX 4

/* Texts of a case are lists joined by commas: a table is read more easily so. */
static uint32_t split(const char *joined, struct berth_str *out) {
    struct berth_str rest = base_cstr(joined);
    uint32_t count = 0;
    while (count < ROLES_MAX && rest.len && base_str_split(&rest, ',', &out[count])) {
        count++;
    }
    return count;
}

static const struct {
    const char *roles;
    const char *box_type; /* NULL: no such attribute */
    bool only_ml_nodes;
    const char *eligible_roles;
    const char *excluded;
    enum ml_eligibility expected;
} cases[] = {
    /* only_run_on_ml_node on: the role ml decides. */
    {"ml", NULL, true, "data,ml", "", ML_ELIGIBLE},
    {"data,ml", NULL, true, "data,ml", "", ML_ELIGIBLE},
    {"cluster_manager,data,ingest,ml", NULL, true, "data,ml", "", ML_ELIGIBLE},
    {"data", NULL, true, "data,ml", "", ML_NOT_AN_ML_NODE},
    {"data,ingest", "hot", true, "data,ml", "", ML_NOT_AN_ML_NODE},
    {"ingest", NULL, true, "data,ml", "", ML_ROLE_MISSING},
    {"", NULL, true, "data,ml", "", ML_ROLE_MISSING},
    /* Off: hot data nodes too. */
    {"data", NULL, false, "data,ml", "", ML_ELIGIBLE},
    {"data", "hot", false, "data,ml", "", ML_ELIGIBLE},
    {"data", "warm", false, "data,ml", "", ML_ROLE_MISSING},
    {"data", "HOT", false, "data,ml", "", ML_ROLE_MISSING},
    {"data", "", false, "data,ml", "", ML_ROLE_MISSING},
    {"ml", NULL, false, "data,ml", "", ML_ELIGIBLE},
    {"ml", "warm", false, "data,ml", "", ML_ELIGIBLE},
    {"data,ml", "warm", false, "data,ml", "", ML_ELIGIBLE},
    {"ingest", NULL, false, "data,ml", "", ML_ROLE_MISSING},
    /* The list of eligible roles. */
    {"ml", NULL, true, "ml", "", ML_ELIGIBLE},
    {"ml", NULL, true, "data", "", ML_ROLE_MISSING},
    {"ml", NULL, false, "data", "", ML_ROLE_MISSING},
    {"data,ml", NULL, true, "data", "", ML_ELIGIBLE},
    {"data,ml", "warm", true, "data", "", ML_ROLE_MISSING},
    {"data", NULL, false, "ml", "", ML_ROLE_MISSING},
    {"data", NULL, false, "data", "", ML_ELIGIBLE},
    {"data,ml", NULL, true, "", "", ML_ROLE_MISSING},
    {"ingest", NULL, false, "ingest", "", ML_NOT_AN_ML_NODE},
    {"ingest,ml", NULL, true, "ingest", "", ML_ELIGIBLE},
    {"ingest,data", NULL, false, "ingest", "", ML_ELIGIBLE},
    {"ingest,data", "warm", false, "ingest", "", ML_NOT_AN_ML_NODE},
    {"gpu,ml", NULL, true, "gpu", "", ML_ELIGIBLE},
    /* An ml node is known in any case; the eligible roles are names, and compare to the letter. */
    {"data,ML", NULL, true, "data", "", ML_ELIGIBLE},
    {"ML", NULL, true, "ml", "", ML_ROLE_MISSING},
    {"Data", NULL, false, "data", "", ML_ROLE_MISSING},
    /* Exclusion goes by the node's whole name, and before all else. */
    {"data,ml", NULL, true, "data,ml", "n1", ML_EXCLUDED},
    {"data,ml", NULL, false, "data,ml", "n2,n1", ML_EXCLUDED},
    {"ingest", NULL, true, "data,ml", "n1", ML_EXCLUDED},
    {"data,ml", NULL, true, "data,ml", "n2", ML_ELIGIBLE},
    {"data,ml", NULL, true, "data,ml", "n", ML_ELIGIBLE},
    {"data,ml", NULL, true, "data,ml", "n11", ML_ELIGIBLE},
    {"data,ml", NULL, true, "data,ml", "N1", ML_ELIGIBLE},
};

static void decides_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_str roles[ROLES_MAX];
        struct berth_str eligible[ROLES_MAX];
        struct berth_str excluded[ROLES_MAX];
        struct berth_node_attribute attributes[] = {
            {BERTH_STR("rack"), BERTH_STR("r1")},
            {BERTH_STR("box_type"), base_cstr(cases[i].box_type)},
        };
        struct berth_node node = {.size = sizeof node,
                                  .name = BERTH_STR("n1"),
                                  .roles = roles,
                                  .role_count = split(cases[i].roles, roles),
                                  .attributes = attributes,
                                  .attribute_count = cases[i].box_type ? 2 : 1};
        struct ml_eligibility_rules rules = {.only_ml_nodes = cases[i].only_ml_nodes,
                                             .roles = eligible,
                                             .role_count = split(cases[i].eligible_roles, eligible),
                                             .excluded = excluded,
                                             .excluded_count = split(cases[i].excluded, excluded)};
        if (ml_eligibility_of(&rules, &node) != cases[i].expected) {
            fail_msg("case %zu: roles [%s], box_type [%s]", i, cases[i].roles,
                     cases[i].box_type ? cases[i].box_type : "-");
        }
    }
}

static const struct {
    const char *roles;
    bool only_ml_nodes;
    const char *excluded;
    const char *expected;
} explanations[] = {
    {"data,ml", true, "", "node [n1] with roles [data, ml] is eligible"},
    {"data,ml", true, "n1",
     "node [n1] with roles [data, ml] is excluded by plugins.ml_commons.exclude_nodes._name"},
    {"", true, "",
     "node [n1] with roles [] has none of the roles of "
     "plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model [data, ml, ingest]"},
    {"data", true, "",
     "node [n1] with roles [data] has not the role ml, and plugins.ml_commons.only_run_on_ml_node "
     "is true"},
    {"ingest", false, "",
     "node [n1] with roles [ingest] is neither an ml node nor a hot data node"},
};

static void explains_what_keeps_a_node(void **state) {
    (void)state;
    struct berth_str eligible[] = {BERTH_STR("data"), BERTH_STR("ml"), BERTH_STR("ingest")};
    for (size_t i = 0; i < BASE_COUNT(explanations); i++) {
        struct berth_str roles[ROLES_MAX];
        struct berth_str excluded[ROLES_MAX];
        struct berth_node node = {.size = sizeof node,
                                  .name = BERTH_STR("n1"),
                                  .roles = roles,
                                  .role_count = split(explanations[i].roles, roles)};
        struct ml_eligibility_rules rules = {.only_ml_nodes = explanations[i].only_ml_nodes,
                                             .roles = eligible,
                                             .role_count = BASE_COUNT(eligible),
                                             .excluded = excluded,
                                             .excluded_count =
                                                 split(explanations[i].excluded, excluded)};
        BASE_BUF_AUTO text;
        base_buf_init(&text, 1024);
        ml_eligibility_explain(&rules, &node, &text);
        base_buf_char(&text, '\0');
        assert_string_equal(text.ptr, explanations[i].expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_by_table),
        cmocka_unit_test(explains_what_keeps_a_node),
    };
    return cmocka_run_group_tests_name("ml_remote.eligibility", tests, NULL, NULL);
}
