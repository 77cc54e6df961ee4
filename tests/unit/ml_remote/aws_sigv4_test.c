/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/aws_sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

#define HOST "https://example.amazonaws.com"

/* 2015-08-30T12:36:00Z, the time of the published examples, as are key, region and service. */
#define TIME ((time_t)1440938160)
#define ACCESS "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static const struct signing_case {
    const char *name;
    const char *method;
    const char *url;
    const char *body;
    const char *service;
    struct ml_aws_header headers[4];
    const char *names;
    const char *signature;
} cases[] = {
    /* Of the suite aws-sig-v4-test-suite, by their names there. */
    {"get-vanilla",
     "GET",
     HOST "/",
     "",
     "service",
     {{{0}, {0}}},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"post-vanilla",
     "POST",
     HOST,
     "",
     "service",
     {{{0}, {0}}},
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"get-vanilla-query-order-key-case",
     "GET",
     HOST "/?Param2=value2&Param1=value1",
     "",
     "service",
     {{{0}, {0}}},
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-value",
     "GET",
     HOST "/?Param1=value2&Param1=value1",
     "",
     "service",
     {{{0}, {0}}},
     "host;x-amz-date",
     "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {"get-header-value-trim",
     "GET",
     HOST "/",
     "",
     "service",
     {{BERTH_STR_INIT("My-Header1"), BERTH_STR_INIT(" value1")},
      {BERTH_STR_INIT("My-Header2"), BERTH_STR_INIT(" \"a   b   c\"")}},
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    /* Headers of one name are one, in the order in which they came. */
    {"get-header-key-duplicate",
     "GET",
     HOST "/",
     "",
     "service",
     {{BERTH_STR_INIT("My-Header1"), BERTH_STR_INIT("value2")},
      {BERTH_STR_INIT("My-Header1"), BERTH_STR_INIT("value2")},
      {BERTH_STR_INIT("my-header1"), BERTH_STR_INIT("value1")}},
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order",
     "GET",
     HOST "/",
     "",
     "service",
     {{BERTH_STR_INIT("My-Header1"), BERTH_STR_INIT("value4")},
      {BERTH_STR_INIT("My-Header1"), BERTH_STR_INIT("value1")},
      {BERTH_STR_INIT("My-Header1"), BERTH_STR_INIT("value3")},
      {BERTH_STR_INIT("My-Header1"), BERTH_STR_INIT("value2")}},
     "host;my-header1;x-amz-date",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    /* The example of the AWS General Reference: users of IAM. */
    {"iam",
     "GET",
     "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
     "",
     "iam",
     {{BERTH_STR_INIT("Content-Type"),
       BERTH_STR_INIT("application/x-www-form-urlencoded; charset=utf-8")}},
     "content-type;host;x-amz-date",
     "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
    /* Computed by the published procedure, for what the suite has not. */
    {"a name that begins another",
     "GET",
     HOST "/?a1=x&a=y&a-b=z",
     "",
     "service",
     {{{0}, {0}}},
     "host;x-amz-date",
     "69c14ed8464ccdebbdb61cefd1589eb90b7df02f5575c8e447a49a196f6e10b7"},
    {"escapes",
     "POST",
     HOST "/model/a%3A0/invoke?y=%2f&x=a%20b#part",
     "{\"a\":1}",
     "service",
     {{{0}, {0}}},
     "host;x-amz-date",
     "0d3241787408061759993cb8c74d7f337c877ec56540773fa0056fb84de37d0b"},
};

static int32_t sign(const struct signing_case *c, const char *token, bool with_hash,
                    struct base_buf *lines) {
    struct ml_aws_key key = {.access_key = BERTH_STR(ACCESS),
                             .secret_key = BERTH_STR(SECRET),
                             .session_token = base_cstr(token),
                             .region = BERTH_STR("us-east-1"),
                             .service = base_cstr(c->service)};
    uint32_t count = 0;
    while (count < BASE_COUNT(c->headers) && c->headers[count].name.ptr) {
        count++;
    }
    struct ml_aws_request request = {.method = base_cstr(c->method),
                                     .url = base_cstr(c->url),
                                     .body = base_cstr(c->body),
                                     .headers = c->headers,
                                     .header_count = count,
                                     .with_hash = with_hash,
                                     .now = TIME};
    return ml_aws_sign(&key, &request, lines, NULL);
}

/* The zero bytes between the lines become bars. */
static struct berth_str shown(struct base_buf *lines) {
    for (size_t i = 0; i < lines->len; i++) {
        lines->ptr[i] = lines->ptr[i] ? lines->ptr[i] : '|';
    }
    return base_buf_view(lines);
}

static void signs_as_published(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        const struct signing_case *c = &cases[i];
        BASE_BUF_AUTO wanted;
        base_buf_init(&wanted, 1024);
        base_buf_format(&wanted,
                        "Authorization: AWS4-HMAC-SHA256 Credential=" ACCESS
                        "/20150830/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s"
                        "|X-Amz-Date: 20150830T123600Z|",
                        c->service, c->names, c->signature);
        FAULT_EACH_ALLOCATION({
            BASE_BUF_AUTO lines;
            base_buf_init(&lines, 4096);
            int32_t code = sign(c, NULL, false, &lines);
            if (code ? code != BERTH_E_NO_MEMORY
                     : !base_str_eq(shown(&lines), base_buf_view(&wanted))) {
                fail_msg("%s, allocation %u: %d %.*s", c->name, fault_n, code, (int)lines.len,
                         lines.ptr ? lines.ptr : "");
            }
        });
    }
}

static void sends_token_and_hash(void **state) {
    (void)state;
    BASE_BUF_AUTO lines;
    base_buf_init(&lines, 4096);
    assert_int_equal(sign(&cases[1], "TOKEN/+=", false, &lines), BERTH_OK);
    assert_true(base_str_contains(
        shown(&lines),
        BERTH_STR("SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
                  "be97c993a592022fb2346b0b5c0f2579aed19cac84811cfcb9a95ac3e9bebac6|")));
    assert_true(
        base_str_ends(base_buf_view(&lines), BERTH_STR("|X-Amz-Security-Token: TOKEN/+=|")));
    struct signing_case with_body = cases[1];
    with_body.body = "{\"a\":1}";
    base_buf_clear(&lines);
    assert_int_equal(sign(&with_body, NULL, true, &lines), BERTH_OK);
    assert_true(base_str_contains(
        shown(&lines),
        BERTH_STR("SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="
                  "5e2fc22b3c3744d4e2511ad09e4469be915067e53b1c023b16cb3b4b67af3239|")));
    assert_true(base_str_ends(
        base_buf_view(&lines),
        BERTH_STR("|X-Amz-Content-Sha256: "
                  "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862|")));
}

static void refuses_what_it_cannot_sign(void **state) {
    (void)state;
    BASE_BUF_AUTO lines;
    base_buf_init(&lines, 4096);
    struct signing_case c = cases[0];
    c.url = "example.amazonaws.com";
    assert_int_equal(sign(&c, NULL, false, &lines), BERTH_E_INVALID);
    BASE_BUF_AUTO url;
    base_buf_init(&url, 4096);
    base_buf_cstr(&url, HOST "/?p");
    for (int i = 0; i < 256; i++) {
        base_buf_cstr(&url, "&p");
    }
    base_buf_char(&url, '\0');
    c.url = url.ptr;
    assert_int_equal(sign(&c, NULL, false, &lines), BERTH_E_LIMIT);
    struct ml_aws_header many[ML_AWS_HEADERS_MAX];
    for (size_t i = 0; i < BASE_COUNT(many); i++) {
        many[i] = (struct ml_aws_header){BERTH_STR("x"), BERTH_STR("y")};
    }
    struct ml_aws_key key = {.access_key = BERTH_STR(ACCESS), .secret_key = BERTH_STR(SECRET)};
    struct ml_aws_request request = {.method = BERTH_STR("GET"),
                                     .url = BERTH_STR(HOST "/"),
                                     .headers = many,
                                     .header_count = BASE_COUNT(many)};
    assert_int_equal(ml_aws_sign(&key, &request, &lines, NULL), BERTH_E_LIMIT);
    assert_int_equal(lines.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_published),
        cmocka_unit_test(sends_token_and_hash),
        cmocka_unit_test(refuses_what_it_cannot_sign),
    };
    return cmocka_run_group_tests_name("ml_remote.aws_sigv4", tests, NULL, NULL);
}
