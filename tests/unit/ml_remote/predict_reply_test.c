/* SPDX-License-Identifier: Apache-2.0 */
/* What the client is answered. */
#include "plugin/ml_remote/predict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/support/fault.h"
#include "tests/support/predict_rig.h"

#define ENVELOPE(value, status)                                                                    \
    "{\"inference_results\":[{\"output\":[{\"name\":\"response\",\"dataAsMap\":" value             \
    "}],\"status_code\":" status "}]}"
#define WRAPPED(value, status) ENVELOPE("{\"response\":" value "}", status)

/* Ends a prediction with an answer of the remote service; false without memory. */
static bool answer(struct predict_rig *rig, const struct ml_http_answer *given, const char *body) {
    struct ml_predict *p = predict_rig_predict(rig, "{}");
    if (!p) {
        return false;
    }
    struct ml_http_answer copy = *given;
    base_buf_clear(&rig->request.body);
    base_buf_init(&copy.body, BASE_BUF_MAX_DEFAULT);
    base_buf_cstr(&copy.body, body);
    bool whole = !copy.body.error;
    if (!whole) {
        ml_predict_destroy(p);
    } else if (ml_exchange_take(&p->first, &copy)) {
        p->error = p->first.error;
        ml_predict_fail(p);
    } else {
        ml_predict_reply(p);
    }
    base_buf_deinit(&copy.body);
    return whole;
}

static const struct {
    uint32_t status;
    const char *type;
    const char *body;
    const char *reply;
} successes[] = {
    {200, "application/json", "{\"a\":1}", ENVELOPE("{\"a\":1}", "200")},
    {201, "application/json", "{}", ENVELOPE("{}", "201")},
    {200, "application/json", " {\"a\": 1.50, \"b\":[1,{}]}\n",
     ENVELOPE("{\"a\": 1.50, \"b\":[1,{}]}", "200")},
    {200, "application/json", "[1,2]", WRAPPED("[1,2]", "200")},
    {200, "application/json", "\"just a string\"", WRAPPED("\"just a string\"", "200")},
    {200, "application/json", "null", WRAPPED("null", "200")},
    {200, "application/json", "12345678901234567890", WRAPPED("12345678901234567890", "200")},
    {200, "application/json", "{\"t\":\"\\u0001 \xe4\xb8\x96 a\\/b\"}",
     ENVELOPE("{\"t\":\"\\u0001 \xe4\xb8\x96 a\\/b\"}", "200")},
    {200, "text/plain", "{\"a\":1}", ENVELOPE("{\"a\":1}", "200")},
    {200, "", "true", WRAPPED("true", "200")},
    /* Text of another type. */
    {200, "text/plain; charset=utf-8", "plain text, not json",
     WRAPPED("\"plain text, not json\"", "200")},
    {200, "", "say \"x\"\n", WRAPPED("\"say \\\"x\\\"\"", "200")},
    {200, "application/jsonp", "f({})", WRAPPED("\"f({})\"", "200")},
    {200, "text/html", "\xff\xe4\xb8<p>",
     WRAPPED("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd<p>\"", "200")},
};

static void passes_on_what_succeeds(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    predict_rig_deploy(&rig, "POST", "https://a.example/", "{}", "{}");
    for (size_t i = 0; i < BASE_COUNT(successes); i++) {
        struct ml_http_answer given = {.outcome = ML_HTTP_ANSWERED, .status = successes[i].status};
        (void)snprintf(given.content_type, sizeof given.content_type, "%s", successes[i].type);
        assert_true(answer(&rig, &given, successes[i].body));
        assert_int_equal(rig.request.replies, i + 1);
        assert_int_equal(rig.request.status, 200);
        base_buf_char(&rig.request.body, '\0');
        assert_string_equal(rig.request.body.ptr, successes[i].reply);
    }
    predict_rig_end(&rig);
}

static const struct {
    uint32_t remote;
    const char *type;
    const char *body;
    const char *location;
    uint32_t status;
    const char *reason; /* in the message */
} refusals[] = {
    {400, "application/json", "{\"error\":\"no\"}", "", 400, "answered 400: {\"error\":\"no\"}"},
    {401, "application/json", "bad key", "", 401, "answered 401: bad key"},
    {403, "", "", "", 403, "answered 403 without a body"},
    {404, "text/plain", "none", "", 404, "answered 404: none"},
    {429, "", "slow down", "", 429, "answered 429: slow down"},
    {500, "", "oops", "", 500, "answered 500: oops"},
    {529, "", "busy", "", 529, "answered 529: busy"},
    {503, "text/html", "<p>a\r\nb\x01\xff\xe4\xb8\x96</p>", "", 503, "<p>a  b ?\xe4\xb8\x96</p>"},
    {999, "", "odd", "", 502, "answered 999: odd"},
    /* Credentials that a service repeats. */
    {401, "", "the key s3cr3t is wrong", "", 401, "the key ****** is wrong"},
    {401, "", "s3cr3ts3cr3t", "", 401, "answered 401: ************"},
    /* Redirects are not followed. */
    {301, "", "", "https://b.example/x", 502, "answered 301, a redirect to the host [b.example]"},
    {302, "", "", "http://b.example:8080/?q", 502, "[b.example:8080]"},
    {307, "", "", "", 502, "answered 307"},
    {304, "", "", "", 502, "answered 304"},
    /* Success that is none. */
    {200, "application/json", "", "", 502, "answered 200 without a body"},
    {204, "", "", "", 502, "answered 204 without a body"},
    {200, "application/json", " \n", "", 502, "without a body"},
    {200, "application/json", "{\"a\":", "", 502, "declared as JSON and is none"},
    {200, "Application/JSON; charset=UTF-8", "{\"a\":1}x", "", 502, "declared as JSON"},
    {200, "application/problem+json", "text", "", 502, "declared as JSON"},
};

