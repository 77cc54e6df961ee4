/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes by their keys: who there is, who is elected, and what cannot be read. */
#include "host/cluster/members.h"

#include "tests/support/fault.h"
#include "tests/support/temp.h"

#define KEY(id) BERTH_STR_INIT("/berth/x/nodes/" id)
#define SAID(roles, settings)                                                                      \
    BERTH_STR_INIT("{\"name\":\"a node\",\"address\":\"10.0.0.1:9200\",\"roles\":[" roles          \
                   "],\"attributes\":{\"zone\":\"\\u0061\"},\"settings\":" settings                \
                   ",\"plugins\":[{\"name\":\"p\",\"version\":\"1\"}],\"more\":7}")

static struct etcd_pair pair_of(struct berth_str key, struct berth_str value, int64_t since) {
    return (struct etcd_pair){.key = key, .value = value, .create_revision = since};
}

static struct members *some(void) {
    struct members *members = members_create("/berth/x/nodes/");
    assert_non_null(members);
    const struct etcd_pair pairs[] = {
        pair_of((struct berth_str)KEY("c"), (struct berth_str)SAID("\"ml\"", "3"), 1),
        pair_of((struct berth_str)KEY("a"), (struct berth_str)SAID("\"cluster_manager\"", "9"), 7),
        pair_of((struct berth_str)KEY("b"), (struct berth_str)SAID("\"cluster_manager\"", "8"), 5),
    };
    for (size_t i = 0; i < BASE_COUNT(pairs); i++) {
        assert_int_equal(members_change(members, &pairs[i]), BERTH_OK);
    }
    return members;
}

static char elected(struct members *members, uint32_t wanted_count, uint64_t wanted_settings) {
    uint32_t count = 0;
    uint64_t settings = 0;
    char found = '-';
    const struct berth_node *list = members_list(members, &count, &settings);
    assert_non_null(list);
    assert_int_equal(count, wanted_count);
    assert_true(settings == wanted_settings);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || base_str_cmp(list[i - 1].id, list[i].id) < 0);
        assert_true(!list[i].is_elected || found == '-');
        found = list[i].is_elected ? list[i].id.ptr[0] : found;
    }
    return found;
}

static void the_eldest_with_the_role_is_elected(void **state) {
    (void)state;
    struct members *members = some();
    assert_int_equal(elected(members, 3, 3), 'b');
    struct etcd_pair gone = {.key = KEY("b"), .is_deleted = true};
    assert_int_equal(members_change(members, &gone), BERTH_OK);
    assert_int_equal(elected(members, 2, 3), 'a');
    gone.key = (struct berth_str)KEY("a");
    assert_int_equal(members_change(members, &gone), BERTH_OK);
    assert_int_equal(elected(members, 1, 3), 'c'); /* without the role where nobody has it */
    gone.key = (struct berth_str)KEY("c");
    assert_int_equal(members_change(members, &gone), BERTH_OK);
    assert_int_equal(elected(members, 0, UINT64_MAX), '-');
    members_destroy(members);
}

static void a_node_is_what_it_says(void **state) {
    (void)state;
    struct members *members = some();
    uint32_t count = 0;
    uint64_t settings = 0;
    const struct berth_node *c = &members_list(members, &count, &settings)[2];
    assert_true(base_str_is(c->id, "c") && base_str_is(c->name, "a node"));
    assert_true(base_str_is(c->address, "10.0.0.1:9200") && base_str_is(c->roles[0], "ml"));
    assert_true(base_str_is(c->attributes[0].name, "zone"));
    assert_true(base_str_is(c->attributes[0].value, "a"));
    assert_true(base_str_is(c->plugins[0].value, "1"));
    assert_true(members_have(members, BERTH_STR("c")));
    assert_false(members_have(members, BERTH_STR("d")));
    /* What it says later counts; it is elected by when its key was made. */
    struct etcd_pair later =
        pair_of((struct berth_str)KEY("b"), (struct berth_str)SAID("\"cluster_manager\"", "30"), 5);
    assert_int_equal(members_change(members, &later), BERTH_OK);
    assert_int_equal(elected(members, 3, 3), 'b');
    /* It has none in force where what it says of them is no number. */
    later.value = (struct berth_str)SAID("\"cluster_manager\"", "-1");
    assert_int_equal(members_change(members, &later), BERTH_OK);
    assert_int_equal(elected(members, 3, 0), 'b');
    members_clear(members);
    assert_int_equal(elected(members, 0, UINT64_MAX), '-');
    members_destroy(members);
}

#define NODE_WITH(more)                                                                            \
    BERTH_STR_INIT("{\"name\":\"n\",\"address\":\"a\",\"roles\":[\"ml\"]," more "}")

static void what_is_no_node_is_left_out(void **state) {
    (void)state;
    static const struct etcd_pair cases[] = {
        {.key = KEY("x"), .value = BERTH_STR_INIT("")},
        {.key = KEY("x"), .value = BERTH_STR_INIT("{")},
        {.key = KEY("x"), .value = BERTH_STR_INIT("[]")},
        {.key = KEY("x"), .value = BERTH_STR_INIT("{\"name\":7}")},
        {.key = KEY("x"), .value = BERTH_STR_INIT("{\"name\":\"n\",\"address\":\"a\"}")},
        {.key = KEY(""), .value = SAID("", "1")},
        {.key = KEY("x"), .value = SAID("\"ml\",7", "1")},
        {.key = KEY("x"), .value = NODE_WITH("\"attributes\":{\"zone\":1}")},
        {.key = KEY("x"), .value = NODE_WITH("\"attributes\":[\"zone\",\"a\"]")},
        {.key = KEY("x"), .value = NODE_WITH("\"plugins\":[\"p\"]")},
        {.key = KEY("x"), .value = NODE_WITH("\"plugins\":[{\"name\":\"p\"}]")},
        {.key = KEY("x"), .value = NODE_WITH("\"plugins\":{\"name\":\"p\"}")},
    };
    struct members *members = some();
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_int_equal(members_change(members, &cases[i]), BERTH_OK);
        assert_int_equal(elected(members, 3, 3), 'b');
    }
    members_destroy(members);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct members *members = members_create("/berth/x/nodes/");
        struct etcd_pair pair =
            pair_of((struct berth_str)KEY("c"), (struct berth_str)SAID("\"ml\",\"data\"", "3"), 1);
        uint32_t count = 0;
        uint64_t settings = 0;
        if (members) {
            int32_t code = members_change(members, &pair);
            assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
            const struct berth_node *list = members_list(members, &count, &settings);
            assert_true(!list || count == (code == BERTH_OK));
        }
        members_destroy(members);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_eldest_with_the_role_is_elected),
        cmocka_unit_test(a_node_is_what_it_says),
        cmocka_unit_test(what_is_no_node_is_left_out),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.cluster.members", tests, NULL, NULL);
}
