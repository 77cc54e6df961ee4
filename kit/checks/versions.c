/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

#define GROWN 48u
#define GARBAGE 0xa5

/* It must work, and reply. */
static void expect_life(struct kit_run *run, const struct kit_config *config) {
    (void)kit_live(run, config);
    kit_judge(run, KIT_BLAME_FAILED);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

static void check_newer(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.more_minors = 7;
    expect_life(run, &config);
}

static void check_host(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.grow_host = GROWN;
    expect_life(run, &config);
}

static void check_tables(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.grow_tables = GROWN;
    expect_life(run, &config);
}

static void check_objects(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.grow_objects = GROWN;
    expect_life(run, &config);
}

/* Refusing it is allowed: by a code of the list. */
static void check_garbage(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.grow_host = GROWN;
    config.grow_tables = GROWN;
    config.tail = GARBAGE;
    (void)kit_live(run, &config);
    kit_judge(run, KIT_BLAME_CODE);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

const struct kit_check kit_versions_checks[] = {
    {"versions.newer_minor", 2, "it works on a host of a later minor",
     "compare the host's minor with what is needed by <, not by !=", KIT_REPLIES, check_newer, 0},
    {"versions.larger_host", 3, "it takes a larger berth_host whose unknown rest is zero",
     "compare sizes by <, not by !=", KIT_REPLIES, check_host, 0},
    {"versions.larger_tables", 3, "it takes larger tables whose unknown rest is zero",
     "compare sizes by <, not by !=", KIT_REPLIES, check_tables, 0},
    {"versions.larger_objects", 3,
     "it takes larger views, users, documents, texts and secrets whose unknown rest is zero",
     "compare sizes by <, not by !=", KIT_REPLIES, check_objects, 0},
    {"versions.unknown_rest", 3,
     "it takes or refuses, but survives, larger structs whose unknown rest is not zero",
     "leave alone what is beyond the known size, or refuse it with UNSUPPORTED", KIT_REPLIES,
     check_garbage, 0},
};
const uint32_t kit_versions_count = BASE_COUNT(kit_versions_checks);
