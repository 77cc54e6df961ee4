/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/handover.h"

#include "host/plugins/capabilities.h"
#include "tests/support/fault.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* One of two generations, and what its functions do and saw. */
struct side {
    struct generation generation;
    int32_t code; /* of save or restore */
    uint64_t bytes;
    uint32_t part;
    uint32_t schema;
    uint32_t calls;
    char text[16];
};

struct rig {
    struct log log;
    struct plugin_services services;
    struct side old;
    struct side new;
    int fd;
};

static int32_t save(void *user, uint32_t part, struct berth_state_sink *sink,
                    struct berth_error *error) {
    struct side *side = user;
    (void)error;
    side->calls++;
    side->part = part;
    for (uint64_t i = 0; i < side->bytes; i += 8) {
        int32_t code = cap_state.append(sink, BERTH_STR("12345678"));
        if (code) {
            return code;
        }
    }
    return side->code;
}

static int32_t restore(void *user, const struct berth_handover *handover,
                       struct berth_error *error) {
    struct side *side = user;
    (void)error;
    side->calls++;
    side->part = handover->part;
    side->schema = handover->schema;
    side->bytes = handover->state.len;
    if (handover->state.len && handover->state.len < sizeof side->text) {
        memcpy(side->text, handover->state.ptr, handover->state.len);
    }
    return side->code;
}

static void make_side(struct rig *rig, struct side *side, const char *name, uint32_t oldest,
                      uint32_t schema) {
    struct generation *g = &side->generation;
    *side = (struct side){.bytes = 8};
    g->services = &rig->services;
    g->manifest.name = BERTH_STR("plugin");
    (void)snprintf(g->owner, sizeof g->owner, "%s", name);
    g->state_hooks = (struct berth_state_hooks){.size = sizeof g->state_hooks,
                                                .schema = schema,
                                                .oldest_schema = oldest,
                                                .save = save,
                                                .restore = restore,
                                                .user = side};
}

static int begin(void **state) {
    static struct rig rig;
    memset(&rig, 0, sizeof rig);
    rig.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_init(&rig.log, rig.fd, BERTH_LOG_DEBUG);
    rig.services.log = &rig.log;
    make_side(&rig, &rig.old, "plugin#1", 1, 2);
    make_side(&rig, &rig.new, "plugin#2", 1, 3);
    rig.old.generation.state = BERTH_STATE_SERVING;
    rig.new.generation.state = BERTH_STATE_STARTED;
    *state = &rig;
    return 0;
}

static int end(void **state) {
    struct rig *rig = *state;
    log_deinit(&rig->log);
    (void)close(rig->fd);
    return 0;
}

static int32_t hand_all(struct rig *rig, struct handover *out, struct berth_error *error) {
    *error = (struct berth_error)BASE_ERROR_INIT;
    return handover_all(&rig->old.generation, &rig->new.generation, out, error);
}

static void all_and_then_the_rest(void **state) {
    struct rig *rig = *state;
    struct handover said;
    struct berth_error error;
    handover_rest(&rig->old.generation, &rig->new.generation);
    assert_int_equal(rig->old.calls, 0);
    assert_int_equal(hand_all(rig, &said, &error), BERTH_OK);
    assert_true(said.is_done);
    assert_int_equal(said.bytes, 8);
    assert_int_equal(rig->new.part, BERTH_HANDOVER_ALL);
    assert_int_equal(rig->new.schema, 2);
    assert_string_equal(rig->new.text, "12345678");
    rig->old.generation.state = BERTH_STATE_DRAINING;
    rig->new.generation.state = BERTH_STATE_SERVING;
    rig->old.bytes = 0;
    handover_rest(&rig->old.generation, &rig->new.generation);
    assert_int_equal(rig->new.part, BERTH_HANDOVER_REST);
    assert_int_equal(rig->new.bytes, 0);
    handover_rest(&rig->old.generation, &rig->new.generation); /* once */
    assert_int_equal(rig->new.calls, 2);
}

