/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/batch_poll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plugin/ml_remote/catalogue.h"
#include "tests/support/fake_host.h"

#define TASKS ".plugins-ml-task"
#define TASK                                                                                       \
    "{\"model_id\":\"gone\",\"task_type\":\"BATCH_PREDICTION\",\"function_name\":\"REMOTE\","      \
    "\"state\":\"RUNNING\",\"remote_job\":{\"id\":\"j1\"}}"
#define FOUND                                                                                      \
    "{\"hits\":{\"total\":{\"value\":1},\"hits\":[{\"_id\":\"t1\",\"_source\":" TASK "}]}}"

static struct ml_polls *begin(struct fake_host *host) {
    struct ml_polls *polls = ml_polls_create();
    fake_host_init(host);
    fake_host_start(host);
    assert_non_null(polls);
    assert_int_equal(ml_catalogue_create(&host->plugin, &host->plugin.catalogue, NULL), BERTH_OK);
    return polls;
}

static void end(struct fake_host *host, struct ml_polls *polls) {
    ml_polls_destroy(polls);
    ml_catalogue_destroy(host->plugin.catalogue);
    fake_host_deinit(host);
}

/* Its model is gone: it is asked about so often, and no more. */
static void gives_up_after_so_many_failures(void **state) {
    (void)state;
    struct fake_host host;
    struct ml_polls *polls = begin(&host);
    fake_host_put(&host, TASKS, "t1", TASK);
    host.search_answer = FOUND;
    for (uint32_t i = 0; i < ML_POLL_FAILURES_MAX; i++) {
        ml_polls_run(&host.plugin, polls);
        assert_string_equal(fake_host_source(&host, TASKS, "t1"), TASK);
        assert_string_equal(host.last_event, "batch_job_not_asked");
    }
    ml_polls_run(&host.plugin, polls);
    assert_non_null(strstr(fake_host_source(&host, TASKS, "t1"), "\"state\":\"UNREACHABLE\""));
    assert_int_equal(host.log_lines, ML_POLL_FAILURES_MAX + 1);
    end(&host, polls);
}

/* A task that was deleted meanwhile is nobody's fault. */
static void forgets_a_task_that_is_gone(void **state) {
    (void)state;
    struct fake_host host;
    struct ml_polls *polls = begin(&host);
    host.search_answer = FOUND;
    for (uint32_t i = 0; i < ML_POLL_FAILURES_MAX + 1; i++) {
        ml_polls_run(&host.plugin, polls);
        assert_string_equal(host.last_event, "batch_job_not_asked");
    }
    end(&host, polls);
}

static void asks_for_those_that_run(void **state) {
    (void)state;
    struct fake_host host;
    struct ml_polls *polls = begin(&host);
    ml_polls_run(&host.plugin, polls);
    base_buf_char(&host.search_body, '\0');
    assert_non_null(strstr(host.search_body.ptr, "\"size\":100,"));
    assert_non_null(strstr(host.search_body.ptr, "{\"last_update_time\":\"asc\"}"));
    assert_non_null(strstr(host.search_body.ptr, "[\"RUNNING\",\"CANCELLING\"]"));
    host.store_fails = BERTH_E_IO;
    ml_polls_run(&host.plugin, polls);
    assert_string_equal(host.last_event, "tasks_not_found");
    end(&host, polls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_up_after_so_many_failures),
        cmocka_unit_test(forgets_a_task_that_is_gone),
        cmocka_unit_test(asks_for_those_that_run),
    };
    return cmocka_run_group_tests_name("ml_remote.batch_poll", tests, NULL, NULL);
}
