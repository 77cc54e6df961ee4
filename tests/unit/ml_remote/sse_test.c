/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

/* The data of the events so far, each behind a bar. */
static int32_t note(void *user, struct berth_str data) {
    base_buf_char(user, '|');
    base_buf_str(user, data);
    return BERTH_OK;
}

static const struct {
    const char *bytes;
    const char *events;
} cases[] = {
    {"", ""},
    {"data: a\n\n", "|a"},
    {"data:a\n\ndata:  b\n\n", "|a| b"},
    {"data: a\ndata: b\n\n", "|a\nb"},
    {"data: a\r\n\r\ndata: b\r\n\r\n", "|a|b"},
    {"data: a\r\rdata: b\r\r", "|a|b"},
    {"data: a\n", ""},
    {"data\n\n", "|"},
    {"data\ndata\n\n", "|\n"},
    {"data:\n\n", "|"},
    {"\n\n\ndata: a\n\n\n\n", "|a"},
    {": comment\nevent: x\nid: 1\nretry: 2\ndata: a\n\n", "|a"},
    {"event: x\n\n", ""},
    {"database: a\nDATA: b\n data: c\n\n", ""},
    {"data: a:b\n\n", "|a:b"},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "|a"},
    {"\xef\xbb\xbf\ndata: a\n\n", "|a"},
    {"data: a\n\n\xef\xbb\xbf"
     "data: b\n\n",
     "|a"},
};

static void reads_events(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        size_t len = strlen(cases[i].bytes);
        /* Wherever the bytes are cut, the events are the same. */
        for (size_t piece = 1; piece <= len + 1; piece++) {
            struct ml_sse sse;
            BASE_BUF_AUTO events;
            base_buf_init(&events, 1024);
            ml_sse_init(&sse, note, &events);
            for (size_t at = 0; at < len; at += piece) {
                size_t n = len - at < piece ? len - at : piece;
                assert_int_equal(ml_sse_feed(&sse, base_str(cases[i].bytes + at, n)), BERTH_OK);
            }
            ml_sse_deinit(&sse);
            if (!base_str_is(base_buf_view(&events), cases[i].events)) {
                fail_msg("case %zu in pieces of %zu: %.*s", i, piece, (int)events.len,
                         events.ptr ? events.ptr : "");
            }
        }
    }
}

static int32_t refuse(void *user, struct berth_str data) {
    (void)data;
    (*(int *)user)++;
    return BERTH_E_CANCELLED;
}

static void ends_with_what_the_callback_returns(void **state) {
    (void)state;
    int calls = 0;
    struct ml_sse sse;
    ml_sse_init(&sse, refuse, &calls);
    assert_int_equal(ml_sse_feed(&sse, BERTH_STR("data: a\n\ndata: b\n\n")), BERTH_E_CANCELLED);
    assert_int_equal(calls, 1);
    ml_sse_deinit(&sse);
}

static void bounds_lines_and_events(void **state) {
    (void)state;
    static const char *const lines[] = {"x", "data: 0123456789abcdef\n"};
    for (size_t i = 0; i < BASE_COUNT(lines); i++) {
        struct ml_sse sse;
        BASE_BUF_AUTO events;
        base_buf_init(&events, 1024);
        ml_sse_init(&sse, note, &events);
        int32_t code = BERTH_OK;
        for (size_t fed = 0; fed <= 2 * ML_SSE_EVENT_MAX && !code; fed += strlen(lines[i])) {
            code = ml_sse_feed(&sse, base_cstr(lines[i]));
        }
        assert_int_equal(code, BERTH_E_TOO_LARGE);
        assert_int_equal(events.len, 0);
        ml_sse_deinit(&sse);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    BASE_BUF_AUTO events;
    base_buf_init(&events, 1024);
    (void)base_buf_reserve(&events, 512);
    FAULT_EACH_ALLOCATION({
        struct ml_sse sse;
        base_buf_clear(&events);
        ml_sse_init(&sse, note, &events);
        int32_t code = ml_sse_feed(&sse, BERTH_STR("data: a\ndata: b\n\n"));
        assert_true(code == BERTH_E_NO_MEMORY ||
                    (code == BERTH_OK && base_str_is(base_buf_view(&events), "|a\nb")));
        ml_sse_deinit(&sse);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_events),
        cmocka_unit_test(ends_with_what_the_callback_returns),
        cmocka_unit_test(bounds_lines_and_events),
        cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("ml_remote.sse", tests, NULL, NULL);
}
