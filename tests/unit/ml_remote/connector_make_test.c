/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/connector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_host.h"
#include "tests/support/fault.h"

static const struct berth_str trusted[] = {BERTH_STR_INIT("^https://(a|b)\\.example/.*$")};

static void start(struct fake_host *host) {
    fake_host_init(host);
    fake_host_start(host);
    fake_host_set_list(host, "plugins.ml_commons.trusted_connector_endpoints_regex", trusted, 1);
    assert_int_equal(fake_host_apply(host, NULL), BERTH_OK);
}

/* Reads a client's body and makes the connector c1 of it and an old one, if there is one. */
static int32_t make(struct fake_call *c, const char *old_text, struct json_doc *old) {
    struct ml_connector_draft draft;
    struct ml_place place = {ML_CONNECTOR, BERTH_STR("c1"), ""};
    bool partial = old_text != NULL;
    if (!json_present(c->call.body) ||
        (partial && !json_parse(old, base_cstr(old_text), 0, NULL))) {
        return base_error_memory(&c->call.error);
    }
    int32_t code = ml_connector_read(&c->call, c->call.body, partial, &draft);
    return code ? code : ml_connector_make(&c->call, &place, json_root(old), &draft, &c->call.out);
}

#define NEW(protocol, parameters, credential, url)                                                 \
    "{\"name\":\"n\",\"version\":\"1\",\"protocol\":\"" protocol "\",\"parameters\":" parameters   \
    ",\"credential\":" credential                                                                  \
    ",\"actions\":[{\"action_type\":\"PREDICT\",\"method\":\"POST\",\"url\":\"" url "\"}]}"
#define SEALED(name, text)                                                                         \
    "\"" name "\":\"sealed:.plugins-ml-connector/c1/credential/" name ":" text "\""
#define URL "https://a.example/v1"
#define KEY "{\"key\":\"k\"}"
#define STORED NEW("http", "{\"p\":\"1\"}", "{" SEALED("key", "k") "}", URL)

static const struct {
    const char *old; /* NULL: a new one */
    const char *body;
    const char *made; /* NULL: refused, 400 illegal_argument_exception */
    const char *reason;
} cases[] = {
    {NULL, NEW("http", "{\"p\":1}", KEY, URL), STORED, NULL},
    {NULL, NEW("http", "{}", "{\"a\":\"x\",\"b\":7}", URL),
     NEW("http", "{}", "{" SEALED("a", "x") "," SEALED("b", "7") "}", URL), NULL},
    /* Trust: the URL as it is with the connector's own parameters. */
    {NULL, NEW("http", "{}", KEY, "https://c.example/v1"), NULL, "is not trusted"},
    {NULL, NEW("http", "{\"h\":\"a.example\"}", KEY, "https://${parameters.h}/v1"),
     NEW("http", "{\"h\":\"a.example\"}", "{" SEALED("key", "k") "}", "https://${parameters.h}/v1"),
     NULL},
    {NULL, NEW("http", "{\"h\":\"c.example\"}", KEY, "https://${parameters.h}/v1"), NULL,
     "[https://c.example/v1] is not trusted"},
    {NULL, NEW("http", "{}", KEY, "https://${parameters.h}/v1"), NULL, "is not trusted"},
    {NULL, NEW("http", "{}", KEY, "https://${parameters.h:-b.example}/v1"),
     NEW("http", "{}", "{" SEALED("key", "k") "}", "https://${parameters.h:-b.example}/v1"), NULL},
    {NULL, NEW("http", "{\"a\":\"${parameters.b}\",\"b\":\"${parameters.a}\"}", KEY, URL), NULL,
     "refers to itself"},
    /* aws_sigv4. */
    {NULL, NEW("aws_sigv4", "{\"service_name\":\"s\",\"region\":\"r\"}", KEY, URL), NULL,
     "[credential.access_key]"},
    {NULL,
     NEW("aws_sigv4", "{\"service_name\":\"s\",\"region\":\"r\"}", "{\"access_key\":\"a\"}", URL),
     NULL, "[credential.secret_key]"},
    {NULL,
     NEW("aws_sigv4", "{\"region\":\"r\"}", "{\"access_key\":\"a\",\"secret_key\":\"b\"}", URL),
     NULL, "[service_name]"},
    {NULL,
     NEW("aws_sigv4", "{\"service_name\":\"s\"}", "{\"access_key\":\"a\",\"secret_key\":\"b\"}",
         URL),
     NULL, "[region]"},
    {NULL,
     NEW("aws_sigv4", "{\"service_name\":\"s\"}",
         "{\"access_key\":\"a\",\"secret_key\":\"b\",\"region\":\"r\"}", URL),
     NEW("aws_sigv4", "{\"service_name\":\"s\"}",
         "{" SEALED("access_key", "a") "," SEALED("secret_key", "b") "," SEALED("region", "r") "}",
         URL),
     NULL},
    /* Updates. */
    {STORED, "{}", STORED, NULL},
    {STORED, "{\"parameters\":{\"q\":2}}",
     NEW("http", "{\"p\":\"1\",\"q\":\"2\"}", "{" SEALED("key", "k") "}", URL), NULL},
    {STORED, "{\"parameters\":{\"p\":null}}", NEW("http", "{}", "{" SEALED("key", "k") "}", URL),
     NULL},
    {STORED, "{\"credential\":{\"key\":\"k2\"}}",
     NEW("http", "{\"p\":\"1\"}", "{" SEALED("key", "k2") "}", URL), NULL},
    {STORED, "{\"credential\":{\"more\":\"m\"}}",
     NEW("http", "{\"p\":\"1\"}", "{" SEALED("key", "k") "," SEALED("more", "m") "}", URL), NULL},
    {STORED, "{\"credential\":{\"key\":null,\"more\":\"m\"}}",
     NEW("http", "{\"p\":\"1\"}", "{" SEALED("more", "m") "}", URL), NULL},
    {"{\"protocol\":\"http\"}", "{\"credential\":{\"key\":null},\"parameters\":{\"p\":null}}",
     "{\"protocol\":\"http\",\"parameters\":{},\"credential\":{}}", NULL},
    {STORED,
     "{\"actions\":[{\"action_type\":\"predict\",\"method\":\"GET\","
     "\"url\":\"https://c.example/\"}]}",
     NULL, "is not trusted"},
    {STORED, "{\"protocol\":\"aws_sigv4\"}", NULL, "[credential.access_key]"},
};

