/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/support/fault.h"

struct rig {
    struct log log;
    char bytes[4 * LOG_LINE_MAX];
    size_t len;
};

static int begin(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    int fd = memfd_create("log", MFD_CLOEXEC);
    log_init(&rig->log, fd, BERTH_LOG_INFO);
    *state = rig;
    return fd < 0;
}

static int end(void **state) {
    struct rig *rig = *state;
    log_deinit(&rig->log);
    (void)close(rig->log.fd);
    free(rig);
    return 0;
}

/* What was written so far; the next line comes at its place. */
static struct berth_str written(struct rig *rig) {
    ssize_t n = pread(rig->log.fd, rig->bytes, sizeof rig->bytes, 0);
    assert_true(n >= 0);
    assert_int_equal(ftruncate(rig->log.fd, 0), 0);
    assert_int_equal(lseek(rig->log.fd, 0, SEEK_SET), 0);
    return base_str(rig->bytes, (size_t)n);
}

/* One line of JSON, and nothing besides. */
static void assert_is_line(struct berth_str text) {
    assert_true(text.len > 0 && text.len <= LOG_LINE_MAX);
    assert_int_equal(base_str_find(text, '\n'), text.len - 1);
    if (!json_check(text, 0, NULL)) {
        fail_msg("no JSON: %.*s", (int)(text.len < 300 ? text.len : 300), text.ptr);
    }
}

static void writes_a_line_of_json(void **state) {
    struct rig *rig = *state;
    LOG(&rig->log, BERTH_LOG_WARN, "it_happened", LOG_FIELD("what", BERTH_STR("a \"b\"\n")),
        LOG_FIELD("where", BERTH_STR("")));
    struct berth_str text = written(rig);
    assert_is_line(text);
    JSON_DOC_AUTO doc = {0};
    assert_true(json_parse(&doc, text, 0, NULL));
    struct json_value line = json_root(&doc);
    assert_true(json_string_is(json_get(line, "level"), BERTH_STR("warn")));
    assert_true(json_string_is(json_get(line, "event"), BERTH_STR("it_happened")));
    assert_true(json_string_is(json_get(line, "what"), BERTH_STR("a \"b\"\n")));
    assert_true(json_string_is(json_get(line, "where"), BERTH_STR("")));
    struct berth_str time = json_inner(json_get(line, "time"));
    assert_int_equal(time.len, strlen("2026-01-02T03:04:05.678Z"));
    assert_int_equal(time.ptr[10], 'T');
    assert_int_equal(time.ptr[19], '.');
}

static void a_line_is_utf8_whatever_is_logged(void **state) {
    struct rig *rig = *state;
    LOG(&rig->log, BERTH_LOG_WARN, "it_happened", LOG_FIELD("what", BERTH_STR("a\xff")));
    assert_is_line(written(rig));
}

static void leaves_out_what_is_below_its_level(void **state) {
    struct rig *rig = *state;
    static const struct {
        uint32_t level;
        bool written;
    } cases[] = {{BERTH_LOG_DEBUG, false},
                 {BERTH_LOG_INFO, true},
                 {BERTH_LOG_ERROR, true},
                 {0, false},
                 {BERTH_LOG_ERROR + 1, false}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        log_write(&rig->log, cases[i].level, BERTH_STR("e"), NULL, 0);
        assert_int_equal(written(rig).len > 0, cases[i].written);
    }
}

static void knows_the_names_of_levels(void **state) {
    (void)state;
    assert_int_equal(log_level_from(BERTH_STR("debug")), BERTH_LOG_DEBUG);
    assert_int_equal(log_level_from(BERTH_STR("info")), BERTH_LOG_INFO);
    assert_int_equal(log_level_from(BERTH_STR("warn")), BERTH_LOG_WARN);
    assert_int_equal(log_level_from(BERTH_STR("error")), BERTH_LOG_ERROR);
    assert_int_equal(log_level_from(BERTH_STR("")), 0);
    assert_int_equal(log_level_from(BERTH_STR("INFO")), 0);
}

/* Whatever does not fit, the line stays one and stays JSON. */
static void cuts_a_line_between_fields(void **state) {
    struct rig *rig = *state;
    static char big[2 * LOG_LINE_MAX];
    memset(big, 'x', sizeof big);
    for (size_t len = LOG_LINE_MAX - 200; len < LOG_LINE_MAX + 10; len++) {
        LOG(&rig->log, BERTH_LOG_INFO, "e", LOG_FIELD("big", base_str(big, len)),
            LOG_FIELD("small", BERTH_STR("y")));
        assert_is_line(written(rig));
    }
}

static void writes_no_half_of_a_long_event(void **state) {
    struct rig *rig = *state;
    static char big[2 * LOG_LINE_MAX];
    memset(big, 'x', sizeof big);
    struct berth_log_field field = {BERTH_STR("a"), BERTH_STR("b")};
    for (size_t len = LOG_LINE_MAX - 200; len < LOG_LINE_MAX + 10; len++) {
        log_write(&rig->log, BERTH_LOG_INFO, base_str(big, len), &field, 1);
        struct berth_str text = written(rig);
        if (text.len) {
            assert_is_line(text);
        }
    }
}

static void survives_each_failed_allocation(void **state) {
    struct rig *rig = *state;
    static char big[1000];
    memset(big, 'x', sizeof big);
    FAULT_EACH_ALLOCATION({
        LOG(&rig->log, BERTH_LOG_INFO, "e", LOG_FIELD("a", base_str(big, sizeof big)),
            LOG_FIELD("b", base_str(big, sizeof big)), LOG_FIELD("c", BERTH_STR("y")));
        struct berth_str text = written(rig);
        if (text.len) {
            assert_is_line(text);
        }
    });
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(writes_a_line_of_json),
        IN_RIG(a_line_is_utf8_whatever_is_logged),
        IN_RIG(leaves_out_what_is_below_its_level),
        cmocka_unit_test(knows_the_names_of_levels),
        IN_RIG(cuts_a_line_between_fields),
        IN_RIG(writes_no_half_of_a_long_event),
        IN_RIG(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.base.log", tests, NULL, NULL);
}
