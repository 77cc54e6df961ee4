/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nodes/nodes.h"

#include <string.h>

#include "host/base/id.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

#define AN_ID "abcdefghijklmnopqr-_09"

static const struct berth_str roles[] = {BERTH_STR_INIT("data"), BERTH_STR_INIT("ml")};
static const struct berth_node_attribute attributes[] = {
    {BERTH_STR_INIT("zone"), BERTH_STR_INIT("a")}};

static struct nodes_options options_in(const char *folder) {
    return (struct nodes_options){.data_path = folder,
                                  .name = BERTH_STR("one"),
                                  .roles = roles,
                                  .role_count = BASE_COUNT(roles),
                                  .attributes = attributes,
                                  .attribute_count = BASE_COUNT(attributes)};
}

/* What a watch was told. */
struct told {
    uint32_t times;
    uint32_t count;
    uint32_t elected; /* which one; UINT32_MAX: none */
    char address[320];
};

static void tell(void *user, const struct berth_node *list, uint32_t count) {
    struct told *told = user;
    told->times++;
    told->count = count;
    assert_true(list[0].address.len < sizeof told->address);
    memcpy(told->address, list[0].address.ptr, list[0].address.len);
    told->address[list[0].address.len] = '\0';
    told->elected = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(list[i].is_local, i == 0);
        told->elected = list[i].is_elected ? i : told->elected;
    }
}

static void a_node_is_what_it_was_told(void **state) {
    (void)state;
    char folder[TEMP_MAX];
    struct nodes *nodes = NULL;
    temp_create(folder);
    struct nodes_options options = options_in(folder);
    assert_int_equal(nodes_create(&options, &nodes, NULL), BERTH_OK);
    const struct berth_node *local = nodes_local(nodes);
    struct told told = {0};
    nodes_read(nodes, tell, &told);
    assert_int_equal(told.count, 1);
    assert_int_equal(local->size, sizeof *local);
    assert_int_equal(local->is_local, 1);
    assert_int_equal(local->id.len, ID_NODE_LENGTH);
    assert_true(base_str_is(local->name, "one"));
    assert_true(base_str_is(local->attributes[0].name, "zone"));
    assert_true(base_str_is(local->attributes[0].value, "a"));
    assert_true(node_has_role(local, BERTH_STR("ml")));
    assert_false(node_has_role(local, BERTH_STR("m")));
    assert_false(node_has_role(local, BERTH_STR("ingest")));
    assert_false(node_has_role(local, BERTH_STR("")));
    nodes_destroy(nodes);
    nodes_destroy(NULL);
    temp_remove(folder);
}

static void the_id_is_kept(void **state) {
    (void)state;
    char folder[TEMP_MAX];
    char first[ID_NODE_LENGTH + 1] = "";
    temp_create(folder);
    struct nodes_options options = options_in(folder);
    for (int i = 0; i < 2; i++) {
        struct nodes *nodes = NULL;
        assert_int_equal(nodes_create(&options, &nodes, NULL), BERTH_OK);
        if (i == 0) {
            memcpy(first, nodes_local(nodes)->id.ptr, ID_NODE_LENGTH);
        } else {
            assert_true(base_str_is(nodes_local(nodes)->id, first));
        }
        nodes_destroy(nodes);
    }
    temp_remove(folder);
}

static void an_id_is_checked(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t code;
    } cases[] = {
        {AN_ID, BERTH_OK},
        {AN_ID "\n", BERTH_OK},
        {" " AN_ID "\r\n", BERTH_OK},
        {"", BERTH_E_CORRUPT},
        {AN_ID "x", BERTH_E_CORRUPT},
        {"short", BERTH_E_CORRUPT},
        {"abcdefghijklmnopqr-_0/", BERTH_E_CORRUPT},
        {"abcdefghij\nlmnopqr-_09", BERTH_E_CORRUPT},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char folder[TEMP_MAX];
        char path[TEMP_MAX];
        struct nodes *nodes = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        temp_create(folder);
        temp_write(temp_path(path, folder, "node.id"), cases[i].text, strlen(cases[i].text));
        struct nodes_options options = options_in(folder);
        assert_int_equal(nodes_create(&options, &nodes, &error), cases[i].code);
        if (cases[i].code == BERTH_OK) {
            assert_true(base_str_is(nodes_local(nodes)->id, AN_ID));
        } else {
            assert_non_null(strstr(error.message, path));
        }
        nodes_destroy(nodes);
        temp_remove(folder);
    }
}

static void a_directory_is_needed(void **state) {
    (void)state;
    struct nodes *nodes = NULL;
    struct nodes_options options = options_in("/nonexistent");
    assert_int_equal(nodes_create(&options, &nodes, NULL), BERTH_E_NOT_FOUND);
    assert_null(nodes);
}

