/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/check.h"

#include <stdarg.h>
#include <stdio.h>

const struct kit_check *kit_check_next(uint32_t *cursor) {
    uint32_t at = (*cursor)++;
    for (uint32_t i = 0; i < kit_group_count; i++) {
        if (at < *kit_groups[i].count) {
            return &kit_groups[i].checks[at];
        }
        at -= *kit_groups[i].count;
    }
    return NULL;
}

const struct kit_check *kit_check_find(struct berth_str name) {
    uint32_t cursor = 0;
    const struct kit_check *check = NULL;
    while ((check = kit_check_next(&cursor)) && !base_str_is(name, check->name)) {
    }
    return check;
}

const struct kit_group *kit_group_of(const struct kit_check *check) {
    for (uint32_t i = 0; i < kit_group_count; i++) {
        const struct kit_group *group = &kit_groups[i];
        if (check >= group->checks && check < group->checks + *group->count) {
            return group;
        }
    }
    return NULL;
}

static void say(struct kit_run *run, enum kit_verdict verdict, const char *format, va_list list) {
    if (run->shared->verdict == KIT_PASS) {
        run->shared->verdict = verdict;
        (void)vsnprintf(run->shared->text, sizeof run->shared->text, format, list);
    }
}

void kit_fail(struct kit_run *run, const char *format, ...) {
    va_list list;
    va_start(list, format);
    say(run, KIT_FAIL, format, list);
    va_end(list);
}

void kit_skip(struct kit_run *run, const char *format, ...) {
    va_list list;
    va_start(list, format);
    say(run, KIT_SKIP, format, list);
    va_end(list);
}

void kit_phase(struct kit_run *run, const char *format, ...) {
    va_list list;
    va_start(list, format);
    (void)vsnprintf(run->shared->phase, sizeof run->shared->phase, format, list);
    va_end(list);
}
