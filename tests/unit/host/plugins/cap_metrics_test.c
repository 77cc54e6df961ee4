/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME(text) {BERTH_STR_INIT(text), BERTH_STR_INIT("x")}

struct rig {
    struct log log;
    struct plugin_services services;
    struct generation generation;
    struct base_buf out;
    int fd;
};

static int begin(void **state) {
    static struct rig rig;
    memset(&rig, 0, sizeof rig);
    rig.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_init(&rig.log, rig.fd, BERTH_LOG_DEBUG);
    rig.services.log = &rig.log;
    rig.generation.services = &rig.services;
    rig.generation.manifest.name = BERTH_STR("mine");
    base_buf_init(&rig.out, BASE_BUF_MAX_DEFAULT);
    *state = &rig;
    return 0;
}

static int end(void **state) {
    struct rig *rig = *state;
    base_buf_deinit(&rig->out);
    log_deinit(&rig->log);
    (void)close(rig->fd);
    return 0;
}

static void run(struct rig *rig, berth_metrics_fn fn) {
    rig->generation.metrics = fn;
    capabilities_put_metrics(&rig->generation, &rig->out);
}

static int32_t start(struct berth_metrics_sink *sink, uint32_t type, const char *name) {
    const struct berth_metric metric = {.size = sizeof metric,
                                        .type = type,
                                        .name = base_cstr(name),
                                        .help = BERTH_STR("two\nlines")};
    return cap_metrics.family(sink, &metric);
}

static void put_all(void *user, struct berth_metrics_sink *sink) {
    const struct berth_label labels[] = {NAME("a"),
                                         {BERTH_STR_INIT("b"), BERTH_STR_INIT("q\"\\\n")}};
    static const double bounds[] = {0.5, 1};
    static const uint64_t counts[] = {1, 0, 2};
    const struct berth_histogram histogram = {.size = sizeof histogram,
                                              .bound_count = 2,
                                              .bounds = bounds,
                                              .counts = counts,
                                              .sum = 7.25};
    (void)user;
    assert_int_equal(start(sink, BERTH_METRIC_GAUGE, "mine_level"), BERTH_OK);
    assert_int_equal(cap_metrics.sample(sink, NULL, 0, -1.5), BERTH_OK);
    assert_int_equal(cap_metrics.sample(sink, labels, 2, 3), BERTH_OK);
    assert_int_equal(start(sink, BERTH_METRIC_HISTOGRAM, "mine_seconds"), BERTH_OK);
    assert_int_equal(cap_metrics.distribution(sink, labels, 1, &histogram), BERTH_OK);
}

static void writes_what_prometheus_reads(void **state) {
    struct rig *rig = *state;
    run(rig, put_all);
    assert_true(base_str_is(base_buf_view(&rig->out),
                            "# HELP mine_level two\\nlines\n# TYPE mine_level gauge\n"
                            "mine_level -1.5\n"
                            "mine_level{a=\"x\",b=\"q\\\"\\\\\\n\"} 3\n"
                            "# HELP mine_seconds two\\nlines\n# TYPE mine_seconds histogram\n"
                            "mine_seconds_bucket{a=\"x\",le=\"0.5\"} 1\n"
                            "mine_seconds_bucket{a=\"x\",le=\"1\"} 1\n"
                            "mine_seconds_bucket{a=\"x\",le=\"+Inf\"} 3\n"
                            "mine_seconds_sum{a=\"x\"} 7.25\n"
                            "mine_seconds_count{a=\"x\"} 3\n"));
    assert_int_equal(rig->generation.refused_calls, 0);
}

static void put_hyphened(void *user, struct berth_metrics_sink *sink) {
    (void)user;
    assert_int_equal(start(sink, BERTH_METRIC_GAUGE, "my_own_level"), BERTH_OK);
}

static void a_hyphen_of_the_name_is_an_underscore(void **state) {
    struct rig *rig = *state;
    rig->generation.manifest.name = BERTH_STR("my-own");
    run(rig, put_hyphened);
    assert_int_equal(rig->generation.refused_calls, 0);
}

