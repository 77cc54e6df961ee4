/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What generations of plugins stand on, made as the host makes it, without its HTTP server.
 */
#ifndef TESTS_SUPPORT_SERVICES_H
#define TESTS_SUPPORT_SERVICES_H

#include "host/plugins/generation.h"
#include "tests/support/temp.h"

#define SERVICES_LOOPS 2u

struct services {
    char folder[TEMP_MAX];
    char run_path[TEMP_MAX];
    struct log log;
    struct plugin_services parts;
};

/* The log goes to the file "log" of the folder. */
static inline void services_open(struct services *s) {
    struct berth_error error = BASE_ERROR_INIT;
    char path[TEMP_MAX];
    *s = (struct services){0};
    temp_create(s->folder);
    assert_int_equal(mkdir(temp_path(s->run_path, s->folder, "run"), 0700), 0);
    int fd =
        open(temp_path(path, s->folder, "log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    log_init(&s->log, fd, BERTH_LOG_DEBUG);
    struct plugin_services *parts = &s->parts;
    parts->log = &s->log;
    parts->run_path = s->run_path;
    assert_int_equal(settings_create(&parts->settings, &error), BERTH_OK);
    assert_int_equal(secrets_open(s->folder, &parts->secrets, &error), BERTH_OK);
    struct store_options store = {.data_path = s->folder, .readers = 3};
    assert_int_equal(store_open(&store, &parts->store, &error), BERTH_OK);
    struct berth_str role = BERTH_STR_INIT("data");
    struct nodes_options nodes = {
        .data_path = s->folder, .name = BERTH_STR_INIT("test"), .roles = &role, .role_count = 1};
    assert_int_equal(nodes_create(&nodes, &parts->nodes, &error), BERTH_OK);
    assert_int_equal(loop_group_create(SERVICES_LOOPS, &parts->loops, &error), BERTH_OK);
    assert_int_equal(worker_pool_create("worker", 1, 16, &parts->workers, &error), BERTH_OK);
    struct router_options router = {.loops = parts->loops, .workers = parts->workers};
    assert_int_equal(router_create(&router, &parts->router, &error), BERTH_OK);
    assert_int_equal(loop_group_start(parts->loops, &error), BERTH_OK);
}

/* Fails when a plugin left handles on a loop. */
static inline void services_close(struct services *s) {
    struct plugin_services *parts = &s->parts;
    worker_pool_stop(parts->workers);
    uint32_t left = loop_group_stop(parts->loops);
    router_destroy(parts->router);
    worker_pool_destroy(parts->workers);
    loop_group_destroy(parts->loops);
    nodes_destroy(parts->nodes);
    store_close(parts->store);
    secrets_close(parts->secrets);
    settings_destroy(parts->settings);
    (void)close(s->log.fd);
    log_deinit(&s->log);
    temp_remove(s->folder);
    assert_int_equal(left, 0);
}

#endif
