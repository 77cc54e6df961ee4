/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

#include "plugin/ml_remote/catalogue.h"

#define KEY(name) "plugins.ml_commons." name
#define TRUSTED KEY("trusted_connector_endpoints_regex")

static void starts_with_the_defaults(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    struct ml_settings *s = ml_settings_acquire(&host.plugin);
    assert_int_equal(s->serial, 1);
    assert_true(s->remote_inference_enabled);
    assert_false(s->private_ip_enabled);
    assert_false(s->connector_access_control);
    assert_false(s->model_access_control);
    assert_false(s->allow_custom_deployment_plan);
    assert_true(s->auto_deploy);
    assert_int_equal(s->max_register_tasks, 10);
    assert_int_equal(s->max_deploy_tasks, 10);
    assert_int_equal(s->max_batch_tasks, 100);
    assert_true(s->batch_enabled);
    assert_int_equal(s->sync_interval_ms, 10000);
    assert_int_equal(s->task_timeout_ms, 600000);
    assert_int_equal(s->task_retention_ms, 0);
    assert_int_equal(s->job_rules.field_count, 3);
    assert_int_equal(s->max_answer, 100000000);
    assert_true(s->rules.only_ml_nodes);
    assert_int_equal(s->rules.role_count, 2);
    assert_int_equal(s->rules.excluded_count, 0);
    assert_true(s->node_is_eligible);
    assert_int_equal(ml_settings_check_remote(s, NULL), BERTH_OK);
    ml_settings_release(s);
    fake_host_deinit(&host);
}

/* What is declared: each within its own bounds, named and described, open to change. */
static void declares_each_setting_well(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    assert_true(host.settings.count > 20);
    for (uint32_t i = 0; i < host.settings.count; i++) {
        const struct berth_setting *d = &host.settings.list[i].declared;
        int64_t number = 0;
        assert_true(base_str_starts(d->key, BERTH_STR("plugins.ml_commons.")));
        assert_true(d->description.len > 10);
        assert_int_equal(d->flags, BERTH_SETTING_DYNAMIC);
        if (d->type == BERTH_SETTING_INT) {
            assert_true(base_str_i64(host.settings.list[i].values[0], &number));
            assert_true((double)number >= d->min && (double)number <= d->max);
        }
    }
    fake_host_deinit(&host);
}

static const struct {
    const char *url;
    bool trusted;
} defaults[] = {
    {"https://api.openai.com/v1/embeddings", true},
    {"https://api.cohere.ai/v1/embed", true},
    {"https://api.deepseek.com/v1/chat/completions", true},
    {"https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/e/invocations", true},
    {"https://api.sagemaker.us-east-1.amazonaws.com/CreateTransformJob", true},
    {"https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke", true},
    {"https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank", true},
    {"https://bedrock.us-east-1.amazonaws.com/model-invocation-job", true},
    {"https://textract.us-east-1.amazonaws.com", true},
    {"https://textract.us-east-1.amazonaws.com/", false},
    {"https://comprehend.us-east-1.amazonaws.com", true},
    {"https://rekognition.us-east-1.amazonaws.com", true},
    {"https://rekognition-fips.us-east-1.amazonaws.com", true},
    {"http://api.openai.com/v1/embeddings", false},
    {"https://example.org/", false},
};

static void trusts_the_known_services(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    void *scratch = ml_trust_scratch_create();
    for (size_t i = 0; i < BASE_COUNT(defaults); i++) {
        if (ml_trust_matches(host.plugin.settings->trust, base_cstr(defaults[i].url), scratch) !=
            defaults[i].trusted) {
            fail_msg("%s", defaults[i].url);
        }
    }
    ml_trust_scratch_destroy(scratch);
    fake_host_deinit(&host);
}

/* ---- changes ---- */

static const struct {
    const char *key;
    const char *value;
    size_t offset;
    uint64_t expected;
    size_t size;
} changes[] = {
#define MEMBER(key, value, member, expected)                                                       \
    {KEY(key), value, offsetof(struct ml_settings, member), expected,                              \
     sizeof(((struct ml_settings *)NULL)->member)}
    MEMBER("remote_inference.enabled", "false", remote_inference_enabled, 0),
    MEMBER("connector.private_ip_enabled", "true", private_ip_enabled, 1),
    MEMBER("connector_access_control_enabled", "true", connector_access_control, 1),
    MEMBER("model_access_control_enabled", "true", model_access_control, 1),
    MEMBER("allow_custom_deployment_plan", "true", allow_custom_deployment_plan, 1),
    MEMBER("model_auto_deploy.enable", "false", auto_deploy, 0),
    MEMBER("max_register_model_tasks_per_node", "0", max_register_tasks, 0),
    MEMBER("max_deploy_model_tasks_per_node", "7", max_deploy_tasks, 7),
    MEMBER("max_batch_inference_tasks", "0", max_batch_tasks, 0),
    MEMBER("offline_batch_inference_enabled", "false", batch_enabled, 0),
    MEMBER("sync_up_job_interval_in_seconds", "0", sync_interval_ms, 0),
    MEMBER("sync_up_job_interval_in_seconds", "7", sync_interval_ms, 7000),
    MEMBER("ml_task_timeout_in_seconds", "60", task_timeout_ms, 60000),
    MEMBER("max_json_size", "4096", max_answer, 4096),
    MEMBER("max_json_size", "0", max_answer, 0),
    MEMBER("max_json_size", "-1", max_answer, JSON_TEXT_MAX),
    MEMBER("only_run_on_ml_node", "false", rules.only_ml_nodes, 0),
#undef MEMBER
};

