/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: the decision tables, row by row.
 */
#include "plugin/ml_remote/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"

/* ---- users ---- */

static const struct berth_str eng[] = {BERTH_STR_INIT("eng")};
static const struct berth_str sales[] = {BERTH_STR_INIT("sales")};
static const struct berth_str both[] = {BERTH_STR_INIT("sales"), BERTH_STR_INIT("eng")};
static const struct berth_str full[] = {BERTH_STR_INIT("ml_full_access")};
static const struct berth_str all[] = {BERTH_STR_INIT("all_access")};

#define USER(name_, backend, count, roles_, admin)                                                 \
    {                                                                                              \
        .size = sizeof(struct berth_user),                                                         \
        .is_admin = (admin),                                                                       \
        .name = BERTH_STR_INIT(name_),                                                             \
        .backend_roles = (backend),                                                                \
        .roles = (roles_),                                                                         \
        .backend_role_count = (count),                                                             \
        .role_count = 1,                                                                           \
    }

enum { ADMIN, ALICE, BOB, CAROL, DAVE, USERS };
static const struct berth_user users[USERS] = {
    [ADMIN] = USER("admin", NULL, 0, all, 1), [ALICE] = USER("alice", eng, 1, full, 0),
    [BOB] = USER("bob", sales, 1, full, 0),   [CAROL] = USER("carol", both, 2, full, 0),
    [DAVE] = USER("dave", NULL, 0, full, 0),
};

/* ---- who may do what with an object ---- */

#define ALICES "\"owner\":{\"name\":\"alice\"}"

/* Each string: admin, alice (the owner), bob (sales), carol (sales, eng), dave; y or n. */
static const struct {
    const char *object;
    const char *connector[ML_RIGHTS]; /* to use, to change, to change its access */
    const char *group[ML_RIGHTS];
} objects[] = {
    {"{}", {"yyyyy", "ynnnn", "ynnnn"}, {"yyyyy", "yyyyy", "ynnnn"}},
    {"{\"access\":\"public\"}", {"yyyyy", "ynnnn", "ynnnn"}, {"yyyyy", "yyyyy", "ynnnn"}},
    {"{\"access\":\"public\"," ALICES "}",
     {"yyyyy", "yynnn", "yynnn"},
     {"yyyyy", "yyyyy", "yynnn"}},
    {"{\"access\":\"private\"," ALICES "}",
     {"yynnn", "yynnn", "yynnn"},
     {"yynnn", "yynnn", "yynnn"}},
    {"{\"access\":\"restricted\",\"backend_roles\":[\"sales\"]," ALICES "}",
     {"yyyyn", "yyyyn", "yynnn"},
     {"yyyyn", "yyyyn", "yynnn"}},
    {"{\"access\":\"restricted\",\"backend_roles\":[\"x\",\"eng\"]," ALICES "}",
     {"yynyn", "yynyn", "yynnn"},
     {"yynyn", "yynyn", "yynnn"}},
    {"{\"access\":\"restricted\",\"backend_roles\":[]," ALICES "}",
     {"yynnn", "yynnn", "yynnn"},
     {"yynnn", "yynnn", "yynnn"}},
    /* Roles of an object that is private count no more. */
    {"{\"access\":\"private\",\"backend_roles\":[\"eng\"]," ALICES "}",
     {"yynnn", "yynnn", "yynnn"},
     {"yynnn", "yynnn", "yynnn"}},
    {"{" ALICES "}", {"yynnn", "yynnn", "yynnn"}, {"yynnn", "yynnn", "yynnn"}},
};

static void decides_by_table(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(objects); i++) {
        JSON_DOC_AUTO doc = {0};
        BASE_ARENA_AUTO arena;
        struct ml_access access;
        base_arena_init(&arena, 256);
        assert_true(json_parse(&doc, base_cstr(objects[i].object), 0, NULL));
        assert_true(ml_access_load(json_root(&doc), &arena, &access));
        for (int right = 0; right < ML_RIGHTS; right++) {
            for (int user = 0; user < USERS; user++) {
                bool connector = objects[i].connector[right][user] == 'y';
                bool group = objects[i].group[right][user] == 'y';
                if (ml_access_may(ML_CONNECTOR, (enum ml_right)right, &access, &users[user]) !=
                        connector ||
                    ml_access_may(ML_GROUP, (enum ml_right)right, &access, &users[user]) != group) {
                    fail_msg("%s: right %d of %s", objects[i].object, right, users[user].name.ptr);
                }
            }
            assert_true(ml_access_may(ML_GROUP, (enum ml_right)right, &access, NULL));
        }
    }
}