static void tells_what_a_service_refused(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    predict_rig_deploy(&rig, "POST", "https://a.example/", "{}", "{}");
    for (size_t i = 0; i < BASE_COUNT(refusals); i++) {
        struct ml_http_answer given = {.outcome = ML_HTTP_ANSWERED, .status = refusals[i].remote};
        (void)snprintf(given.content_type, sizeof given.content_type, "%s", refusals[i].type);
        (void)snprintf(given.location, sizeof given.location, "%s", refusals[i].location);
        assert_true(answer(&rig, &given, refusals[i].body));
        assert_int_equal(rig.request.replies, i + 1);
        assert_int_equal(rig.request.status, refusals[i].status);
        assert_string_equal(base_error_type(&rig.request.error), "status_exception");
        if (!strstr(rig.request.error.message, refusals[i].reason)) {
            fail_msg("%s instead of %s", rig.request.error.message, refusals[i].reason);
        }
    }
    predict_rig_end(&rig);
}

static const struct {
    enum ml_http_outcome outcome;
    uint32_t status;
    const char *type;
} failures[] = {
    {ML_HTTP_BAD_URL, 400, "illegal_argument_exception"},
    {ML_HTTP_PRIVATE, 400, "illegal_argument_exception"},
    {ML_HTTP_UNRESOLVED, 502, "status_exception"},
    {ML_HTTP_REFUSED, 502, "status_exception"},
    {ML_HTTP_TLS, 502, "status_exception"},
    {ML_HTTP_BROKEN, 502, "status_exception"},
    {ML_HTTP_TIMED_OUT, 504, "status_exception"},
    {ML_HTTP_TOO_LARGE, 502, "status_exception"},
    {ML_HTTP_NO_MEMORY, 503, "circuit_breaking_exception"},
};

static void tells_what_became_of_the_connection(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    predict_rig_deploy(&rig, "POST", "https://a.example/", "{}", "{}");
    for (size_t i = 0; i < BASE_COUNT(failures); i++) {
        struct ml_http_answer given = {.outcome = failures[i].outcome, .detail = "in detail"};
        assert_true(answer(&rig, &given, "half of a body"));
        assert_int_equal(rig.request.status, failures[i].status);
        assert_string_equal(base_error_type(&rig.request.error), failures[i].type);
        assert_null(strstr(rig.request.error.message, "half of a body"));
        assert_int_equal(strstr(rig.request.error.message, ": in detail") != NULL,
                         failures[i].status == 502 || failures[i].status == 504);
    }
    predict_rig_end(&rig);
}

/* Of a long body the beginning is shown, and of a credential on its border nothing. */
static void bounds_what_it_shows(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    predict_rig_deploy(&rig, "POST", "https://a.example/", "{}", "{}");
    char body[2048];
    struct ml_http_answer given = {.outcome = ML_HTTP_ANSWERED, .status = 500};
    for (size_t shift = 0; shift < 8; shift++) {
        memset(body, 'x', sizeof body);
        body[sizeof body - 1] = '\0';
        memcpy(body + 512 - shift, "s3cr3t", 6);
        assert_true(answer(&rig, &given, body));
        assert_null(strstr(rig.request.error.message, "s3cr"));
        assert_true(strlen(rig.request.error.message) < 600);
        assert_non_null(strstr(rig.request.error.message, "…"));
    }
    predict_rig_end(&rig);
}

static void replies_with_its_own_error(void **state) {
    (void)state;
    struct predict_rig rig;
    predict_rig_begin(&rig);
    predict_rig_deploy(&rig, "POST", "https://a.example/", "{}", "{}");
    struct ml_predict *p = predict_rig_predict(&rig, "{}");
    (void)base_error(&p->error, BERTH_E_LIMIT, "too many");
    ml_predict_fail(p);
    assert_int_equal(rig.request.replies, 1);
    assert_int_equal(rig.request.status, 429);
    predict_rig_end(&rig);
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    static const struct {
        uint32_t status;
        const char *body;
    } cases[] = {{200, "text"}, {200, "{}"}, {500, "s3cr3t"}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct predict_rig rig;
        predict_rig_begin(&rig);
        predict_rig_deploy(&rig, "POST", "https://a.example/", "{}", "{}");
        FAULT_EACH_ALLOCATION({
            struct ml_http_answer given = {.status = cases[i].status};
            uint32_t before = rig.request.replies;
            bool replied = answer(&rig, &given, cases[i].body);
            assert_int_equal(rig.request.replies, before + replied);
            assert_true(!replied || rig.request.status == cases[i].status ||
                        rig.request.status == 503);
        });
        predict_rig_end(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_on_what_succeeds),
        cmocka_unit_test(tells_what_a_service_refused),
        cmocka_unit_test(tells_what_became_of_the_connection),
        cmocka_unit_test(bounds_what_it_shows),
        cmocka_unit_test(replies_with_its_own_error),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.predict_reply", tests, NULL, NULL);
}
