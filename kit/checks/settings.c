/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

/* choice: what is looked for after declaring. */
static void check_declared(struct kit_run *run) {
    (void)kit_live_idle(run, &KIT_USUAL);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

/* choice: what is looked for after each dynamic setting was changed. */
static void check_changes(struct kit_run *run) {
    struct kit_host *host = kit_host_open(run, &KIT_USUAL);
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        if (!host->settings) {
            kit_skip(run, "it declares no settings");
        }
        kit_change_settings(host);
        kit_serve_routes(host, &kit_plain);
    }
    kit_host_down(host);
    kit_host_close(host);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

/* The values in force must be among those that it takes. */
static void check_defaults(struct kit_run *run) {
    struct kit_host *host = kit_host_open(run, &KIT_USUAL);
    bool taken = true;
    if (!host) {
        return;
    }
    if (!kit_host_up(host)) {
        for (struct kit_setting *s = host->settings; s && taken; s = s->next) {
            if (s->declared.default_count == 1) {
                kit_phase(run, "the default of [" BASE_FMT "]", BASE_ARG(s->declared.key));
                taken = kit_settings_try(host, s, s->defaults[0].ptr);
            }
            if (!taken) {
                kit_fail(run, "it refuses the default of [" BASE_FMT "]",
                         BASE_ARG(s->declared.key));
            }
        }
    }
    kit_host_down(host);
    kit_host_close(host);
}

#define LOADS "lifecycle.load"
#define CHANGES KIT_REPLIES " settings.changes"

const struct kit_check kit_settings_checks[] = {
    {"settings.key", 5, "keys are dotted, of lower case letters, digits and _",
     "name them plugins.NAME.what", LOADS, check_declared, KIT_BLAME_SETTING_KEY},
    {"settings.type", 4, "types and flags are known ones", "use the BERTH_SETTING_ constants",
     LOADS, check_declared, KIT_BLAME_SETTING_TYPE},
    {"settings.size", 3, "each setting says its size", ".size = sizeof setting", LOADS,
     check_declared, KIT_BLAME_SETTING_SIZE},
    {"settings.default", 5, "each default is one value of its type",
     "give one text, in the form of the type; for a list as many as it has", LOADS, check_declared,
     KIT_BLAME_SETTING_DEFAULT},
    {"settings.bounds", 5, "each default is within its bounds",
     "set min and max, in the unit in which the value is read", LOADS, check_declared,
     KIT_BLAME_SETTING_BOUNDS},
    {"settings.twice", 10, "no setting is declared twice", "declare it once", LOADS, check_declared,
     KIT_BLAME_SETTING_TWICE},
    {"settings.defaults_taken", 10, "it does not refuse its own defaults",
     "let validate take what declare names as the default", KIT_LIVES, check_defaults, 0},
    {"settings.changes", 10, "it survives a change of each dynamic setting, to its bounds too",
     "let changed take every value that validate has let pass", KIT_REPLIES, check_changes,
     KIT_BLAME_NO_REPLY},
    {"settings.reading", 7, "settings are read as what they are declared",
     "read a text with get_text, a list with get_list, a number with get_int or get_float", CHANGES,
     check_changes, KIT_BLAME_SETTING_READ},
    {"settings.view", 6, "a view of settings is not used after its callback",
     "copy the values in changed", CHANGES, check_changes, KIT_BLAME_SETTING_VIEW},
    {"settings.refusal", 12, "a value that it refuses is refused with a code and a reason",
     "fill the error's message with what the client is to read", CHANGES, check_changes,
     KIT_BLAME_SETTING_REFUSAL},
};
const uint32_t kit_settings_count = BASE_COUNT(kit_settings_checks);
