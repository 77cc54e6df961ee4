/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent to the remote service. */
#include "plugin/ml_remote/predict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"
#include "tests/support/predict_rig.h"
#include "tests/support/utf8_check.h"

#define URL "https://a.example/v1"

static const struct {
    const char *method;
    const char *request_body; /* NULL: none */
    const char *own;
    const char *given;
    const char *payload; /* NULL: refused, 400 illegal_argument_exception */
    const char *reason;
} payloads[] = {
    {"POST", "{\"q\":\"${parameters.q}\"}", "{}", "{\"q\":\"a\\\"b\"}", "{\"q\":\"a\\\"b\"}", NULL},
    {"put", "[${parameters.q}]", "{\"q\":1}", "{}", "[1]", NULL},
    {"DELETE", "{}", "{}", "{}", "{}", NULL},
    {"POST", "{\"a\":1}\n{\"b\":2}\n", "{}", "{}", "{\"a\":1}\n{\"b\":2}\n", NULL},
    {"POST", "{\"a\":1}\n\n[2]", "{}", "{}", "{\"a\":1}\n\n[2]", NULL},
    /* With GET nothing is sent. */
    {"GET", "{\"q\":${parameters.q}}", "{}", "{}", "", NULL},
    {"get", NULL, "{}", "{}", "", NULL},
    /* Without a request_body: http_body. */
    {"POST", NULL, "{}", "{\"http_body\":\"{\\\"given\\\": \\\"body\\\"}\"}",
     "{\"given\": \"body\"}", NULL},
    {"POST", NULL, "{}", "{\"http_body\":{\"given\":1}}", "{\"given\":1}", NULL},
    {"POST", NULL, "{\"http_body\":\"own\"}", "{}", "own", NULL},
    {"POST", NULL, "{\"http_body\":\"own\"}", "{\"http_body\":\"given\"}", "given", NULL},
    {"POST", NULL, "{\"a\":\"b\"}", "{\"x\":\"y\"}", NULL, "[http_body]"},
    {"POST", NULL, "{}", "{\"http_body\":\"\"}", NULL, "[http_body]"},
    /* Parameters that are missing. */
    {"POST", "{\"q\":\"${parameters.q}\",\"r\":\"${parameters.r}\"}", "{}", "{}", NULL, "[q, r]"},
    {"POST", "{\"q\":\"${parameters.q}\"}", "{}",
     "{\"skip_validating_missing_parameters\":\"true\"}", "{\"q\":\"${parameters.q}\"}", NULL},
    {"POST", "{\"q\":\"${parameters.q}\"}", "{}", "{\"skip_validating_missing_parameters\":true}",
     "{\"q\":\"${parameters.q}\"}", NULL},
    {"POST", "{\"q\":\"${parameters.q}\"}", "{\"skip_validating_missing_parameters\":\"true\"}",
     "{}", "{\"q\":\"${parameters.q}\"}", NULL},
    {"POST", "{\"q\":\"${parameters.q}\"}", "{\"skip_validating_missing_parameters\":\"true\"}",
     "{\"skip_validating_missing_parameters\":\"false\"}", NULL, "[q]"},
    {"POST", "{\"q\":\"${parameters.q}\"}", "{}", "{\"q\":\"${parameters.r}\"}",
     "{\"q\":\"${parameters.r}\"}", NULL},
    /* What is no JSON object, array, or lines of them. */
    {"POST", "{\"v\":${parameters.v}}", "{}", "{\"v\":\"bare words\"}", NULL, "not valid JSON"},
    {"POST", "{\"v\":${parameters.v}}", "{}", "{\"v\":\"\\\"quoted\\\"\"}", NULL, "not valid JSON"},
    {"POST", "{\"v\":", "{}", "{}", NULL, "not valid JSON"},
    {"POST", "", "{}", "{}", NULL, "not valid JSON"},
    {"POST", "7", "{}", "{}", NULL, "no object and no array"},
    {"POST", "\"text\"", "{}", "{}", NULL, "no object and no array"},
    {"POST", "{\"a\":1}{\"b\":2}", "{}", "{}", NULL, "not valid JSON"},
    {"POST", "{\"a\":1}\n{\"b\":", "{}", "{}", NULL, "not valid JSON"},
    /* What a lenient reader takes goes out as it is. */
    {"POST", "{'a':1}", "{}", "{}", "{'a':1}", NULL},
    {"POST", "{\"v\":${parameters.v}}", "{}", "{\"v\":\"word\"}", "{\"v\":word}", NULL},
};

