/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

/* choice: what is looked for after a life. */
static void check_life(struct kit_run *run) {
    (void)kit_live(run, &KIT_USUAL);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

/* Denies each capability of these flags, one after the other; gives how many there are. */
static uint32_t deny_each(struct kit_run *run, uint32_t flags, int32_t code) {
    const struct kit_descriptor *d = &run->subject->descriptor;
    uint32_t denied = 0;
    for (uint32_t i = 0; i < d->need_count; i++) {
        if ((d->needs[i].flags & BERTH_NEED_REQUIRED) == flags) {
            struct kit_config config = KIT_USUAL;
            config.denied = d->needs[i].id.text;
            config.denied_code = code;
            (void)kit_live(run, &config);
            denied++;
        }
    }
    return denied;
}

static void check_required(struct kit_run *run) {
    if (!deny_each(run, BERTH_NEED_REQUIRED, BERTH_E_DENIED)) {
        kit_skip(run, "it requires no capability");
    }
    kit_judge(run, KIT_BLAME_CODE);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

static void check_optional(struct kit_run *run) {
    if (!deny_each(run, BERTH_NEED_OPTIONAL, BERTH_E_NOT_FOUND)) {
        kit_skip(run, "no capability is optional to it");
        return;
    }
    struct kit_config config = KIT_USUAL;
    config.optional_denied = true;
    (void)kit_live(run, &config);
    kit_judge(run, KIT_BLAME_FAILED);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

const struct kit_check kit_capabilities_checks[] = {
    {"capabilities.declared", 2, "it asks for no capability that its descriptor does not name",
     "name it in the descriptor, as required or optional", KIT_REPLIES, check_life,
     KIT_BLAME_UNDECLARED},
    {"capabilities.required_denied", 2,
     "where a capability that it requires is denied it fails with a code, and does not crash",
     "look at what get_capability returns before the table is used", KIT_REPLIES, check_required,
     0},
    {"capabilities.optional_missing", 2, "it works without the capabilities that it calls optional",
     "require them, or do without them", KIT_REPLIES, check_optional, 0},
    {"capabilities.tables", 6, "it writes into no table of a capability",
     "take tables for the constants that they are", KIT_REPLIES, check_life, KIT_BLAME_TABLE},
    {"capabilities.host", 6, "it does not write into its struct berth_host",
     "take it for the constant that it is", KIT_REPLIES, check_life, KIT_BLAME_HOST},
    {"capabilities.log", 7, "lines of the log have a known level, an event, and named fields",
     "use the BERTH_LOG_ levels and a constant for the event", KIT_REPLIES, check_life,
     KIT_BLAME_LOG},
    {"capabilities.metrics", 5,
     "metrics begin with its name, and samples are of the type of the metric before them",
     "name them NAME_what_unit, and put samples behind the metric that they belong to", KIT_REPLIES,
     check_life, KIT_BLAME_METRICS},
    {"capabilities.state", 3, "it says once, and in whole, how it hands its state over",
     "give save, restore, and schemas from 1 on, of which it reads the one that it writes",
     KIT_REPLIES, check_life, KIT_BLAME_HOOKS},
    {"capabilities.peers", 3, "what it asks of other nodes is whole",
     "set size, the node's id, and a path that begins with a slash", KIT_REPLIES, check_life,
     KIT_BLAME_QUESTION},
    {"capabilities.forward", 3, "a request that another node answers is left alone until it ends",
     "take on_cancel back first, and touch it again only where it is given back", KIT_REPLIES,
     check_life, KIT_BLAME_FORWARDED},
};
const uint32_t kit_capabilities_count = BASE_COUNT(kit_capabilities_checks);
