/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The users of a node: the files, passwords, patterns, and what follows from them.
 */
#include "host/security/security_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/security/names.h"
#include "host/security/password.h"
#include "tests/support/fault.h"

/* ---- patterns ---- */

static const struct {
    const char *pattern;
    const char *name;
    bool matches;
} patterns[] = {
    {"*", "", true},
    {"*", "cluster:monitor/main", true},
    {"", "", true},
    {"", "a", false},
    {"cluster:*", "cluster:monitor/main", true},
    {"cluster:*", "indices:data", false},
    {"cluster:*/main", "cluster:monitor/main", true},
    {"*main", "cluster:monitor/main", true},
    {"*main", "cluster:monitor/mai", false},
    {"c*u*t*r", "cluster", true},
    {"a?c", "abc", true},
    {"a?c", "ac", false},
    {"a*", "a", true},
    {"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    {"cluster:admin/opensearch/ml/*", "cluster:admin/opensearch/ml/predict", true},
    {"cluster:admin/opensearch/ml/*", "cluster:admin/opensearch/m", false},
};

static void matches_patterns(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(patterns); i++) {
        struct berth_str pattern = base_cstr(patterns[i].pattern);
        const struct name_list one = {&pattern, 1};
        if (name_list_matches(&one, base_cstr(patterns[i].name)) != patterns[i].matches) {
            fail_msg("[%s] and [%s]", patterns[i].pattern, patterns[i].name);
        }
    }
}

/* ---- passwords ---- */

/* Known answers of bcrypt, of other programs. */
static const struct {
    const char *password;
    const char *hash;
    bool matches;
} hashes[] = {
    {"abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", true},
    {"abc", "$2y$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", true},
    {"abd", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", false},
    {"", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkY8jIucDrjc8deX1s.", false},
    {"", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i", false},
};

static void checks_passwords(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(hashes); i++) {
        if (password_matches(base_cstr(hashes[i].password), base_cstr(hashes[i].hash)) !=
            hashes[i].matches) {
            fail_msg("[%s] and %s", hashes[i].password, hashes[i].hash);
        }
    }
    char made[PASSWORD_HASH_LENGTH + 1];
    char other[PASSWORD_HASH_LENGTH + 1];
    struct berth_str password = BERTH_STR("correct horse");
    assert_int_equal(password_hash(password, PASSWORD_COST_MIN, made, NULL), BERTH_OK);
    assert_int_equal(password_hash(password, PASSWORD_COST_MIN, other, NULL), BERTH_OK);
    assert_string_not_equal(made, other);
    assert_int_equal(password_check_hash(base_cstr(made), NULL), BERTH_OK);
    assert_int_equal(password_cost(base_cstr(made)), PASSWORD_COST_MIN);
    assert_true(password_matches(password, base_cstr(made)));
    assert_false(password_matches(base_str("correct horse\0x", 15), base_cstr(made)));
    assert_int_equal(password_decoy(PASSWORD_COST_MIN, other, NULL), BERTH_OK);
    assert_int_equal(password_check_hash(base_cstr(other), NULL), BERTH_OK);
    assert_false(password_matches(password, base_cstr(other)));
    assert_int_not_equal(password_hash(base_str("", 0), PASSWORD_COST_MIN, made, NULL), BERTH_OK);
    assert_int_not_equal(password_hash(password, PASSWORD_COST_MAX + 1, made, NULL), BERTH_OK);
}

static const char *const no_hashes[] = {
    "",
    "alice",
    "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0",
    "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0ii",
    "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0!",
    "$2x$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
    "$2a$03$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
    "$2a$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
};

static void refuses_what_is_no_hash(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(no_hashes); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(password_check_hash(base_cstr(no_hashes[i]), &error), BERTH_E_INVALID);
        assert_string_not_equal(error.message, "");
    }
}

/* ---- files ---- */

#define HASH "\"$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i\""
static const char users_file[] = "_meta: {type: internalusers, config_version: 2}\n"
                                 "alice: {hash: " HASH ", backend_roles: [eng, eng, ops]}\n"
                                 "bob: {hash: " HASH ", opendistro_security_roles: [own]}\n";

struct folder {
    char path[64];
};

static void write_file(const struct folder *folder, const char *name, const char *text) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void folder_begin(struct folder *folder) {
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/berth-users-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    write_file(folder, "internal_users.yml", users_file);
}

static void folder_end(const struct folder *folder) {
    static const char *const names[] = {"internal_users.yml", "roles.yml", "roles_mapping.yml",
                                        "action_groups.yml"};
    for (size_t i = 0; i < BASE_COUNT(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", folder->path, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(folder->path), 0);
}

static void reads_the_files(void **state) {
    (void)state;
    struct folder folder;
    struct security_config *config = NULL;
    folder_begin(&folder);
    write_file(&folder, "roles.yml",
               "asker: {cluster_permissions: [ask], index_permissions: [{any: thing}]}\n"
               "ml_read_access: {cluster_permissions: ['only:this']}\n");
    write_file(&folder, "action_groups.yml",
               "ask: {allowed_actions: ['cluster:a', more]}\nmore: {allowed_actions: ['b*']}\n");
    assert_int_equal(security_config_read(folder.path, NULL, 0, &config, NULL), BERTH_OK);
    const struct security_user *alice = security_config_user(config, BERTH_STR("alice"));
    assert_non_null(alice);
    assert_int_equal(alice->backend_roles.count, 2); /* none twice */
    assert_true(name_list_has(&alice->backend_roles, BERTH_STR("ops")));
    assert_null(security_config_user(config, BERTH_STR("Alice")));
    /* Groups are in their place. */
    const struct security_role *asker = security_config_role(config, BERTH_STR("asker"));
    assert_true(name_list_matches(&asker->patterns, BERTH_STR("cluster:a")));
    assert_true(name_list_matches(&asker->patterns, BERTH_STR("bcd")));
    assert_false(name_list_matches(&asker->patterns, BERTH_STR("ask")));
    /* A file's role in a built-in one's place; others are as they are built in. */
    const struct security_role *read = security_config_role(config, BERTH_STR("ml_read_access"));
    assert_true(name_list_matches(&read->patterns, BERTH_STR("only:this")));
    assert_false(
        name_list_matches(&read->patterns, BERTH_STR("cluster:admin/opensearch/ml/models/get")));
    const struct security_role *full = security_config_role(config, BERTH_STR("ml_full_access"));
    assert_true(
        name_list_matches(&full->patterns, BERTH_STR("cluster:admin/opensearch/ml/predict")));
    assert_false(name_list_matches(&full->patterns, BERTH_STR("cluster:admin/settings/update")));
    assert_true(name_list_matches(&full->patterns, BERTH_STR("cluster:monitor/main")));
    security_config_unref(config);
    folder_end(&folder);
}

static const struct {
    const char *file;
    const char *text;
    const char *words; /* in the message, which names file and line */
} faults[] = {
    {"internal_users.yml", "a: {backend_roles: [x]}\n", "internal_users.yml:1: [a]"},
    {"internal_users.yml", "\na: {hash: nonsense}\n", "internal_users.yml:2: [a]"},
    {"internal_users.yml", "a: {hash: " HASH ", hsah: x}\n", "hsah"},
    {"internal_users.yml", "a: {hash: " HASH "}\na: {hash: " HASH "}\n", "twice"},
    {"internal_users.yml", "- a\n", "internal_users.yml:1"},
    {"internal_users.yml", "a: [\n", "internal_users.yml:"},
    {"internal_users.yml", "_meta: {type: roles, config_version: 2}\n", "internalusers"},
    {"internal_users.yml", "_meta: {type: internalusers, config_version: 1}\n", "config_version"},
    {"internal_users.yml", "\"a\\nb\": {hash: " HASH "}\n", "control"},
    {"roles.yml", "r: {cluster_permissions: {a: b}}\n", "roles.yml:1: [cluster_permissions]"},
    {"roles_mapping.yml", "r: {users: [/a.*/]}\n", "roles_mapping.yml:1: [r]"},
    {"action_groups.yml", "a: {allowed_actions: [b]}\nb: {allowed_actions: [a]}\n", "[a]"},
};

/* Of a cycle of groups the role says that it is there. */
static const char cyclic_role[] = "r: {cluster_permissions: [a]}\n";

static void tells_faults_by_line(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(faults); i++) {
        struct folder folder;
        struct security_config *config = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        folder_begin(&folder);
        if (strcmp(faults[i].file, "action_groups.yml") == 0) {
            write_file(&folder, "roles.yml", cyclic_role);
        }
        write_file(&folder, faults[i].file, faults[i].text);
        assert_int_not_equal(security_config_read(folder.path, NULL, 0, &config, &error), BERTH_OK);
        assert_null(config);
        if (!strstr(error.message, faults[i].words)) {
            fail_msg("fault %zu: %s", i, error.message);
        }
        folder_end(&folder);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder);
    write_file(&folder, "roles_mapping.yml", "all_access: {users: [alice]}\n");
    FAULT_EACH_ALLOCATION({
        struct security_config *config = NULL;
        int32_t code = security_config_read(folder.path, NULL, 0, &config, NULL);
        assert_true((code == BERTH_OK) == (config != NULL));
        security_config_unref(config);
    });
    folder_end(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_patterns),
        cmocka_unit_test(checks_passwords),
        cmocka_unit_test(refuses_what_is_no_hash),
        cmocka_unit_test(reads_the_files),
        cmocka_unit_test(tells_faults_by_line),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.security", tests, NULL, NULL);
}