#define TEN "aaaaaaaaaa"
#define LONG_NAME ("mine_" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN)

static const char *const bad_names[] = {
    "",           "mine",     "mine_",     "other_level", "mineral_level",
    "mine_Level", "mine_a-b", "mine_a{b}", "mine_a\nb",   LONG_NAME,
};

static void put_wrong(void *user, struct berth_metrics_sink *sink) {
    static const double bounds[] = {1, 1};
    static const uint64_t counts[] = {1, 0, 2};
    struct berth_histogram histogram = {
        .size = sizeof histogram, .bound_count = 2, .bounds = bounds, .counts = counts};
    const struct berth_label bad[] = {NAME("a b")};
    const struct berth_label le[] = {NAME("le")};
    (void)user;
    assert_int_equal(cap_metrics.sample(sink, NULL, 0, 1), BERTH_E_INVALID);
    for (size_t i = 0; i < BASE_COUNT(bad_names); i++) {
        if (start(sink, BERTH_METRIC_GAUGE, bad_names[i]) != BERTH_E_INVALID) {
            fail_msg("[%s]", bad_names[i]);
        }
        assert_int_equal(cap_metrics.sample(sink, NULL, 0, 1), BERTH_E_INVALID);
    }
    assert_int_equal(start(sink, 4, "mine_level"), BERTH_E_INVALID);
    assert_int_equal(start(sink, BERTH_METRIC_GAUGE, "mine_level"), BERTH_OK);
    assert_int_equal(cap_metrics.sample(sink, bad, 1, 1), BERTH_E_INVALID);
    assert_int_equal(cap_metrics.distribution(sink, NULL, 0, &histogram), BERTH_E_INVALID);
    assert_int_equal(start(sink, BERTH_METRIC_HISTOGRAM, "mine_seconds"), BERTH_OK);
    assert_int_equal(cap_metrics.sample(sink, NULL, 0, 1), BERTH_E_INVALID);
    assert_int_equal(cap_metrics.distribution(sink, NULL, 0, &histogram), BERTH_E_INVALID);
    histogram.bound_count = 1;
    assert_int_equal(cap_metrics.distribution(sink, le, 1, &histogram), BERTH_E_INVALID);
    histogram.size = 8;
    assert_int_equal(cap_metrics.distribution(sink, NULL, 0, &histogram), BERTH_E_INVALID);
}

static void refuses_what_would_spoil_the_text(void **state) {
    struct rig *rig = *state;
    run(rig, put_wrong);
    assert_true(base_str_is(base_buf_view(&rig->out),
                            "# HELP mine_level two\\nlines\n# TYPE mine_level gauge\n"
                            "# HELP mine_seconds two\\nlines\n# TYPE mine_seconds histogram\n"));
    assert_int_equal(rig->generation.refused_calls, 1 + 2 * BASE_COUNT(bad_names) + 7);
}

static void a_plugin_names_one_function(void **state) {
    struct rig *rig = *state;
    struct generation *g = &rig->generation;
    struct berth_error error = BASE_ERROR_INIT;
    g->state = BERTH_STATE_CREATED;
    g->face.context = (struct berth_host_context *)(void *)g;
    assert_int_equal(cap_metrics.collect(&g->face, NULL, NULL, &error), BERTH_E_INVALID);
    assert_int_equal(cap_metrics.collect(&g->face, put_all, NULL, &error), BERTH_OK);
    assert_int_equal(cap_metrics.collect(&g->face, put_all, NULL, &error), BERTH_E_EXISTS);
    g->metrics = NULL;
    run(rig, NULL);
    assert_int_equal(rig->out.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_what_prometheus_reads, begin, end),
        cmocka_unit_test_setup_teardown(a_hyphen_of_the_name_is_an_underscore, begin, end),
        cmocka_unit_test_setup_teardown(refuses_what_would_spoil_the_text, begin, end),
        cmocka_unit_test_setup_teardown(a_plugin_names_one_function, begin, end),
    };
    return cmocka_run_group_tests_name("host.plugins.cap_metrics", tests, NULL, NULL);
}