/* ---- what a body asks for ---- */

static void set_up(struct fake_host *host, const char *active) {
    fake_host_init(host);
    fake_host_start(host);
    fake_host_set(host, "plugins.ml_commons.connector_access_control_enabled", active);
    fake_host_set(host, "plugins.ml_commons.model_access_control_enabled", active);
    assert_int_equal(fake_host_apply(host, NULL), BERTH_OK);
}

static const struct {
    const char *body;
    const char *refused; /* the member that is; NULL: none */
} inactive[] = {
    {"{}", NULL},
    {"{\"name\":\"n\"}", NULL},
    {"{\"access_mode\":null,\"backend_roles\":null,\"add_all_backend_roles\":null}", NULL},
    {"{\"backend_roles\":[]}", NULL},
    {"{\"access_mode\":\"public\"}", "access_mode"},
    {"{\"access_mode\":\"private\"}", "access_mode"},
    {"{\"access_mode\":\"unheard of\"}", "access_mode"},
    {"{\"backend_roles\":[\"eng\"]}", "backend_roles"},
    {"{\"backend_roles\":\"eng\"}", "backend_roles"},
    {"{\"add_all_backend_roles\":true}", "add_all_backend_roles"},
    {"{\"add_all_backend_roles\":false}", "add_all_backend_roles"},
};

static void refuses_what_has_no_effect(void **state) {
    (void)state;
    struct fake_host host;
    /* Without users, though it is switched on; and with users, switched off. */
    for (int with_user = 0; with_user < 2; with_user++) {
        set_up(&host, with_user ? "false" : "true");
        for (size_t i = 0; i < BASE_COUNT(inactive); i++) {
            FAKE_CALL_AUTO c;
            struct ml_edit edits[ML_ACCESS_EDITS];
            size_t count = 0;
            fake_call_begin(&c, &host, inactive[i].body);
            c.request.user = with_user ? &users[ALICE] : NULL;
            int32_t code = ml_access_create(&c.call, ML_CONNECTOR, edits, &count);
            assert_int_equal(code, inactive[i].refused ? BERTH_E_INVALID : BERTH_OK);
            assert_int_equal(count, 0);
            if (inactive[i].refused) {
                assert_int_equal(base_error_status(&c.call.error), 400);
                assert_string_equal(base_error_type(&c.call.error), "illegal_argument_exception");
                assert_non_null(strstr(c.call.error.message, inactive[i].refused));
                assert_non_null(strstr(c.call.error.message, "connector_access_control_enabled"));
            }
        }
        fake_host_deinit(&host);
    }
}

#define WRONG NULL

/* What a new object gets; a change of one that is the user's own gets the same, unless it says. */
static const struct {
    int user;
    const char *body;
    const char *mode; /* WRONG: 400 */
    const char *roles;
    const char *change; /* of mode, where it differs; "": nothing is changed */
} wishes[] = {
    {ALICE, "{}", "private", NULL, ""},
    {ALICE, "{\"backend_roles\":[]}", "private", NULL, ""},
    {ALICE, "{\"access_mode\":\"public\"}", "public", NULL, NULL},
    {ALICE, "{\"access_mode\":\"PRIVATE\"}", "private", NULL, NULL},
    {ALICE, "{\"access_mode\":\"nonsense\"}", WRONG, NULL, NULL},
    {ALICE, "{\"access_mode\":\"restricted\"}", WRONG, NULL, NULL},
    {ALICE, "{\"access_mode\":\"restricted\",\"backend_roles\":[\"eng\"]}", "restricted",
     "[\"eng\"]", NULL},
    {ALICE, "{\"backend_roles\":[\"eng\"]}", "restricted", "[\"eng\"]", NULL},
    {ALICE, "{\"add_all_backend_roles\":true}", "restricted", "[\"eng\"]", NULL},
    {CAROL, "{\"access_mode\":\"restricted\",\"add_all_backend_roles\":true}", "restricted",
     "[\"sales\",\"eng\"]", NULL},
    {ALICE, "{\"access_mode\":\"restricted\",\"backend_roles\":[\"sales\"]}", WRONG, NULL, NULL},
    {ALICE, "{\"backend_roles\":[\"eng\",\"sales\"]}", WRONG, NULL, NULL},
    {ALICE, "{\"backend_roles\":[\"eng\"],\"add_all_backend_roles\":true}", WRONG, NULL, NULL},
    {ALICE, "{\"access_mode\":\"public\",\"backend_roles\":[\"eng\"]}", WRONG, NULL, NULL},
    {ALICE, "{\"access_mode\":\"private\",\"add_all_backend_roles\":true}", WRONG, NULL, NULL},
    {ALICE, "{\"access_mode\":\"private\",\"add_all_backend_roles\":false}", "private", NULL, NULL},
    {ALICE, "{\"access_mode\":\"restricted\",\"add_all_backend_roles\":false}", WRONG, NULL, NULL},
    {ALICE, "{\"backend_roles\":\"eng\"}", WRONG, NULL, NULL},
    {ALICE, "{\"backend_roles\":[1]}", WRONG, NULL, NULL},
    {DAVE, "{\"add_all_backend_roles\":true}", WRONG, NULL, NULL},
    {DAVE, "{\"access_mode\":\"restricted\",\"backend_roles\":[\"eng\"]}", WRONG, NULL, NULL},
    {ADMIN, "{\"access_mode\":\"restricted\",\"backend_roles\":[\"any\"]}", "restricted",
     "[\"any\"]", NULL},
    {ADMIN, "{\"add_all_backend_roles\":true}", WRONG, NULL, NULL},
    {ADMIN, "{\"access_mode\":\"public\",\"add_all_backend_roles\":true}", WRONG, NULL, NULL},
};

