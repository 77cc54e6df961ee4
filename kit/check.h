/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check: one rule of the ABI, and the function that finds out whether a plugin keeps it.
 *
 * Checks are rows of tables, one table a group (kit/checks). Each runs in a child process of its
 * own, single-threaded when it begins; what it says is written into memory that it shares with the
 * parent, so that nothing is lost when it crashes.
 */
#ifndef KIT_CHECK_H
#define KIT_CHECK_H

#include <stdbool.h>

#include "kit/descriptor.h"

enum kit_verdict { KIT_PASS, KIT_FAIL, KIT_CRASH, KIT_SKIP };

#define KIT_TEXT_MAX 1536
#define KIT_PHASE_MAX 256

/* What the child shares with the parent. */
struct kit_shared {
    enum kit_verdict verdict;
    int32_t done;
    char phase[KIT_PHASE_MAX]; /* what the plugin is made to do at the moment */
    char text[KIT_TEXT_MAX];
};

/* What is looked at: the file, and what it says of itself. */
struct kit_subject {
    const char *path;
    struct elf_file elf;
    struct kit_descriptor descriptor;
    uint64_t seed;
};

struct kit_check;

/* One run of one check, in the child. */
struct kit_run {
    const struct kit_subject *subject;
    const struct kit_check *check;
    struct kit_shared *shared;
};

struct kit_check {
    /* "group.what" */
    const char *name;
    /* The number of the rule in docs/abi/rules.md. */
    uint32_t rule;
    /* What is required, and how a plugin that fails is mended. */
    const char *text;
    const char *fix;
    /* Checks without which this one means nothing, by name, with spaces between; NULL: none. */
    const char *needs;
    void (*run)(struct kit_run *run);
    /* What run is to look at: an enum kit_blame, or a choice that run itself defines. */
    uint32_t choice;
};

struct kit_group {
    const char *name;
    const char *text;
    const struct kit_check *checks;
    const uint32_t *count;
};

extern const struct kit_group kit_groups[];
extern const uint32_t kit_group_count;

/* NULL when there is none. */
const struct kit_check *kit_check_find(struct berth_str name);
const struct kit_group *kit_group_of(const struct kit_check *check);

/* Goes through all checks in order: *cursor begins at 0; NULL at the end. */
const struct kit_check *kit_check_next(uint32_t *cursor);

/* The title and the reason of a rule. */
const char *kit_rule_title(uint32_t rule);
const char *kit_rule_reason(uint32_t rule);

/* ---- for the checks: the first word counts, and a check that says nothing passes ---- */

__attribute__((format(printf, 2, 3))) void kit_fail(struct kit_run *run, const char *format, ...);
__attribute__((format(printf, 2, 3))) void kit_skip(struct kit_run *run, const char *format, ...);
__attribute__((format(printf, 2, 3))) void kit_phase(struct kit_run *run, const char *format, ...);

#endif