static void makes_by_table(void **state) {
    (void)state;
    struct fake_host host;
    start(&host);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        FAKE_CALL_AUTO c;
        JSON_DOC_AUTO old = {0};
        fake_call_begin(&c, &host, cases[i].body);
        int32_t code = make(&c, cases[i].old, &old);
        base_buf_char(&c.call.out, '\0');
        if (cases[i].made) {
            assert_string_equal(c.call.error.message, "");
            assert_int_equal(code, BERTH_OK);
            assert_string_equal(c.call.out.ptr, cases[i].made);
        } else {
            assert_int_equal(code, BERTH_E_INVALID);
            assert_int_equal(base_error_status(&c.call.error), 400);
            assert_string_equal(base_error_type(&c.call.error), "illegal_argument_exception");
            assert_non_null(strstr(c.call.error.message, cases[i].reason));
        }
    }
    fake_host_deinit(&host);
}

static void trusts_nothing_with_an_empty_list(void **state) {
    (void)state;
    struct fake_host host;
    start(&host);
    fake_host_set_list(&host, "plugins.ml_commons.trusted_connector_endpoints_regex", NULL, 0);
    assert_int_equal(fake_host_apply(&host, NULL), BERTH_OK);
    FAKE_CALL_AUTO c;
    JSON_DOC_AUTO old = {0};
    fake_call_begin(&c, &host, NEW("http", "{}", KEY, URL));
    assert_int_equal(make(&c, NULL, &old), BERTH_E_INVALID);
    assert_non_null(strstr(c.call.error.message, "of which there are none"));
    fake_host_deinit(&host);
}

/* A credential opens in its own place alone. */
static void binds_a_credential_to_its_place(void **state) {
    (void)state;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 512);
    struct ml_place own = {ML_CONNECTOR, BERTH_STR("c1"), ""};
    struct ml_place internal = {ML_MODEL, BERTH_STR("m1"), "connector."};
    assert_true(base_str_is(ml_credential_context(&arena, &own, BERTH_STR("key")),
                            ".plugins-ml-connector/c1/credential/key"));
    assert_true(base_str_is(ml_credential_context(&arena, &internal, BERTH_STR("key")),
                            ".plugins-ml-model/m1/connector.credential/key"));
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    struct fake_host host;
    start(&host);
    const char *const olds[] = {NULL, STORED};
    for (size_t i = 0; i < BASE_COUNT(olds); i++) {
        FAULT_EACH_ALLOCATION({
            FAKE_CALL_AUTO c;
            JSON_DOC_AUTO old = {0};
            fake_call_begin(&c, &host,
                            NEW("http", "{\"h\":\"a.example\",\"n\":\"${parameters.h}\"}", KEY,
                                "https://${parameters.n}/v1"));
            int32_t code = make(&c, olds[i], &old);
            assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
            assert_true(code != BERTH_OK || json_check(base_buf_view(&c.call.out), 0, NULL));
        });
    }
    fake_host_deinit(&host);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_by_table),
        cmocka_unit_test(trusts_nothing_with_an_empty_list),
        cmocka_unit_test(binds_a_credential_to_its_place),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.connector_make", tests, NULL, NULL);
}