/* The member that the edits set: its JSON, or "" where it is removed or not touched. */
static struct berth_str edit_of(const struct ml_edit *edits, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(edits[i].name, name) == 0) {
            return edits[i].raw.ptr ? edits[i].raw : base_str("", 0);
        }
    }
    return base_str("", 0);
}

static void check_wish(size_t i, const struct fake_call *c, int32_t code,
                       const struct ml_edit *edits, size_t count) {
    char mode[32] = "";
    if (!wishes[i].mode) {
        assert_int_not_equal(code, BERTH_OK);
        assert_int_equal(base_error_status(&c->call.error), 400);
        return;
    }
    (void)snprintf(mode, sizeof mode, "\"%s\"", wishes[i].mode);
    if (code || !base_str_is(edit_of(edits, count, "access"), mode) ||
        !base_str_is(edit_of(edits, count, "backend_roles"),
                     wishes[i].roles ? wishes[i].roles : "")) {
        fail_msg("%s: %d, %s", wishes[i].body, code, c->call.error.message);
    }
}

static void reads_wishes_by_table(void **state) {
    (void)state;
    struct fake_host host;
    set_up(&host, "true");
    for (size_t i = 0; i < BASE_COUNT(wishes); i++) {
        for (int kind = ML_CONNECTOR; kind <= ML_GROUP; kind += ML_GROUP - ML_CONNECTOR) {
            FAKE_CALL_AUTO c;
            struct ml_edit edits[ML_ACCESS_EDITS];
            size_t count = 0;
            fake_call_begin(&c, &host, wishes[i].body);
            c.request.user = &users[wishes[i].user];
            int32_t code = ml_access_create(&c.call, (enum ml_kind)kind, edits, &count);
            check_wish(i, &c, code, edits, count);
            if (!code) {
                assert_non_null(
                    strstr(edit_of(edits, count, "owner").ptr, users[wishes[i].user].name.ptr));
            }
        }
    }
    fake_host_deinit(&host);
}

static void changes_by_table(void **state) {
    (void)state;
    struct fake_host host;
    struct berth_str id = BERTH_STR("id");
    set_up(&host, "true");
    for (size_t i = 0; i < BASE_COUNT(wishes); i++) {
        char source[128];
        FAKE_CALL_AUTO c;
        ML_DOCUMENT_AUTO group = {0};
        struct ml_edit edits[ML_ACCESS_EDITS];
        size_t count = 0;
        (void)snprintf(source, sizeof source, "{\"access\":\"public\",\"owner\":{\"name\":\"%s\"}}",
                       users[wishes[i].user].name.ptr);
        fake_host_put(&host, ".plugins-ml-model-group", "id", source);
        fake_call_begin(&c, &host, wishes[i].body);
        c.view.params = &id;
        c.view.param_count = 1;
        c.request.user = &users[wishes[i].user];
        assert_int_equal(ml_access_get(&c.call, ML_GROUP, id, ML_MAY_CHANGE, &group), BERTH_OK);
        int32_t code = ml_access_update(&c.call, ML_GROUP, &group, edits, &count);
        if (wishes[i].change) {
            assert_int_equal(code, BERTH_OK);
            assert_int_equal(count, 0);
            continue;
        }
        check_wish(i, &c, code, edits, count);
        assert_int_equal(edit_of(edits, count, "owner").len, 0);
    }
    /* Others may change it, since it is public, and not its access. */
    FAKE_CALL_AUTO c;
    ML_DOCUMENT_AUTO group = {0};
    struct ml_edit edits[ML_ACCESS_EDITS];
    size_t count = 0;
    fake_host_put(&host, ".plugins-ml-model-group", "id",
                  "{\"access\":\"public\",\"owner\":{\"name\":\"alice\"}}");
    fake_call_begin(&c, &host, "{\"access_mode\":\"private\"}");
    c.view.params = &id;
    c.view.param_count = 1;
    c.request.user = &users[BOB];
    assert_int_equal(ml_access_get(&c.call, ML_GROUP, id, ML_MAY_CHANGE, &group), BERTH_OK);
    assert_int_not_equal(ml_access_update(&c.call, ML_GROUP, &group, edits, &count), BERTH_OK);
    assert_int_equal(base_error_status(&c.call.error), 403);
    assert_string_equal(base_error_type(&c.call.error), "status_exception");
    fake_host_deinit(&host);
}

