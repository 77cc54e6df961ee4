/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run of checks has found, for people and for programs.
 */
#ifndef KIT_REPORT_H
#define KIT_REPORT_H

#include <stdio.h>

#include "kit/child.h"

struct kit_report {
    const struct kit_subject *subject;
    const struct kit_result *results;
    uint32_t count;
    uint32_t verdicts[KIT_SKIP + 1]; /* how many of each */
};

/* "PASS", "FAIL", … */
const char *kit_verdict_text(enum kit_verdict verdict);

/* The command that runs one check again. */
void kit_report_again(const struct kit_report *report, const struct kit_result *result,
                      char *out_text, size_t size);

/* All return false when it could not be written. */
bool kit_report_text(const struct kit_report *report, FILE *out);
bool kit_report_json(const struct kit_report *report, FILE *out);
bool kit_report_junit(const struct kit_report *report, FILE *out);

#endif
