/* SPDX-License-Identifier: Apache-2.0 */
/* A prediction's way where it does not reach the remote service. */
#include "plugin/ml_remote/predict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plugin/ml_remote/handlers.h"
#include "tests/support/predict_rig.h"

static const struct berth_str params[] = {BERTH_STR_INIT("m1")};

static struct berth_request_view view_of(struct ml_loop *loop) {
    return (struct berth_request_view){.size = sizeof(struct berth_request_view),
                                       .params = params,
                                       .param_count = 1,
                                       .body = BERTH_STR("{\"parameters\":{\"input\":\"a\"}}"),
                                       .loop_context = loop};
}

static void begin(struct predict_rig *rig) {
    predict_rig_begin(rig);
    assert_int_equal(ml_catalogue_create(&rig->host.plugin, &rig->host.plugin.catalogue, NULL),
                     BERTH_OK);
}

static void end(struct predict_rig *rig) {
    base_map_deinit(&rig->loop.models);
    ml_usages_deinit(&rig->loop.usages);
    ml_catalogue_destroy(rig->host.plugin.catalogue);
    predict_rig_end(rig);
}

/* The client left while a password was checked or a model deployed. */
static void a_client_that_left_before_is_not_waited_for(void **state) {
    (void)state;
    struct predict_rig rig;
    begin(&rig);
    predict_rig_deploy(&rig, "POST", "https://a.example/", "{}", "{}");
    assert_true(base_map_set(&rig.loop.models, BERTH_STR("m1"), &rig.model));
    rig.request.is_cancelled = true;
    struct berth_request_view view = view_of(&rig.loop);
    ml_predict(NULL, &rig.request, &view);
    assert_int_equal(rig.request.replies, 1);
    assert_int_equal(rig.request.error.code, BERTH_E_CANCELLED);
    assert_int_equal(rig.loop.usages.running_count, 0);
    end(&rig);
}

/* Nothing that belonged to the loop is touched when its deployment ends behind it. */
static void a_loop_that_stopped_is_left_alone(void **state) {
    (void)state;
    struct predict_rig rig;
    begin(&rig);
    struct ml_loop *loop = malloc(sizeof *loop);
    assert_non_null(loop);
    *loop = rig.loop;
    struct berth_request_view view = view_of(loop);
    ml_predict(NULL, &rig.request, &view);
    assert_int_equal(rig.host.job_count, 1);
    rig.host.loop.contexts[0] = NULL;
    free(loop);
    fake_host_run_jobs(&rig.host);
    assert_int_equal(rig.request.replies, 1);
    assert_int_equal(rig.request.status, 503);
    end(&rig);
}

static void says_so_where_the_loop_cannot_be_told(void **state) {
    (void)state;
    struct predict_rig rig;
    begin(&rig);
    struct berth_request_view view = view_of(&rig.loop);
    ml_predict(NULL, &rig.request, &view);
    rig.host.loop.fail_next = true;
    fake_host_run_jobs(&rig.host);
    assert_int_equal(rig.request.replies, 1);
    assert_int_equal(rig.request.status, 503);
    end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_left_before_is_not_waited_for),
        cmocka_unit_test(a_loop_that_stopped_is_left_alone),
        cmocka_unit_test(says_so_where_the_loop_cannot_be_told),
    };
    return cmocka_run_group_tests_name("ml_remote.predict", tests, NULL, NULL);
}
