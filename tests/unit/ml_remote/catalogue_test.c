/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

#include "plugin/ml_remote/settings.h"

#define MODELS ".plugins-ml-model"
#define CONNECTOR                                                                                  \
    "{\"protocol\":\"http\",\"credential\":{\"key\":"                                              \
    "\"sealed:.plugins-ml-connector/c1/credential/key:s3cr3t\"},\"parameters\":{\"p\":\"1\"},"     \
    "\"actions\":[{\"action_type\":\"PREDICT\",\"method\":\"post\",\"url\":\"https://h/%s\","      \
    "\"headers\":{\"Authorization\":\"Bearer ${credential.key}\"},\"request_body\":\"{}\"}]}"
#define MODEL(state, nodes)                                                                        \
    "{\"model_state\":\"" state "\",\"planning_worker_nodes\":" nodes ",\"connector_id\":\"c1\"}"
#define DEPLOYED MODEL("DEPLOYED", "[\"node-1\"]")

static const struct {
    const char *model; /* NULL: deleted */
    bool belongs;
} cases[] = {
    {DEPLOYED, true},
    {MODEL("PARTIALLY_DEPLOYED", "[\"node-2\",\"node-1\"]"), true},
    {MODEL("DEPLOYED", "[\"node-2\"]"), false},
    {MODEL("DEPLOYED", "[\"node-11\"]"), false},
    {MODEL("DEPLOYED", "[]"), false},
    {MODEL("DEPLOYED", "null"), false},
    {MODEL("DEPLOYING", "[\"node-1\"]"), false},
    {MODEL("UNDEPLOYED", "[\"node-1\"]"), false},
    {MODEL("REGISTERED", "[\"node-1\"]"), false},
    {MODEL("DEPLOY_FAILED", "[\"node-1\"]"), false},
    {"{}", false},
    {NULL, false},
};

static void knows_what_belongs_to_the_node(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        JSON_DOC_AUTO doc = {0};
        if (cases[i].model) {
            assert_true(json_parse(&doc, base_cstr(cases[i].model), 0, NULL));
        }
        if (ml_catalogue_belongs(json_root(&doc), BERTH_STR("node-1")) != cases[i].belongs) {
            fail_msg("%s", cases[i].model);
        }
    }
}

/* A host with a connector c1 and one loop. */
struct rig {
    struct fake_host host;
    struct ml_loop loop;
};

static void put_connector(struct rig *rig, const char *path) {
    char text[1024];
    (void)snprintf(text, sizeof text, CONNECTOR, path);
    fake_host_put(&rig->host, ".plugins-ml-connector", "c1", text);
}

static void begin(struct rig *rig) {
    memset(rig, 0, sizeof *rig);
    fake_host_init(&rig->host);
    fake_host_start(&rig->host);
    put_connector(rig, "v1");
    rig->loop.plugin = &rig->host.plugin;
    rig->loop.settings = rig->host.plugin.settings;
    rig->host.loop.contexts[0] = &rig->loop;
    assert_int_equal(ml_catalogue_create(&rig->host.plugin, &rig->host.plugin.catalogue, NULL),
                     BERTH_OK);
}

static void finish(struct rig *rig) {
    ml_catalogue_stop_loop(&rig->loop);
    ml_catalogue_destroy(rig->host.plugin.catalogue);
    fake_host_deinit(&rig->host);
}

static bool is_on_loop(struct rig *rig, const char *id) {
    return ml_catalogue_find(&rig->loop, base_cstr(id)) != NULL;
}

static void follows_what_is_written(void **state) {
    (void)state;
    struct rig rig;
    begin(&rig);
    assert_int_equal(ml_catalogue_start(&rig.host.plugin, NULL), BERTH_OK);
    for (size_t i = 0; i + 1 < BASE_COUNT(cases); i++) {
        fake_host_put(&rig.host, MODELS, "m1", cases[i].model);
        assert_int_equal(is_on_loop(&rig, "m1"), cases[i].belongs);
        assert_int_equal(ml_catalogue_has(&rig.host.plugin, BERTH_STR("m1")), cases[i].belongs);
    }
    fake_host_put(&rig.host, MODELS, "m1", DEPLOYED);
    struct berth_write deletion =
        ml_write(ML_MODEL, BERTH_WRITE_DELETE, BERTH_STR("m1"), base_str(NULL, 0));
    assert_true(is_on_loop(&rig, "m1"));
    assert_int_equal(ml_store_write(&rig.host.plugin, &deletion, 1, NULL, NULL), BERTH_OK);
    assert_false(is_on_loop(&rig, "m1"));
    finish(&rig);
}

/* A prediction keeps the model with which it began; the next gets the new one. */
static void replaces_a_model_that_is_in_use(void **state) {
    (void)state;
    struct rig rig;
    begin(&rig);
    assert_int_equal(ml_catalogue_start(&rig.host.plugin, NULL), BERTH_OK);
    fake_host_put(&rig.host, MODELS, "m1", DEPLOYED);
    struct ml_deployed *held =
        ml_deployed_ref(ml_catalogue_find(&rig.loop, BERTH_STR("m1"))->deployed);
    put_connector(&rig, "v2");
    fake_host_put(&rig.host, MODELS, "m1", DEPLOYED);
    struct ml_loop_model *now = ml_catalogue_find(&rig.loop, BERTH_STR("m1"));
    assert_ptr_not_equal(now->deployed, held);
    assert_int_equal(now->trusted_serial, 0);
    assert_true(base_str_is(held->id, "m1"));
    assert_true(base_str_is(held->actions[ML_ACTION_PREDICT].method, "POST"));
    ml_deployed_unref(held);
    finish(&rig);
}

