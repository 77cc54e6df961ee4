/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-abi: tells whether a plugin keeps the rules of the ABI.
 */
#include "kit/check.h"
#include "kit/commands.h"

#include <inttypes.h>
#include <stdio.h>

static int list(int argc, char **argv) {
    (void)argv;
    if (argc > 0) {
        (void)fprintf(stderr, "berth-abi list: takes no arguments\n");
        return KIT_EXIT_MISUSE;
    }
    for (uint32_t i = 0; i < kit_group_count; i++) {
        (void)printf("%s: %s\n", kit_groups[i].name, kit_groups[i].text);
        for (uint32_t k = 0; k < *kit_groups[i].count; k++) {
            const struct kit_check *check = &kit_groups[i].checks[k];
            (void)printf("  %-30s %s\n", check->name, check->text);
        }
    }
    return KIT_EXIT_OK;
}

static int explain(int argc, char **argv) {
    const struct kit_check *check = argc == 1 ? kit_check_find(base_cstr(argv[0])) : NULL;
    if (!check) {
        (void)fprintf(stderr, "berth-abi explain: takes the name of a check; see berth-abi list\n");
        return KIT_EXIT_MISUSE;
    }
    (void)printf("%s: %s.\n\nRule %" PRIu32 ", %s (docs/abi/rules.md): %s.\n\nTo mend it: %s.\n",
                 check->name, check->text, check->rule, kit_rule_title(check->rule),
                 kit_rule_reason(check->rule), check->fix);
    if (check->needs) {
        (void)printf("\nIt is skipped unless these pass: %s.\n", check->needs);
    }
    return KIT_EXIT_OK;
}

static const struct {
    const char *name;
    const char *arguments;
    const char *text;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"check", "[OPTION…] PLUGIN.so", "runs the checks; see berth-abi check --help",
     kit_command_check},
    {"inspect", "[--json] PLUGIN.so", "prints what a plugin says of itself, without running it",
     kit_command_inspect},
    {"dump", "", "prints the ABI as JSON: structs, constants, functions", kit_command_dump},
    {"list", "", "lists the checks", list},
    {"explain", "CHECK", "tells a check's rule, its reason, and how to keep it", explain},
};

static void usage(FILE *out) {
    (void)fprintf(out, "usage: berth-abi COMMAND …\n\n");
    for (size_t i = 0; i < BASE_COUNT(commands); i++) {
        (void)fprintf(out, "  %-8s%-21s %s\n", commands[i].name, commands[i].arguments,
                      commands[i].text);
    }
    (void)fprintf(out, "\nexit status: 0 all is well, 1 a check failed, 2 misuse\n");
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < BASE_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 2, argv + 2);
        }
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        usage(stdout);
        return KIT_EXIT_OK;
    }
    usage(stderr);
    return KIT_EXIT_MISUSE;
}
