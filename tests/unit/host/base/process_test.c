/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/fault.h"

static void a_process_knows_itself(void **state) {
    (void)state;
    struct process_info info;
    struct rlimit limit;
    process_read(&info);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(info.rss_bytes > 0 && info.rss_bytes <= info.virtual_bytes);
    assert_true(info.rss_bytes % 1024 == 0);
    assert_true(info.threads >= 1);
    assert_true(info.cpu_seconds >= 0);
    assert_int_equal(info.max_fds, limit.rlim_cur > UINT32_MAX ? UINT32_MAX : limit.rlim_cur);
}

static void descriptors_are_counted(void **state) {
    (void)state;
    struct process_info before;
    struct process_info after;
    process_read(&before);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    process_read(&after);
    assert_int_equal(after.open_fds, before.open_fds + 1);
    assert_int_equal(close(fd), 0);
    process_read(&after);
    assert_int_equal(after.open_fds, before.open_fds);
}

static void a_machine_has_memory_and_processors(void **state) {
    (void)state;
    struct machine_info info;
    machine_read(&info);
    assert_true(info.memory_bytes > 0);
    assert_true(info.memory_available_bytes <= info.memory_bytes);
    assert_true(info.processors >= 1);
    assert_true(info.load[0] >= 0);
}

static void what_cannot_be_read_is_zero(void **state) {
    (void)state;
    FAULT_EACH_ALLOCATION({
        struct process_info info;
        process_read(&info);
        assert_true(info.rss_bytes == 0 || info.rss_bytes % 1024 == 0);
        assert_true(info.max_fds > 0);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_knows_itself),
        cmocka_unit_test(descriptors_are_counted),
        cmocka_unit_test(a_machine_has_memory_and_processors),
        cmocka_unit_test(what_cannot_be_read_is_zero),
    };
    return cmocka_run_group_tests_name("host.base.process", tests, NULL, NULL);
}
