/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/commands.h"
#include "kit/report.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_SECONDS 120
#define ONLY_MAX 64

struct options {
    const char *path;
    const char *only[ONLY_MAX];
    uint32_t only_count;
    const char *junit;
    uint64_t seed;
    uint32_t timeout_seconds;
    bool json;
    bool help;
};

static const char help_text[] =
    "usage: berth-abi check [OPTION…] PLUGIN.so\n\n"
    "  --only GROUP|CHECK  runs these alone; may be given again\n"
    "  --json              writes JSON\n"
    "  --junit FILE        writes a JUnit report besides\n"
    "  --seed N            for what is chosen at random; 1 unless it is given\n"
    "  --timeout SECONDS   for each check; 120 unless it is given\n";

static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *out_value) {
    int64_t value = 0;
    if (!base_str_i64(base_cstr(text), &value) || value < 0 || (uint64_t)value < min ||
        (uint64_t)value > max) {
        (void)fprintf(stderr,
                      "berth-abi check: [%s] is no number from %" PRIu64 " to %" PRIu64 "\n", text,
                      min, max);
        return false;
    }
    *out_value = (uint64_t)value;
    return true;
}

static bool is_selection(const char *name) {
    for (uint32_t i = 0; i < kit_group_count; i++) {
        if (strcmp(kit_groups[i].name, name) == 0) {
            return true;
        }
    }
    return kit_check_find(base_cstr(name)) != NULL;
}

static bool add_only(struct options *o, const char *name) {
    if (!is_selection(name) || o->only_count == ONLY_MAX) {
        (void)fprintf(stderr, "berth-abi check: there is no group and no check [%s]\n", name);
        return false;
    }
    o->only[o->only_count++] = name;
    return true;
}

static bool read_option(struct options *o, int option) {
    uint64_t value = 0;
    switch (option) {
    case 'o':
        return add_only(o, optarg);
    case 'j':
        o->json = true;
        return true;
    case 'u':
        o->junit = optarg;
        return true;
    case 's':
        return read_number(optarg, 0, INT64_MAX, &o->seed);
    case 't':
        if (read_number(optarg, 1, 3600, &value)) {
            o->timeout_seconds = (uint32_t)value;
            return true;
        }
        return false;
    case 'h':
        o->help = true;
        return true;
    default:
        return false;
    }
}

static bool read_options(int argc, char **argv, struct options *o) {
    static const struct option known[] = {
        {"only", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"junit", required_argument, NULL, 'u'},
        {"seed", required_argument, NULL, 's'},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){.seed = 1, .timeout_seconds = TIMEOUT_SECONDS};
    /* getopt takes the first of its arguments for the program's name. */
    int option = 0;
    while ((option = getopt_long(argc + 1, argv - 1, "", known, NULL)) != -1) {
        if (!read_option(o, option)) {
            return false;
        }
    }
    if (!o->help && optind != argc) {
        (void)fprintf(stderr, "berth-abi check: takes one plugin; see berth-abi check --help\n");
        return false;
    }
    o->path = o->help ? NULL : argv[optind - 1];
    return true;
}

static bool is_selected(const struct options *o, const struct kit_check *check) {
    for (uint32_t i = 0; i < o->only_count; i++) {
        if (strcmp(o->only[i], check->name) == 0 ||
            strcmp(o->only[i], kit_group_of(check)->name) == 0) {
            return true;
        }
    }
    return o->only_count == 0;
}

/* All results so far, of those that were asked for and of those that they need. */
struct session {
    const struct options *options;
    const struct kit_subject *subject;
    struct kit_result *results;
    uint32_t count;
    struct berth_error error;
};

static const struct kit_result *find_result(const struct session *s, const struct kit_check *c) {
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->results[i].check == c) {
            return &s->results[i];
        }
    }
    return NULL;
}

static int32_t run_check(struct session *s, const struct kit_check *check);

/* The first check that is needed and did not pass; NULL when all did. */
static const struct kit_result *first_missing(struct session *s, const struct kit_check *check) {
    struct berth_str rest = base_cstr(check->needs ? check->needs : "");
    struct berth_str name = {NULL, 0};
    while (base_str_split(&rest, ' ', &name)) {
        const struct kit_check *needed = kit_check_find(name);
        if (!needed || run_check(s, needed)) {
            continue;
        }
        const struct kit_result *result = find_result(s, needed);
        if (result->verdict != KIT_PASS) {
            return result;
        }
    }
    return NULL;
}