static void follows_each_change(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(changes); i++) {
        struct fake_host host;
        fake_host_init(&host);
        fake_host_start(&host);
        fake_host_set(&host, changes[i].key, changes[i].value);
        assert_int_equal(fake_host_apply(&host, NULL), BERTH_OK);
        uint64_t value = 0;
        memcpy(&value, (const char *)host.plugin.settings + changes[i].offset, changes[i].size);
        if (value != changes[i].expected) {
            fail_msg("%s = %s: %llu", changes[i].key, changes[i].value, (unsigned long long)value);
        }
        assert_int_equal(host.plugin.settings->serial, 2);
        fake_host_deinit(&host);
    }
}

static void reads_names_of_excluded_nodes(void **state) {
    (void)state;
    static const struct {
        const char *value;
        const char *names[3];
    } cases[] = {
        {"", {NULL}}, {"a", {"a"}}, {"a,b", {"a", "b"}}, {" a , b ,,", {"a", "b"}}, {",", {NULL}},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct fake_host host;
        fake_host_init(&host);
        fake_host_start(&host);
        fake_host_set(&host, KEY("exclude_nodes._name"), cases[i].value);
        assert_int_equal(fake_host_apply(&host, NULL), BERTH_OK);
        const struct ml_eligibility_rules *rules = &host.plugin.settings->rules;
        uint32_t count = 0;
        for (; count < 3 && cases[i].names[count]; count++) {
            assert_true(count < rules->excluded_count);
            assert_true(base_str_is(rules->excluded[count], cases[i].names[count]));
        }
        assert_int_equal(rules->excluded_count, count);
        fake_host_deinit(&host);
    }
}

static void refuses_what_is_not_valid(void **state) {
    (void)state;
    static const struct berth_str expressions[] = {BERTH_STR_INIT("^https://ok/.*$"),
                                                   BERTH_STR_INIT("(a+)+")};
    struct fake_host host;
    struct berth_error error = BASE_ERROR_INIT;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_set_list(&host, TRUSTED, expressions, 2);
    assert_int_equal(fake_host_apply(&host, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "[" TRUSTED "]"));
    assert_non_null(strstr(error.message, "(a+)+"));
    fake_host_set_list(&host, TRUSTED, expressions, 1);
    assert_int_equal(fake_host_apply(&host, &error), BERTH_OK);
    fake_host_set(&host, KEY("task_dispatch_policy"), "least_load");
    assert_int_equal(fake_host_apply(&host, &error), BERTH_OK);
    fake_host_set(&host, KEY("task_dispatch_policy"), "by luck");
    assert_int_equal(fake_host_apply(&host, &error), BERTH_E_INVALID);
    assert_non_null(strstr(error.message, "by luck"));
    assert_int_equal(host.plugin.settings->serial, 3);
    fake_host_deinit(&host);
}

/* Those who hold a snapshot keep it; each loop is given the next. */
static void gives_loops_the_next_snapshot(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    struct ml_loop loops[2] = {{.index = 0}, {.index = 1}};
    struct ml_settings *held = ml_settings_acquire(&host.plugin);
    for (uint32_t i = 0; i < 2; i++) {
        loops[i].settings = ml_settings_acquire(&host.plugin);
        host.loop.contexts[i] = &loops[i];
    }
    fake_host_set(&host, KEY("connector.private_ip_enabled"), "true");
    assert_int_equal(fake_host_apply(&host, NULL), BERTH_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(loops[i].settings->private_ip_enabled);
        assert_ptr_equal(loops[i].settings, host.plugin.settings);
        ml_settings_release(loops[i].settings);
    }
    assert_false(held->private_ip_enabled);
    ml_settings_release(held);
    fake_host_deinit(&host);
}

