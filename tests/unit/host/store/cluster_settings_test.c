/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the cluster: stored, changed in two phases, read at the start.
 * @engines
 */
#include "host/store/cluster_settings.h"

#include "tests/support/fault.h"
#include "tests/support/store.h"

struct fixture {
    struct test_store *store;
    struct settings *settings;
    struct cluster_settings follower;
    uint64_t applied; /* the last sequence number that was told to be in force */
};

static const struct berth_str one = BERTH_STR_INIT("1");
static const struct berth_setting declared[] = {
    {.size = sizeof declared[0],
     .type = BERTH_SETTING_INT,
     .flags = BERTH_SETTING_DYNAMIC,
     .default_count = 1,
     .key = BERTH_STR_INIT("plugins.test.count"),
     .default_values = &one,
     .min = 0,
     .max = 100},
    {.size = sizeof declared[0],
     .type = BERTH_SETTING_INT,
     .default_count = 1,
     .key = BERTH_STR_INIT("plugins.test.fixed"),
     .default_values = &one,
     .min = 0,
     .max = 100},
};

static void note_applied(void *user, uint64_t seq_no) {
    struct fixture *f = user;
    f->applied = seq_no;
}

static void open_settings(struct fixture *f) {
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(settings_create(&f->settings, &error), BERTH_OK);
    assert_int_equal(settings_declare(f->settings, "test", declared, 2, &error), BERTH_OK);
    f->follower =
        (struct cluster_settings){.settings = f->settings, .applied = note_applied, .user = f};
    assert_int_equal(cluster_settings_open(f->store->store, &f->follower, &error), BERTH_OK);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)test_store_setup((void **)&f->store);
    open_settings(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    (void)test_store_teardown((void **)&f->store);
    settings_destroy(f->settings);
    free(f);
    return 0;
}

static int64_t count_in_force(struct fixture *f) {
    const struct berth_settings_view *view = settings_acquire(f->settings);
    assert_non_null(view);
    int64_t value = -1;
    assert_int_equal(settings_get_int(view, BERTH_STR("plugins.test.count"), &value), BERTH_OK);
    settings_release(f->settings, view);
    return value;
}

static void read_change(const char *text, struct settings_change *out) {
    JSON_DOC_AUTO doc = {0};
    struct berth_error error = BASE_ERROR_INIT;
    *out = (struct settings_change){settings_layer_create(), settings_layer_create()};
    assert_true(json_parse(&doc, base_cstr(text), 0, NULL));
    assert_int_equal(settings_layer_read(out->values, out->resets, json_root(&doc), &error),
                     BERTH_OK);
}

static void end_change(struct settings_change *change) {
    settings_layer_destroy(change->values);
    settings_layer_destroy(change->resets);
}

static int32_t change(struct fixture *f, const char *persistent, const char *transient,
                      struct berth_error *error) {
    struct settings_change changes[2];
    read_change(persistent, &changes[0]);
    read_change(transient, &changes[1]);
    uint64_t seq_no = 0;
    int32_t code = cluster_settings_change(f->store->store, f->settings, &changes[0], &changes[1],
                                           &seq_no, error);
    if (!code) {
        assert_int_equal(f->applied, seq_no);
    }
    end_change(&changes[0]);
    end_change(&changes[1]);
    return code;
}

static void changes_are_in_force_when_the_call_returns(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *persistent;
        const char *transient;
        int64_t value;
    } cases[] = {
        {"{}", "{}", 1},
        {"{\"plugins.test.count\":5}", "{}", 5},
        {"{}", "{\"plugins\":{\"test\":{\"count\":\"7\"}}}", 7},
        {"{\"plugins.test.count\":6}", "{}", 7},
        {"{}", "{\"plugins.test.count\":null}", 6},
        {"{\"plugins.test.*\":null}", "{}", 1},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(change(f, cases[i].persistent, cases[i].transient, &error), BERTH_OK);
        assert_int_equal(count_in_force(f), cases[i].value);
    }
}

static void a_refused_change_changes_neither_scope(void **state) {
    struct fixture *f = *state;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(change(f, "{\"plugins.test.count\":5}", "{}", &error), BERTH_OK);
    static const struct {
        const char *persistent;
        const char *transient;
    } cases[] = {
        {"{\"plugins.test.count\":6}", "{\"plugins.test.count\":101}"},
        {"{\"plugins.test.count\":\"many\"}", "{\"plugins.test.count\":8}"},
        {"{\"plugins.test.count\":6}", "{\"plugins.none\":1}"},
        {"{\"plugins.test.count\":6,\"plugins.test.fixed\":2}", "{}"},
        {"{\"plugins.test.count\":6,\"plugins.none\":null}", "{}"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_int_equal(change(f, cases[i].persistent, cases[i].transient, &error),
                         BERTH_E_INVALID);
        assert_int_equal(count_in_force(f), 5);
    }
    assert_source(f->store->store, CLUSTER_SETTINGS_INDEX, "persistent",
                  "{\"values\":{\"plugins.test.count\":\"5\"}}");
}

static void only_the_persistent_ones_outlive_the_process(void **state) {
    struct fixture *f = *state;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(change(f, "{\"plugins.test.count\":5}", "{\"plugins.test.count\":7}", &error),
                     BERTH_OK);
    assert_int_equal(count_in_force(f), 7);
    store_close(f->store->store);
    f->store->store = NULL;
    settings_destroy(f->settings);
    test_store_open(f->store);
    open_settings(f);
    /* A cluster goes on without a node, and so do its transient settings. */
    assert_int_equal(count_in_force(f), test_store_is_replica() ? 7 : 5);
}

static void survives_each_failed_allocation(void **state) {
    struct fixture *f = *state;
    struct settings_change changes[2];
    read_change("{\"plugins.test.count\":5}", &changes[0]);
    read_change("{}", &changes[1]);
    /* Until nothing fails any more; each attempt makes the change, or says that it did not. */
    bool failed = true;
    for (uint32_t n = 1; failed; n++) {
        struct berth_error error = BASE_ERROR_INIT;
        fault_fail_allocation(n);
        uint64_t seq_no = 0;
        int32_t code = cluster_settings_change(f->store->store, f->settings, &changes[0],
                                               &changes[1], &seq_no, &error);
        failed = fault_end();
        assert_true(code == BERTH_OK || (failed && code == BERTH_E_NO_MEMORY));
    }
    assert_int_equal(count_in_force(f), 5);
    end_change(&changes[0]);
    end_change(&changes[1]);
}

#define WITH_SETTINGS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SETTINGS(changes_are_in_force_when_the_call_returns),
        WITH_SETTINGS(a_refused_change_changes_neither_scope),
        WITH_SETTINGS(only_the_persistent_ones_outlive_the_process),
        WITH_SETTINGS(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.store.cluster_settings", tests, NULL, NULL);
}