static void who_does_not_fit_is_told(void **state) {
    struct rig *rig = *state;
    struct handover said;
    struct berth_error error;
    make_side(rig, &rig->new, "plugin#2", 3, 4);
    assert_int_equal(hand_all(rig, &said, &error), BERTH_OK);
    assert_false(said.is_done);
    assert_string_equal(said.reason,
                        "the old generation writes schema 2, the new one reads 3 to 4");
    make_side(rig, &rig->new, "plugin#2", 1, 1); /* back to an older file */
    assert_int_equal(hand_all(rig, &said, &error), BERTH_OK);
    assert_string_equal(said.reason,
                        "the old generation writes schema 2, the new one reads 1 to 1");
    rig->new.generation.state_hooks = (struct berth_state_hooks){.size = 0};
    assert_int_equal(hand_all(rig, &said, &error), BERTH_OK);
    assert_non_null(strstr(said.reason, "takes nothing over"));
    rig->old.generation.state_hooks = (struct berth_state_hooks){.size = 0};
    assert_int_equal(hand_all(rig, &said, &error), BERTH_OK);
    assert_non_null(strstr(said.reason, "hands nothing over"));
    assert_int_equal(rig->old.calls + rig->new.calls, 0);
}

static void a_failure_with_all_is_one_of_the_reload(void **state) {
    struct rig *rig = *state;
    struct handover said;
    struct berth_error error;
    rig->old.code = BERTH_E_UNAVAILABLE;
    assert_int_equal(hand_all(rig, &said, &error), BERTH_E_UNAVAILABLE);
    assert_non_null(strstr(error.message, "[plugin] failed in state.save"));
    assert_int_equal(rig->new.calls, 0);
    rig->old.code = BERTH_OK;
    rig->new.code = BERTH_E_CORRUPT;
    assert_int_equal(hand_all(rig, &said, &error), BERTH_E_CORRUPT);
    assert_non_null(strstr(error.message, "failed in state.restore"));
    rig->new.generation.state = BERTH_STATE_SERVING;
    handover_rest(&rig->old.generation, &rig->new.generation); /* there is none */
    assert_int_equal(rig->new.calls, 1);
}

static void there_is_a_bound(void **state) {
    struct rig *rig = *state;
    struct handover said;
    struct berth_error error;
    rig->old.bytes = BERTH_STATE_BYTES_MAX;
    assert_int_equal(hand_all(rig, &said, &error), BERTH_OK);
    assert_int_equal(said.bytes, BERTH_STATE_BYTES_MAX);
    rig->old.bytes = BERTH_STATE_BYTES_MAX + 8;
    assert_int_equal(hand_all(rig, &said, &error), BERTH_E_LIMIT);
}

static void without_memory_it_is_refused(void **state) {
    struct rig *rig = *state;
    struct handover said;
    struct berth_error error;
    fault_fail_allocation(1);
    assert_int_equal(hand_all(rig, &said, &error), BERTH_E_NO_MEMORY);
    assert_true(fault_end());
    assert_int_equal(rig->new.calls, 0);
}

static void a_declaration_is_looked_at(void **state) {
    struct rig *rig = *state;
    struct generation *g = &rig->old.generation;
    const struct berth_state_hooks good = g->state_hooks;
    struct berth_state_hooks bad[6] = {good, good, good, good, good, good};
    struct berth_error error = BASE_ERROR_INIT;
    g->state = BERTH_STATE_CREATED;
    g->face.context = (struct berth_host_context *)(void *)g;
    g->state_hooks = (struct berth_state_hooks){.size = 0};
    bad[0].size -= 8;
    bad[1].reserved = 1;
    bad[2].save = NULL;
    bad[3].restore = NULL;
    bad[4].oldest_schema = 0;
    bad[5].oldest_schema = good.schema + 1;
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        assert_int_equal(cap_state.declare(&g->face, &bad[i], &error), BERTH_E_INVALID);
    }
    assert_int_equal(cap_state.declare(&g->face, &good, &error), BERTH_OK);
    assert_int_equal(cap_state.declare(&g->face, &good, &error), BERTH_E_EXISTS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_and_then_the_rest, begin, end),
        cmocka_unit_test_setup_teardown(who_does_not_fit_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_with_all_is_one_of_the_reload, begin, end),
        cmocka_unit_test_setup_teardown(there_is_a_bound, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_it_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_declaration_is_looked_at, begin, end),
    };
    return cmocka_run_group_tests_name("host.plugins.handover", tests, NULL, NULL);
}
