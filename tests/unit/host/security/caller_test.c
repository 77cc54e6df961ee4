/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which roles by the mappings, and what these permit.
 */
#include "host/security/caller.h"

#include "tests/support/fault.h"
#include "tests/support/temp.h"

#define HASH "$2y$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
#define USERS "alice: {hash: '" HASH "', backend_roles: [eng]}\n"

static char folder[TEMP_MAX];

static int setup(void **state) {
    (void)state;
    temp_create(folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    temp_remove(folder);
    return 0;
}

static void write_file(const char *name, const char *text) {
    char path[TEMP_MAX];
    temp_write(temp_path(path, folder, name), text, strlen(text));
}

static void remove_file(const char *name) {
    char path[TEMP_MAX];
    (void)unlink(temp_path(path, folder, name));
}

static struct security_config *read_config(void) {
    struct security_config *config = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    if (security_config_read(folder, NULL, 0, &config, &error)) {
        fail_msg("%s", error.message);
    }
    return config;
}

static const struct {
    const char *mapping;
    const char *roles; /* joined by commas, in their order */
} mapped[] = {
    {"", ""},
    {"own_index: {users: ['*']}\nml_full_access: {users: [alice]}\n", "ml_full_access,own_index"},
    {"a: {users: [al?ce]}\nb: {users: [bob]}\n", "a"},
    {"a: {backend_roles: [eng]}\nb: {backend_roles: [sal*]}\nc: {backend_roles: [ops]}\n", "a,b"},
    {"a: {and_backend_roles: [eng, sales]}\nb: {and_backend_roles: [eng, ops]}\n", "a"},
    {"a: {and_backend_roles: [eng, ops], users: [alice]}\n", "a"},
    {"a: {hosts: [10.0.0.*]}\nb: {hosts: [127.*]}\n", "b"},
    {"a: {}\n", ""},
};

static void finds_roles_by_mappings(void **state) {
    (void)state;
    write_file("internal_users.yml", USERS);
    for (size_t i = 0; i < BASE_COUNT(mapped); i++) {
        write_file("roles_mapping.yml", mapped[i].mapping);
        struct security_config *config = read_config();
        struct berth_str backend[] = {BERTH_STR_INIT("eng"), BERTH_STR_INIT("sales")};
        struct name_list list = {backend, 2};
        struct security_claims claims = {
            .name = BERTH_STR("alice"), .backend_roles = &list, .address = BERTH_STR("127.0.0.1")};
        FAULT_EACH_ALLOCATION({
            struct security_caller *caller = security_caller_create(config, &claims);
            char joined[128] = "";
            for (uint32_t k = 0; caller && k < caller->user.role_count; k++) {
                (void)snprintf(joined + strlen(joined), sizeof joined - strlen(joined),
                               "%s" BASE_FMT, k ? "," : "", BASE_ARG(caller->user.roles[k]));
            }
            assert_true(!caller || strcmp(joined, mapped[i].roles) == 0);
            security_caller_release(caller);
        });
        security_config_unref(config);
        remove_file("roles_mapping.yml");
    }
}

static const struct {
    const char *role;
    const char *permission;
    bool granted;
} permissions[] = {
    {"all_access", "cluster:admin/settings/update", true},
    {"all_access", "restapi:admin/internalusers", true},
    {"ml_full_access", "cluster:admin/opensearch/ml/predict", true},
    {"ml_full_access", "cluster:monitor/state", true},
    {"ml_full_access", "cluster:admin/settings/update", false},
    {"ml_full_access", "restapi:admin/internalusers", false},
    {"ml_read_access", "cluster:admin/opensearch/ml/models/get", true},
    {"ml_read_access", "cluster:admin/opensearch/ml/connectors/search", true},
    {"ml_read_access", "cluster:admin/opensearch/ml/predict", false},
    {"ml_read_access", "cluster:admin/opensearch/ml/models/delete", false},
    {"ml_read_access", "cluster:monitor/main", false},
    {"own_index", "cluster:admin/opensearch/ml/models/get", false},
    {"own_index", "indices:data/read/msearch", true},
    {"unknown", "cluster:monitor/main", false},
};

static void roles_permit_what_they_name(void **state) {
    (void)state;
    write_file("internal_users.yml", USERS);
    struct security_config *config = read_config();
    for (size_t i = 0; i < BASE_COUNT(permissions); i++) {
        struct berth_str role = base_cstr(permissions[i].role);
        struct name_list list = {&role, 1};
        struct security_caller *caller = security_caller_create(
            config, &(struct security_claims){.name = BERTH_STR("x"), .direct_roles = &list});
        assert_non_null(caller);
        assert_int_equal(caller->user.is_admin, base_str_is(role, "all_access"));
        if (security_may(caller, base_cstr(permissions[i].permission)) != permissions[i].granted) {
            fail_msg("%s, %s", permissions[i].role, permissions[i].permission);
        }
        security_caller_release(caller);
    }
    security_config_unref(config);
}

/* A mapping by host has the address looked at. */
static void knows_whether_addresses_matter(void **state) {
    (void)state;
    static const struct {
        const char *mapping;
        bool by_host;
    } files[] = {
        {"a: {hosts: [127.0.0.1]}\n", true},
        {"a: {hosts: []}\n", false},
        {"a: {users: [x]}\n", false},
    };
    write_file("internal_users.yml", USERS);
    for (size_t i = 0; i < BASE_COUNT(files); i++) {
        write_file("roles_mapping.yml", files[i].mapping);
        struct security_config *config = read_config();
        assert_int_equal(config->by_host, files[i].by_host);
        security_config_unref(config);
    }
    remove_file("roles_mapping.yml");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_roles_by_mappings),
        cmocka_unit_test(roles_permit_what_they_name),
        cmocka_unit_test(knows_whether_addresses_matter),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