static void says_that_remote_inference_is_off(void **state) {
    (void)state;
    struct fake_host host;
    struct berth_error error = BASE_ERROR_INIT;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_set(&host, KEY("remote_inference.enabled"), "false");
    assert_int_equal(fake_host_apply(&host, NULL), BERTH_OK);
    assert_int_equal(ml_settings_check_remote(host.plugin.settings, &error), BERTH_E_INVALID);
    assert_int_equal(base_error_status(&error), 400);
    assert_string_equal(base_error_type(&error), "status_exception");
    assert_non_null(strstr(error.message, KEY("remote_inference.enabled")));
    fake_host_deinit(&host);
}

static const struct berth_str data_role[] = {BERTH_STR_INIT("data")};
static const struct berth_node data_nodes[] = {
    {.size = sizeof data_nodes[0],
     .is_local = 1,
     .id = BERTH_STR_INIT("node-1"),
     .name = BERTH_STR_INIT("n1"),
     .roles = data_role,
     .role_count = 1},
    {.size = sizeof data_nodes[0], .id = BERTH_STR_INIT("node-2"), .name = BERTH_STR_INIT("n2")},
};

static void evicts_when_the_node_ceases_to_be_eligible(void **state) {
    (void)state;
    struct fake_host host;
    struct berth_error error = BASE_ERROR_INIT;
    fake_host_init(&host);
    host.nodes = data_nodes;
    host.node_count = BASE_COUNT(data_nodes);
    assert_int_equal(ml_catalogue_create(&host.plugin, &host.plugin.catalogue, NULL), BERTH_OK);
    fake_host_start(&host);
    assert_false(host.plugin.settings->node_is_eligible);
    assert_int_equal(ml_settings_not_eligible(&host.plugin, host.plugin.settings, &error),
                     BERTH_E_INVALID);
    assert_int_equal(base_error_status(&error), 400);
    assert_string_equal(base_error_type(&error), "illegal_argument_exception");
    assert_non_null(strstr(error.message, "only_run_on_ml_node is true; node [n2] with roles []"));
    static const struct {
        const char *only_run_on_ml_node;
        bool eligible;
        uint32_t jobs;
    } steps[] = {{"true", false, 0}, {"false", true, 0}, {"false", true, 0}, {"true", false, 1}};
    for (size_t i = 0; i < BASE_COUNT(steps); i++) {
        fake_host_set(&host, KEY("only_run_on_ml_node"), steps[i].only_run_on_ml_node);
        assert_int_equal(fake_host_apply(&host, NULL), BERTH_OK);
        assert_int_equal(host.plugin.settings->node_is_eligible, steps[i].eligible);
        assert_int_equal(host.job_count, steps[i].jobs);
    }
    fake_host_run_jobs(&host);
    ml_catalogue_destroy(host.plugin.catalogue);
    fake_host_deinit(&host);
}

/* ---- allocation ---- */

#define LONG_NAME                                                                                  \
    "a-name-that-is-long-enough-to-need-memory-of-its-own-and-not-that-of-the-texts-before-it-"    \
    "and-that-goes-on-for-another-line-of-the-same-length-so-that-few-of-them-fill-a-chunk-whole"
#define LONG_NAMES LONG_NAME "," LONG_NAME "," LONG_NAME "," LONG_NAME "," LONG_NAME

/* A change that cannot be applied leaves the old values, and says so; never half of the new. */
static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    fake_host_start(&host);
    fake_host_set(&host, KEY("exclude_nodes._name"), LONG_NAMES "," LONG_NAMES);
    FAULT_EACH_ALLOCATION({
        uint64_t serial = host.plugin.settings->serial;
        uint32_t lines = host.log_lines;
        host.changed(host.observer, &host.settings);
        const struct ml_settings *s = host.plugin.settings;
        if (s->serial == serial) {
            assert_int_equal(host.log_lines, lines + 1);
            assert_string_equal(host.last_event, "settings_not_applied");
        } else {
            assert_int_equal(s->rules.excluded_count, 10);
            for (uint32_t i = 0; i < 10; i++) {
                assert_true(base_str_is(s->rules.excluded[i], LONG_NAME));
            }
        }
    });
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_with_the_defaults),
        cmocka_unit_test(declares_each_setting_well),
        cmocka_unit_test(trusts_the_known_services),
        cmocka_unit_test(follows_each_change),
        cmocka_unit_test(reads_names_of_excluded_nodes),
        cmocka_unit_test(refuses_what_is_not_valid),
        cmocka_unit_test(gives_loops_the_next_snapshot),
        cmocka_unit_test(says_that_remote_inference_is_off),
        cmocka_unit_test(evicts_when_the_node_ceases_to_be_eligible),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.settings", tests, NULL, NULL);
}