/* ---- what belongs to a group ---- */

static const struct {
    enum ml_kind kind;
    const char *id;
    const char *who; /* as above */
} members[] = {
    {ML_GROUP, "g", "yynyn"},      {ML_MODEL, "m", "yynyn"},
    {ML_MODEL, "free", "yyyyy"},                                 /* has no group */
    {ML_MODEL, "orphan", "ynnnn"},                               /* its group is gone */
    {ML_TASK, "t", "yynyn"},       {ML_TASK, "t-gone", "ynnnn"}, /* its model is gone */
    {ML_CONTROLLER, "m", "yynyn"},
};

static void decides_by_the_group(void **state) {
    (void)state;
    struct fake_host host;
    set_up(&host, "true");
    fake_host_put(&host, ".plugins-ml-model-group", "g",
                  "{\"access\":\"restricted\",\"backend_roles\":[\"eng\"]," ALICES "}");
    fake_host_put(&host, ".plugins-ml-model", "m", "{\"model_group_id\":\"g\"}");
    fake_host_put(&host, ".plugins-ml-model", "free", "{}");
    fake_host_put(&host, ".plugins-ml-model", "orphan", "{\"model_group_id\":\"gone\"}");
    fake_host_put(&host, ".plugins-ml-task", "t", "{\"model_id\":\"m\"}");
    fake_host_put(&host, ".plugins-ml-task", "t-gone", "{\"model_id\":\"gone\"}");
    fake_host_put(&host, ".plugins-ml-controller", "m", "{\"model_id\":\"m\"}");
    for (size_t i = 0; i < BASE_COUNT(members); i++) {
        for (int user = 0; user < USERS; user++) {
            FAKE_CALL_AUTO c;
            struct berth_str id = base_cstr(members[i].id);
            fake_call_begin(&c, &host, "{}");
            c.request.user = &users[user];
            int32_t code = ml_access_require(&c.call, members[i].kind, id, ML_MAY_USE);
            if ((code == BERTH_OK) != (members[i].who[user] == 'y')) {
                fail_msg("%s of kind %d for %s: %d", members[i].id, members[i].kind,
                         users[user].name.ptr, code);
            }
            if (code) {
                assert_int_equal(base_error_status(&c.call.error), 403);
                assert_non_null(strstr(c.call.error.message, members[i].id));
                assert_non_null(strstr(c.call.error.message, users[user].name.ptr));
            }
        }
        /* Without users, all. */
        FAKE_CALL_AUTO c;
        fake_call_begin(&c, &host, "{}");
        assert_int_equal(
            ml_access_require(&c.call, members[i].kind, base_cstr(members[i].id), ML_MAY_CHANGE),
            BERTH_OK);
    }
    /* What is not there is 404, for strangers too. */
    FAKE_CALL_AUTO c;
    fake_call_begin(&c, &host, "{}");
    c.request.user = &users[DAVE];
    assert_int_equal(ml_access_require(&c.call, ML_MODEL, BERTH_STR("none"), ML_MAY_USE),
                     BERTH_E_NOT_FOUND);
    assert_int_equal(base_error_status(&c.call.error), 404);
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_by_table),      cmocka_unit_test(refuses_what_has_no_effect),
        cmocka_unit_test(reads_wishes_by_table), cmocka_unit_test(changes_by_table),
        cmocka_unit_test(decides_by_the_group),
    };
    return cmocka_run_group_tests_name("ml_remote.access", tests, NULL, NULL);
}