static int32_t prepare(struct predict_rig *rig, struct ml_predict *p) {
    int32_t code = ml_exchange_prepare(&p->first, p->deployed, ML_ACTION_PREDICT, &rig->model,
                                       p->input.parameters);
    p->error = p->first.error;
    return code;
}

static void makes_payloads_by_table(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    for (size_t i = 0; i < BASE_COUNT(payloads); i++) {
        predict_rig_deploy(&rig, payloads[i].method, URL, payloads[i].request_body,
                           payloads[i].own);
        struct ml_predict *p = predict_rig_predict(&rig, payloads[i].given);
        int32_t code = prepare(&rig, p);
        if (payloads[i].payload) {
            assert_string_equal(p->error.message, "");
            assert_int_equal(code, BERTH_OK);
            assert_true(base_str_is(base_buf_view(&p->first.payload), payloads[i].payload));
        } else {
            assert_int_equal(code, BERTH_E_INVALID);
            assert_int_equal(base_error_status(&p->error), 400);
            assert_string_equal(base_error_type(&p->error), "illegal_argument_exception");
            assert_non_null(strstr(p->error.message, payloads[i].reason));
        }
        ml_predict_free(p);
    }
    predict_rig_end(&rig);
}

/* What is shown of a payload is cut between characters. */
static void shows_whole_characters(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    BASE_BUF_AUTO body;
    base_buf_init(&body, 4096);
    base_buf_cstr(&body, "{\"a\":\"");
    for (int i = 0; i < 100; i++) {
        base_buf_cstr(&body, "\xe4\xb8\x96");
    }
    base_buf_cstr(&body, "\" \"");
    for (int i = 0; i < 100; i++) {
        base_buf_cstr(&body, "\xe4\xb8\x96");
    }
    base_buf_cstr(&body, "\"}");
    base_buf_char(&body, '\0');
    predict_rig_deploy(&rig, "POST", URL, body.ptr, "{}");
    struct ml_predict *p = predict_rig_predict(&rig, "{}");
    assert_int_equal(prepare(&rig, p), BERTH_E_INVALID);
    assert_true(is_utf8(p->error.message));
    ml_predict_free(p);
    predict_rig_end(&rig);
}

static const struct {
    const char *url;
    const char *own;
    const char *given;
    const char *made; /* NULL: refused, 400 illegal_argument_exception */
    const char *reason;
} urls[] = {
    {URL, "{}", "{}", URL, NULL},
    {"https://a.example/${parameters.m}", "{\"m\":\"x\"}", "{}", "https://a.example/x", NULL},
    {"https://a.example/${parameters.m}", "{}", "{\"m\":\"a b/c\"}", "https://a.example/a%20b/c",
     NULL},
    {"https://a.example/${parameters.m}", "{}", "{}", NULL, "[m]"},
    {"https://a.example:8443/", "{}", "{}", "https://a.example:8443/", NULL},
    {"https://b.example/", "{}", "{}", NULL, "is not trusted"},
    {"https://b.example/?key=written-out", "{}", "{}", NULL, "[https://b.example/] is not trusted"},
    {"https://${parameters.h}/", "{\"h\":\"a.example\"}", "{}", "https://a.example/", NULL},
    {"https://${parameters.h}/", "{\"h\":\"a.example\"}", "{\"h\":\"b.example\"}", NULL,
     "[https://b.example/] is not trusted"},
    {"https://${parameters.h}/", "{}", "{\"h\":\"b.example/#\"}", NULL, "is not trusted"},
    {"https://${parameters.h}a.example/", "{}", "{\"h\":\"user@\"}", NULL,
     "a user before its host [a.example]"},
    {"https://${parameters.h}a.example/", "{}", "{\"h\":\"b.example\\\\\"}", NULL,
     "is not trusted"},
    {"https:///v1", "{}", "{}", NULL, "has no host"},
    {"https://?q", "{}", "{}", NULL, "has no host"},
    {"ftp://a.example/", "{}", "{}", NULL, "neither with http:// nor"},
    {"file:///etc/passwd", "{}", "{}", NULL, "neither with http:// nor"},
    {"", "{}", "{}", NULL, "neither with http:// nor"},
    {"${parameters.u}", "{}", "{\"u\":\"gopher://a.example/\"}", NULL, "neither with http:// nor"},
    {"https://a.example/?k=${credential.key}", "{}", "{}", NULL, "no URL may hold"},
    {"https://a.example/a b", "{}", "{}", NULL, "no URL may hold"},
    {"https://a.example/\xc3\xa9", "{}", "{}", NULL, "no URL may hold"},
    {"https://a.example/\\n", "{}", "{}", NULL, "no URL may hold"},
};

