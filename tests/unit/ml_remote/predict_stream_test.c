/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed replies that the host cannot take. */
#include "plugin/ml_remote/predict_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/predict_rig.h"

#define PARAMETERS "{\"_llm_interface\":\"openai/v1/chat/completions\"}"
#define CHUNK "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
#define DONE "data: [DONE]\n\n"

/* A streamed prediction whose question waits at its connector's gate, where the test answers it. */
static struct ml_predict *begin(struct predict_rig *rig) {
    predict_rig_begin(rig);
    predict_rig_deploy(rig, "POST", "https://a.example/", "{}", "{}");
    struct ml_gate_waiter first = {0};
    rig->model.deployed->config.is_given = true;
    rig->model.deployed->config.max_connection = 1;
    assert_int_equal(ml_gate_enter(rig->model.deployed->gate, 1, 0, &first), ML_GATE_IN);
    struct ml_predict *p = predict_rig_predict(rig, PARAMETERS);
    assert_non_null(p);
    base_buf_cstr(&p->first.payload, "{}");
    ml_predict_stream_start(p);
    assert_true(p->first.is_waiting);
    return p;
}

static int32_t feed(struct ml_predict *p, const char *text) {
    return p->first.on_bytes(p->first.user, &p->first, base_cstr(text));
}

static const struct {
    int32_t open;
    int32_t write;
    const char *bytes; /* of the service; NULL: none */
    bool is_whole;     /* the service's answer */
    uint32_t status;
    bool is_cut;
    const char *reason; /* in the error of a reply that is no stream */
} cases[] = {
    {BERTH_OK, BERTH_OK, CHUNK DONE, true, 200, false, NULL},
    {BERTH_OK, BERTH_OK, NULL, true, 200, false, NULL},
    /* The head cannot be sent: the client is told in a reply of its own. */
    {BERTH_E_NO_MEMORY, BERTH_OK, NULL, true, 503, false, "cannot be opened"},
    {BERTH_E_NO_MEMORY, BERTH_OK, CHUNK, false, 503, false, "cannot be opened"},
    /* What was opened and cannot be written is cut, so that it does not look whole. */
    {BERTH_OK, BERTH_E_NO_MEMORY, NULL, true, 200, true, NULL},
    {BERTH_OK, BERTH_E_NO_MEMORY, CHUNK, false, 200, true, NULL},
};

static void a_reply_that_the_host_refuses_ends_all_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct predict_rig rig;
        struct ml_predict *p = begin(&rig);
        rig.request.open_fails = cases[i].open;
        rig.request.write_fails = cases[i].write;
        int32_t code = cases[i].bytes ? feed(p, cases[i].bytes) : BERTH_OK;
        assert_int_equal(code == BERTH_OK, cases[i].is_whole);
        if (code) {
            assert_true(p->error.message[0] != '\0');
        }
        p->first.done(p->first.user, &p->first, code);
        assert_int_equal(rig.request.replies, 1);
        assert_int_equal(rig.request.status, cases[i].status);
        assert_int_equal(rig.request.is_cut, cases[i].is_cut);
        assert_false(rig.request.is_open);
        if (cases[i].reason) {
            assert_non_null(strstr(rig.request.error.message, cases[i].reason));
        }
        predict_rig_end(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_that_the_host_refuses_ends_all_the_same),
    };
    return cmocka_run_group_tests_name("ml_remote.predict_stream", tests, NULL, NULL);
}