static void roles_are_names(void **state) {
    (void)state;
    static const struct {
        const char *role;
        int32_t code;
    } cases[] = {
        {"my_role2", BERTH_OK},       {"", BERTH_E_INVALID},    {"ML", BERTH_E_INVALID},
        {"a b", BERTH_E_INVALID},     {"a-b", BERTH_E_INVALID}, {"m\xc3\xa4", BERTH_E_INVALID},
        {"data,ml", BERTH_E_INVALID},
    };
    char folder[TEMP_MAX];
    temp_create(folder);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_str role = base_cstr(cases[i].role);
        struct berth_error error = BASE_ERROR_INIT;
        struct nodes *nodes = NULL;
        struct nodes_options options = options_in(folder);
        options.roles = &role;
        options.role_count = 1;
        assert_int_equal(nodes_create(&options, &nodes, &error), cases[i].code);
        assert_true(cases[i].code == BERTH_OK || strstr(error.message, "node.roles"));
        nodes_destroy(nodes);
    }
    temp_remove(folder);
}

static void watches_are_told_of_the_address(void **state) {
    (void)state;
    char folder[TEMP_MAX];
    char long_host[400];
    struct nodes *nodes = NULL;
    struct told mine = {0};
    struct told other = {0};
    temp_create(folder);
    struct nodes_options options = options_in(folder);
    assert_int_equal(nodes_create(&options, &nodes, NULL), BERTH_OK);
    assert_int_equal(nodes_watch(nodes, "mine", tell, &mine, NULL), BERTH_OK);
    assert_int_equal(nodes_watch(nodes, "mine", tell, &mine, NULL), BERTH_OK);
    assert_int_equal(nodes_watch(nodes, "other", tell, &other, NULL), BERTH_OK);
    assert_int_equal(nodes_set_address(nodes, "127.0.0.1", 9200), BERTH_OK);
    assert_string_equal(mine.address, "127.0.0.1:9200");
    assert_int_equal(mine.times, 2);
    assert_int_equal(other.count, 1);
    nodes_unwatch(nodes, "mine");
    nodes_unwatch(nodes, "nobody");
    assert_int_equal(nodes_set_address(nodes, "::1", 65535), BERTH_OK);
    assert_int_equal(mine.times, 2);
    assert_string_equal(other.address, "[::1]:65535");
    memset(long_host, 'a', sizeof long_host);
    long_host[sizeof long_host - 1] = '\0';
    assert_int_equal(nodes_set_address(nodes, long_host, 1), BERTH_E_TOO_LARGE);
    assert_int_equal(other.times, 2);
    assert_true(base_str_is(nodes_local(nodes)->address, "[::1]:65535"));
    nodes_destroy(nodes);
    temp_remove(folder);
}

static void others_come_and_go(void **state) {
    (void)state;
    char folder[TEMP_MAX];
    struct nodes *nodes = NULL;
    struct told told = {0};
    temp_create(folder);
    struct nodes_options options = options_in(folder);
    options.in_cluster = true;
    assert_int_equal(nodes_create(&options, &nodes, NULL), BERTH_OK);
    assert_int_equal(nodes_watch(nodes, "mine", tell, &told, NULL), BERTH_OK);
    struct berth_str role = BERTH_STR("ml");
    struct berth_node all[] = {{.id = BERTH_STR_INIT("other"),
                                .name = BERTH_STR_INIT("two"),
                                .address = BERTH_STR_INIT("10.0.0.2:9200"),
                                .roles = &role,
                                .role_count = 1,
                                .is_elected = 1},
                               *nodes_local(nodes)};
    assert_int_equal(nodes_set_all(nodes, all, 1), BERTH_OK);
    assert_int_equal(told.times, 1);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.elected, 1);
    /* The same again is no change; that this one is among them is none either. */
    assert_int_equal(nodes_set_all(nodes, all, 2), BERTH_OK);
    assert_int_equal(told.times, 1);
    all[0].is_elected = 0;
    all[1].is_elected = 1;
    assert_int_equal(nodes_set_all(nodes, all, 2), BERTH_OK);
    assert_int_equal(told.times, 2);
    assert_int_equal(told.elected, 0);
    assert_int_equal(nodes_set_all(nodes, &all[1], 1), BERTH_OK);
    assert_int_equal(told.times, 3);
    assert_int_equal(told.count, 1);
    nodes_destroy(nodes);
    temp_remove(folder);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    char folder[TEMP_MAX];
    temp_create(folder);
    struct nodes_options options = options_in(folder);
    FAULT_EACH_ALLOCATION({
        struct nodes *nodes = NULL;
        struct told told = {0};
        int32_t code = nodes_create(&options, &nodes, NULL);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        if (!code) {
            code = nodes_watch(nodes, "mine", tell, &told, NULL);
            assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
            struct berth_node other = *nodes_local(nodes);
            other.id = BERTH_STR("other");
            code = nodes_set_all(nodes, &other, 1);
            assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        }
        nodes_destroy(nodes);
    });
    temp_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_what_it_was_told),
        cmocka_unit_test(the_id_is_kept),
        cmocka_unit_test(an_id_is_checked),
        cmocka_unit_test(a_directory_is_needed),
        cmocka_unit_test(roles_are_names),
        cmocka_unit_test(watches_are_told_of_the_address),
        cmocka_unit_test(others_come_and_go),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.nodes.nodes", tests, NULL, NULL);
}
