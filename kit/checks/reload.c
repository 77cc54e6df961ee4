/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"
#include "kit/host/process.h"

#include <inttypes.h>

#define CYCLES 100u

/*
 * choice: what is looked for after a life. The first one is not looked at: libraries that the
 * plugin needs keep what they open once.
 */
static void check_rest(struct kit_run *run) {
    struct kit_process before;
    (void)kit_live(run, &KIT_USUAL);
    kit_process_look(&before);
    (void)kit_live(run, &KIT_USUAL);
    kit_process_compare(&before);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

static struct kit_host *next_generation(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.copy = true;
    struct kit_host *host = kit_host_open(run, &config);
    if (host) {
        (void)kit_host_up(host);
    }
    return host;
}

static void end(struct kit_host *host) {
    if (host) {
        kit_host_down(host);
        kit_host_close(host);
    }
}

/* The new one is started beside the old one, both answer, the old one goes. */
static void check_two(struct kit_run *run) {
    struct kit_host *old = next_generation(run);
    struct kit_host *new = next_generation(run);
    if (old && new && !kit_blamed(KIT_BLAME_FAILED)) {
        kit_serve_routes(old, &kit_plain);
        kit_serve_routes(new, &kit_plain);
        end(old);
        old = NULL;
        kit_serve_routes(new, &kit_plain);
    }
    end(old);
    end(new);
    kit_judge(run, KIT_BLAME_FAILED);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

/* Started, and not serving yet. */
static struct kit_host *started(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.copy = true;
    struct kit_host *host = kit_host_open(run, &config);
    if (host && !kit_host_create(host) && !kit_host_start(host)) {
        (void)kit_host_start_loops(host, host->loop_count);
    }
    return host;
}

/* What the last one saved goes to the next. */
static void hand_over(struct kit_host *from, struct kit_host *to, uint32_t part) {
    if (!kit_state_save(from, part)) {
        (void)kit_state_restore(to, from->state_hooks.schema, part, from->sink.state);
    }
}

/* The new one takes over what the old one knows, serves, and gets the rest when that is drained. */
static void check_handover(struct kit_run *run) {
    struct kit_host *old = next_generation(run);
    struct kit_host *new = started(run);
    if (old && !old->state_hooks.save) {
        kit_skip(run, "it hands nothing over");
    } else if (old && new && !kit_blamed(KIT_BLAME_FAILED)) {
        kit_serve_routes(old, &kit_plain);
        hand_over(old, new, BERTH_HANDOVER_ALL); /* of a reload that is refused */
        hand_over(old, new, BERTH_HANDOVER_ALL);
        kit_host_serve(new);
        kit_serve_routes(old, &kit_plain);
        kit_serve_routes(new, &kit_plain);
        kit_host_drain(old);
        hand_over(old, new, BERTH_HANDOVER_REST);
        kit_serve_routes(new, &kit_plain);
    }
    end(old);
    end(new);
    kit_judge(run, KIT_BLAME_FAILED);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

static void check_hundred(struct kit_run *run) {
    for (uint32_t i = 0; i < CYCLES && !kit_blamed(KIT_BLAME_FAILED); i++) {
        end(next_generation(run));
        if (kit_blamed(KIT_BLAME_FAILED)) {
            kit_fail(run, "in cycle %" PRIu32 " of %u: %s", i + 1, CYCLES,
                     kit_blamed(KIT_BLAME_FAILED));
        }
    }
}

#define REST(name, rule, kind, text, fix)                                                          \
    {"reload." name, rule, text, fix, KIT_REPLIES " binary.no_delete", check_rest, kind}

const struct kit_check kit_reload_checks[] = {
    REST("timers", 10, KIT_BLAME_TIMER_LEFT, "its timers are destroyed when loop_stop has returned",
         "call timer_destroy in loop_stop"),
    REST("watches", 10, KIT_BLAME_WATCH_LEFT,
         "its watches of descriptors are ended when loop_stop has returned",
         "call fd_unwatch in loop_stop, and close the descriptor after it"),
    REST("descriptors", 11, KIT_BLAME_FD_LEFT, "no descriptor of it is open when it is unloaded",
         "close in loop_stop or destroy what was opened"),
    REST("threads", 11, KIT_BLAME_THREAD_LEFT, "no thread of it is left when it is unloaded",
         "use the host's threads; end those of libraries in stop"),
    REST("code", 10, KIT_BLAME_CODE_LEFT, "its code is not mapped any more when it is unloaded",
         "let nothing refer to it: no dlopen of itself, no unique symbols, no thread-local "
         "destructors"),
    REST("process", 11, KIT_BLAME_PROCESS,
         "signals, environment, directory, locale and umask are as they were",
         "leave them to the host"),
    {"reload.two_generations", 10, "a new generation works beside the old one, and when it is gone",
     "keep all state in the instance, and hold nothing alone that the process has once",
     KIT_REPLIES, check_two, 0},
    {"reload.handover", 10, "a new generation takes over what an old one of the same file saved",
     "let restore read all that save writes, of both parts", KIT_REPLIES " reload.two_generations",
     check_handover, 0},
    {"reload.hundred", 10, "it can be loaded, started, stopped and unloaded a hundred times",
     "let no cycle use up what the process has a fixed number of", KIT_LIVES, check_hundred, 0},
};
const uint32_t kit_reload_count = BASE_COUNT(kit_reload_checks);
