/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/report.h"

#include "base/json_write.h"

#include <inttypes.h>

const char *kit_verdict_text(enum kit_verdict verdict) {
    static const char *const texts[] = {"PASS", "FAIL", "CRASH", "SKIP"};
    return texts[verdict];
}

void kit_report_again(const struct kit_report *report, const struct kit_result *result,
                      char *out_text, size_t size) {
    (void)snprintf(out_text, size, "berth-abi check --only %s --seed %" PRIu64 " %s",
                   result->check->name, report->subject->seed, report->subject->path);
}

bool kit_report_text(const struct kit_report *report, FILE *out) {
    for (uint32_t i = 0; i < report->count; i++) {
        const struct kit_result *r = &report->results[i];
        (void)fprintf(out, "%-5s %-30s %s\n", kit_verdict_text(r->verdict), r->check->name,
                      r->verdict == KIT_PASS ? r->check->text : r->reason);
        if (r->verdict == KIT_FAIL || r->verdict == KIT_CRASH) {
            char again[1024];
            kit_report_again(report, r, again, sizeof again);
            (void)fprintf(out, "      rule %" PRIu32 ", %s: %s\n", r->check->rule,
                          kit_rule_title(r->check->rule), r->check->text);
            (void)fprintf(out, "      mend:  %s\n      again: %s\n", r->check->fix, again);
        }
    }
    return fprintf(out,
                   "%" PRIu32 " passed, %" PRIu32 " failed, %" PRIu32 " crashed, %" PRIu32
                   " skipped\n",
                   report->verdicts[KIT_PASS], report->verdicts[KIT_FAIL],
                   report->verdicts[KIT_CRASH], report->verdicts[KIT_SKIP]) > 0;
}

static void put_result(struct base_buf *buf, const struct kit_report *report,
                       const struct kit_result *r) {
    char again[1024];
    kit_report_again(report, r, again, sizeof again);
    json_open_object(buf);
    json_member_cstr(buf, "name", r->check->name);
    json_member_cstr(buf, "group", kit_group_of(r->check)->name);
    json_member_u64(buf, "rule", r->check->rule);
    json_member_cstr(buf, "verdict", kit_verdict_text(r->verdict));
    json_member_cstr(buf, "text", r->check->text);
    if (r->verdict != KIT_PASS) {
        json_member_cstr(buf, "reason", r->reason);
        json_member_cstr(buf, "again", again);
    }
    json_member_u64(buf, "milliseconds", r->milliseconds);
    json_close_object(buf);
}

bool kit_report_json(const struct kit_report *report, FILE *out) {
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, BASE_BUF_MAX_DEFAULT);
    json_open_object(&buf);
    json_member_cstr(&buf, "plugin", report->subject->path);
    json_member_string(&buf, "name", report->subject->descriptor.name.text);
    json_member_u64(&buf, "abi_major", BERTH_ABI_MAJOR);
    json_member_u64(&buf, "abi_minor", BERTH_ABI_MINOR);
    json_member_u64(&buf, "seed", report->subject->seed);
    json_member_u64(&buf, "passed", report->verdicts[KIT_PASS]);
    json_member_u64(&buf, "failed", report->verdicts[KIT_FAIL]);
    json_member_u64(&buf, "crashed", report->verdicts[KIT_CRASH]);
    json_member_u64(&buf, "skipped", report->verdicts[KIT_SKIP]);
    json_key(&buf, "checks");
    json_open_array(&buf);
    for (uint32_t i = 0; i < report->count; i++) {
        put_result(&buf, report, &report->results[i]);
    }
    json_close_array(&buf);
    json_close_object(&buf);
    return !buf.error && fprintf(out, BASE_FMT "\n", (int)buf.len, buf.ptr) > 0;
}

/* ---- JUnit ---- */

/* Text between quotes of an attribute; what XML cannot hold is left out. */
static void put_attribute(FILE *out, const char *name, const char *text) {
    (void)fprintf(out, " %s=\"", name);
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc((unsigned char)*c < 0x20 ? ' ' : *c, out);
        }
    }
    (void)fputc('"', out);
}

static void put_case(FILE *out, const struct kit_result *r) {
    static const char *const elements[] = {NULL, "failure", "error", "skipped"};
    (void)fputs("  <testcase", out);
    put_attribute(out, "classname", kit_group_of(r->check)->name);
    put_attribute(out, "name", r->check->name);
    (void)fprintf(out, " time=\"%.3f\"", (double)r->milliseconds / 1000.0);
    if (!elements[r->verdict]) {
        (void)fputs("/>\n", out);
        return;
    }
    (void)fprintf(out, ">\n    <%s", elements[r->verdict]);
    put_attribute(out, "message", r->reason);
    (void)fputs("/>\n  </testcase>\n", out);
}

bool kit_report_junit(const struct kit_report *report, FILE *out) {
    (void)fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"berth-abi\"", out);
    (void)fprintf(out,
                  " tests=\"%" PRIu32 "\" failures=\"%" PRIu32 "\" errors=\"%" PRIu32
                  "\" skipped=\"%" PRIu32 "\">\n",
                  report->count, report->verdicts[KIT_FAIL], report->verdicts[KIT_CRASH],
                  report->verdicts[KIT_SKIP]);
    for (uint32_t i = 0; i < report->count; i++) {
        put_case(out, &report->results[i]);
    }
    return fputs("</testsuite>\n", out) >= 0;
}