static void show_progress(const struct session *s, const struct kit_check *check) {
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r\033[K[%" PRIu32 "] %s", s->count + 1, check->name);
    }
}

static int32_t run_check(struct session *s, const struct kit_check *check) {
    if (find_result(s, check)) {
        return BERTH_OK;
    }
    const struct kit_result *missing = first_missing(s, check);
    struct kit_result result = {.check = check, .verdict = KIT_SKIP};
    int32_t code = BERTH_OK;
    if (missing) {
        (void)snprintf(result.reason, sizeof result.reason, "needs %s, which says %s%s%.900s",
                       missing->check->name, kit_verdict_text(missing->verdict),
                       missing->verdict == KIT_SKIP ? ": " : "",
                       missing->verdict == KIT_SKIP ? missing->reason : "");
    } else {
        show_progress(s, check);
        code = kit_child_run(s->subject, check, s->options->timeout_seconds, &result, &s->error);
    }
    s->results[s->count++] = result;
    return code;
}

static int32_t run_all(struct session *s) {
    uint32_t cursor = 0;
    const struct kit_check *check = NULL;
    int32_t code = BERTH_OK;
    while (!code && (check = kit_check_next(&cursor))) {
        code = is_selected(s->options, check) ? run_check(s, check) : BERTH_OK;
    }
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r\033[K");
    }
    return code;
}

/* Those that were asked for, in the order of the table. */
static void select_results(const struct session *s, struct kit_result *out, uint32_t *out_count) {
    uint32_t cursor = 0;
    const struct kit_check *check = NULL;
    while ((check = kit_check_next(&cursor))) {
        if (is_selected(s->options, check)) {
            out[(*out_count)++] = *find_result(s, check);
        }
    }
}

static bool write_reports(const struct options *o, const struct kit_report *report) {
    bool written = o->json ? kit_report_json(report, stdout) : kit_report_text(report, stdout);
    FILE *junit = o->junit ? fopen(o->junit, "we") : NULL;
    if (o->junit && !junit) {
        (void)fprintf(stderr, "berth-abi check: cannot write [%s]: %s\n", o->junit,
                      strerror(errno));
        return false;
    }
    if (junit) {
        written = kit_report_junit(report, junit) && written;
        written = fclose(junit) == 0 && written;
    }
    return fflush(stdout) == 0 && written;
}

static int report(struct session *s, struct kit_result *chosen) {
    struct kit_report report = {.subject = s->subject, .results = chosen};
    select_results(s, chosen, &report.count);
    for (uint32_t i = 0; i < report.count; i++) {
        report.verdicts[chosen[i].verdict]++;
    }
    if (!write_reports(s->options, &report)) {
        return KIT_EXIT_MISUSE;
    }
    return report.verdicts[KIT_FAIL] || report.verdicts[KIT_CRASH] ? KIT_EXIT_FAILED : KIT_EXIT_OK;
}

static int check_subject(const struct options *o, const struct kit_subject *subject) {
    uint32_t all = 0;
    while (kit_check_next(&all)) {
    }
    struct kit_result *results = calloc(all, 2 * sizeof *results);
    struct session s = {.options = o, .subject = subject, .results = results};
    s.error = (struct berth_error)BASE_ERROR_INIT;
    int32_t code = results ? run_all(&s) : base_error_memory(&s.error);
    int status = KIT_EXIT_MISUSE;
    if (code) {
        (void)fprintf(stderr, "berth-abi check: %s\n", s.error.message);
    } else {
        status = report(&s, results + all);
    }
    free(results);
    return status;
}

int kit_command_check(int argc, char **argv) {
    struct options o;
    if (!read_options(argc, argv, &o)) {
        return KIT_EXIT_MISUSE;
    }
    if (o.help) {
        (void)fputs(help_text, stdout);
        return KIT_EXIT_OK;
    }
    struct kit_subject subject = {.path = o.path, .seed = o.seed};
    struct berth_error error = BASE_ERROR_INIT;
    if (elf_file_open(o.path, &subject.elf, &error)) {
        (void)fprintf(stderr, "berth-abi check: %s\n", error.message);
        return KIT_EXIT_MISUSE;
    }
    kit_descriptor_read(&subject.elf, &subject.descriptor);
    int status = check_subject(&o, &subject);
    elf_file_close(&subject.elf);
    return status;
}