static void makes_urls_by_table(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    for (size_t i = 0; i < BASE_COUNT(urls); i++) {
        predict_rig_deploy(&rig, "POST", urls[i].url, "{}", urls[i].own);
        struct ml_predict *p = predict_rig_predict(&rig, urls[i].given);
        int32_t code = prepare(&rig, p);
        struct berth_str url = p->first.url;
        if (urls[i].made) {
            assert_string_equal(p->error.message, "");
            assert_int_equal(code, BERTH_OK);
            assert_true(base_str_is(url, urls[i].made));
        } else {
            assert_int_equal(code, BERTH_E_INVALID);
            assert_int_equal(base_error_status(&p->error), 400);
            assert_non_null(strstr(p->error.message, urls[i].reason));
        }
        ml_predict_free(p);
    }
    predict_rig_end(&rig);
}

/* A URL on which predictions have no say is made once, and trusted anew after a change alone. */
static void follows_what_is_trusted(void **state) {
    (void)state;
    static const struct berth_str other[] = {BERTH_STR_INIT("^https://other/.*$")};
    static const char key[] = "plugins.ml_commons.trusted_connector_endpoints_regex";
    struct predict_rig rig;
    predict_rig_begin(&rig);
    predict_rig_deploy(&rig, "POST", URL, "{}", "{}");
    const struct berth_str *first = rig.host.settings.list[1].values;
    const struct {
        const struct berth_str *list;
        int32_t code;
    } steps[] = {
        {first, BERTH_OK}, {other, BERTH_E_INVALID}, {other, BERTH_E_INVALID}, {first, BERTH_OK}};
    for (size_t i = 0; i < BASE_COUNT(steps); i++) {
        fake_host_set_list(&rig.host, key, steps[i].list, 1);
        assert_int_equal(fake_host_apply(&rig.host, NULL), BERTH_OK);
        for (int again = 0; again < 2; again++) {
            struct ml_predict *p = predict_rig_predict(&rig, "{}");
            assert_int_equal(prepare(&rig, p), steps[i].code);
            assert_true(base_str_is(p->first.url, URL));
            ml_predict_free(p);
        }
        assert_int_equal(rig.model.trusted_serial, steps[i].code ? 0 : rig.loop.settings->serial);
    }
    predict_rig_end(&rig);
}

/* One that is given back is used again, and is as new. */
static void uses_predictions_again(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    predict_rig_deploy(&rig, "POST", URL, "{\"q\":${parameters.q}}", "{}");
    struct ml_predict *first = predict_rig_predict(&rig, "{\"q\":[1,2,3]}");
    assert_int_equal(prepare(&rig, first), BERTH_OK);
    ml_predict_destroy(first);
    struct ml_predict *second = predict_rig_predict(&rig, "{\"q\":2}");
    assert_ptr_equal(second, first);
    assert_int_equal(prepare(&rig, second), BERTH_OK);
    assert_true(base_str_is(base_buf_view(&second->first.payload), "{\"q\":2}"));
    ml_predict_destroy(second);
    predict_rig_end(&rig);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    predict_rig_deploy(&rig, "POST", "https://a.example/${parameters.m}/${parameters.x}",
                       "{\"q\":\"${parameters.q}\",\"p\":\"${parameters.p}\"}",
                       "{\"p\":\"<${parameters.m}>\",\"m\":\"1\"}");
    FAULT_EACH_ALLOCATION({
        struct ml_predict *p = predict_rig_predict(&rig, "{\"q\":[1],\"x\":[2]}");
        int32_t code = p ? prepare(&rig, p) : BERTH_E_NO_MEMORY;
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        if (code == BERTH_OK) {
            assert_true(
                base_str_is(base_buf_view(&p->first.payload), "{\"q\":\"[1]\",\"p\":\"<1>\"}"));
            assert_true(base_str_is(p->first.url, "https://a.example/1/%5B2%5D"));
        }
        if (p) {
            ml_predict_free(p);
        }
    });
    predict_rig_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_payloads_by_table),
        cmocka_unit_test(shows_whole_characters),
        cmocka_unit_test(makes_urls_by_table),
        cmocka_unit_test(follows_what_is_trusted),
        cmocka_unit_test(uses_predictions_again),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.exchange_make", tests, NULL, NULL);
}
