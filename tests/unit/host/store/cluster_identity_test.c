/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The id of the cluster: made once, whoever is first.
 * @engines
 */
#include "host/store/cluster_identity.h"

#include "tests/support/fault.h"
#include "tests/support/store.h"

#define INDEX ".berth-cluster"

static void makes_an_id_once(void **state) {
    struct test_store *t = *state;
    char first[ID_NODE_LENGTH + 1] = "";
    char again[ID_NODE_LENGTH + 1] = "";
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(cluster_identity_open(t->store, first, &error), BERTH_OK);
    assert_int_equal(strlen(first), ID_NODE_LENGTH);
    assert_int_equal(cluster_identity_open(t->store, again, &error), BERTH_OK);
    assert_string_equal(first, again);
    test_store_reopen(t);
    assert_int_equal(cluster_identity_open(t->store, again, &error), BERTH_OK);
    assert_string_equal(first, again);
}

static void a_damaged_id_is_not_replaced(void **state) {
    struct test_store *t = *state;
    static const char *const sources[] = {"{}", "{\"uuid\":5}", "{\"uuid\":\"short\"}",
                                          "{\"uuid\":\"12345678901234567890123\"}"};
    declare_index(t->store, INDEX, "");
    for (size_t i = 0; i < BASE_COUNT(sources); i++) {
        char uuid[ID_NODE_LENGTH + 1] = "";
        struct berth_error error = BASE_ERROR_INIT;
        (void)put(t->store, INDEX, "cluster", sources[i]);
        assert_int_equal(cluster_identity_open(t->store, uuid, &error), BERTH_E_CORRUPT);
        assert_source(t->store, INDEX, "cluster", sources[i]);
    }
}

static void open_identity(struct store *store) {
    char uuid[ID_NODE_LENGTH + 1] = "";
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = cluster_identity_open(store, uuid, &error);
    assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
}

static void survives_each_failed_allocation(void **state) {
    struct test_store *t = *state;
    FAULT_EACH_ALLOCATION(open_identity(t->store));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(makes_an_id_once),
        WITH_STORE(a_damaged_id_is_not_replaced),
        WITH_STORE(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.store.cluster_identity", tests, NULL, NULL);
}