static void loads_what_is_stored(void **state) {
    (void)state;
    struct rig rig;
    begin(&rig);
    fake_host_put(&rig.host, MODELS, "m1", DEPLOYED);
    fake_host_put(&rig.host, MODELS, "m2", MODEL("UNDEPLOYED", "[]"));
    fake_host_put(&rig.host, MODELS, "m3", DEPLOYED);
    fake_host_put(&rig.host, MODELS, "m4", "{\"model_state\":");
    assert_int_equal(ml_catalogue_start(&rig.host.plugin, NULL), BERTH_OK);
    assert_true(is_on_loop(&rig, "m1"));
    assert_false(is_on_loop(&rig, "m2"));
    assert_true(is_on_loop(&rig, "m3"));
    assert_false(is_on_loop(&rig, "m4"));
    finish(&rig);
}

/* A loop that starts later, as after a reload, is filled with what is there. */
static void fills_a_loop_that_starts_late(void **state) {
    (void)state;
    struct rig rig;
    begin(&rig);
    rig.host.loop.contexts[0] = NULL;
    assert_int_equal(ml_catalogue_start(&rig.host.plugin, NULL), BERTH_OK);
    for (uint32_t i = 0; i < 20; i++) {
        char id[8];
        (void)snprintf(id, sizeof id, "m%u", i);
        fake_host_put(&rig.host, MODELS, id, DEPLOYED);
    }
    BASE_ARENA_AUTO arena;
    struct berth_str *ids = NULL;
    base_arena_init(&arena, 256);
    assert_int_equal(ml_catalogue_ids(&rig.host.plugin, &arena, &ids), 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(ml_catalogue_has(&rig.host.plugin, ids[i]));
    }
    assert_false(is_on_loop(&rig, "m0"));
    assert_int_equal(ml_catalogue_start_loop(&rig.loop), BERTH_OK);
    assert_true(is_on_loop(&rig, "m0"));
    assert_true(is_on_loop(&rig, "m19"));
    finish(&rig);
}

/* What cannot be deployed is logged, and is not there in an older form either. */
static void leaves_out_what_cannot_be_deployed(void **state) {
    (void)state;
    static const char *const broken[] = {
        "{\"protocol\":\"http\",\"actions\":[]}",
        "{\"protocol\":\"none\",\"actions\":[]}",
        "{\"protocol\":\"http\",\"credential\":{\"key\":\"moved here\"},\"actions\":"
        "[{\"action_type\":\"PREDICT\",\"method\":\"POST\",\"url\":\"https://h/\"}]}",
    };
    struct rig rig;
    begin(&rig);
    assert_int_equal(ml_catalogue_start(&rig.host.plugin, NULL), BERTH_OK);
    for (uint32_t i = 0; i < BASE_COUNT(broken); i++) {
        put_connector(&rig, "v1");
        fake_host_put(&rig.host, MODELS, "m1", DEPLOYED);
        assert_true(is_on_loop(&rig, "m1"));
        fake_host_put(&rig.host, ".plugins-ml-connector", "c1", broken[i]);
        fake_host_put(&rig.host, MODELS, "m1", DEPLOYED);
        assert_false(is_on_loop(&rig, "m1"));
        assert_int_equal(rig.host.log_lines, i + 1);
        assert_string_equal(rig.host.last_event, "model_not_deployed");
    }
    finish(&rig);
}

/* Without memory a model is not served at all rather than in an old form. */
static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct rig rig;
    begin(&rig);
    assert_int_equal(ml_catalogue_start(&rig.host.plugin, NULL), BERTH_OK);
    fake_host_put(&rig.host, MODELS, "m1", DEPLOYED);
    struct berth_write write =
        ml_write(ML_MODEL, BERTH_WRITE_PUT, BERTH_STR("m1"), BERTH_STR(DEPLOYED));
    FAULT_EACH_ALLOCATION({
        struct ml_loop_model *before = ml_catalogue_find(&rig.loop, BERTH_STR("m1"));
        struct ml_deployed *old = before ? ml_deployed_ref(before->deployed) : NULL;
        int32_t code = ml_store_write(&rig.host.plugin, &write, 1, NULL, NULL);
        struct ml_loop_model *after = ml_catalogue_find(&rig.loop, BERTH_STR("m1"));
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        assert_true(code != BERTH_OK || !after || after->deployed != old);
        ml_deployed_unref(old);
    });
    assert_true(is_on_loop(&rig, "m1"));
    finish(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_belongs_to_the_node),
        cmocka_unit_test(follows_what_is_written),
        cmocka_unit_test(replaces_a_model_that_is_in_use),
        cmocka_unit_test(loads_what_is_stored),
        cmocka_unit_test(fills_a_loop_that_starts_late),
        cmocka_unit_test(leaves_out_what_cannot_be_deployed),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.catalogue", tests, NULL, NULL);
}
