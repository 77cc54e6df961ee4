/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

const struct kit_shape kit_plain = {0};

void kit_serve_routes(struct kit_host *host, const struct kit_shape *shape) {
    uint32_t loop = 0;
    kit_memory_era(KIT_ERA_REQUESTS);
    for (const struct kit_route *r = host->routes; r; r = r->next) {
        kit_phase(host->run, "a request to [" BASE_FMT " " BASE_FMT "]", BASE_ARG(r->route.method),
                  BASE_ARG(r->route.path));
        (void)kit_request_send(host, r, shape, loop++ % host->loop_count);
        kit_requests_wait(host);
        if (kit_blamed(KIT_BLAME_NO_REPLY)) {
            return;
        }
    }
}

/* A number in the form of a setting's type. */
static void number_text(uint32_t type, double number, char *out_text, size_t size) {
    static const char *const units[] = {[BERTH_SETTING_TIME] = "ms", [BERTH_SETTING_BYTES] = "b"};
    if (type == BERTH_SETTING_FLOAT) {
        (void)snprintf(out_text, size, "%.17g", number);
    } else {
        const char *unit = type < BASE_COUNT(units) && units[type] ? units[type] : "";
        (void)snprintf(out_text, size, "%" PRId64 "%s", (int64_t)number, unit);
    }
}

static void try_value(struct kit_host *host, struct kit_setting *s, const char *value) {
    kit_phase(host->run, "the value [%s] for [" BASE_FMT "]", value, BASE_ARG(s->declared.key));
    (void)kit_settings_try(host, s, value);
}

static void try_bounds(struct kit_host *host, struct kit_setting *s) {
    const double bounds[] = {s->declared.min, s->declared.max};
    for (size_t i = 0; i < BASE_COUNT(bounds); i++) {
        char text[64];
        if (fabs(bounds[i]) < 9e15) {
            number_text(s->declared.type, bounds[i], text, sizeof text);
            try_value(host, s, text);
        }
    }
}

void kit_change_settings(struct kit_host *host) {
    kit_memory_era(KIT_ERA_SETTINGS);
    for (struct kit_setting *s = host->settings; s; s = s->next) {
        if (!(s->declared.flags & BERTH_SETTING_DYNAMIC) ||
            s->declared.type == BERTH_SETTING_LIST) {
            continue;
        }
        char before[256];
        (void)snprintf(before, sizeof before, BASE_FMT, BASE_ARG(s->defaults[0]));
        if (s->declared.type == BERTH_SETTING_BOOL) {
            try_value(host, s, strcmp(before, "true") == 0 ? "false" : "true");
        } else if (s->declared.type == BERTH_SETTING_TEXT) {
            try_value(host, s, "kit");
            try_value(host, s, "");
        } else {
            try_bounds(host, s);
        }
        try_value(host, s, before);
    }
}

int32_t kit_live(struct kit_run *run, const struct kit_config *config) {
    struct kit_host *host = kit_host_open(run, config);
    if (!host) {
        return BERTH_E_INTERNAL;
    }
    int32_t code = kit_host_up(host);
    if (!code) {
        kit_serve_routes(host, &kit_plain);
        kit_phase(run, "a change of the nodes, and of settings that are not its own");
        kit_memory_era(KIT_ERA_SETTINGS);
        kit_settings_renew(host);
        kit_nodes_change(host);
        kit_phase(run, "its figures");
        kit_metrics_collect(host);
        (void)kit_state_save(host, BERTH_HANDOVER_ALL);
    }
    kit_host_down(host);
    kit_host_close(host);
    return code;
}

int32_t kit_live_idle(struct kit_run *run, const struct kit_config *config) {
    struct kit_host *host = kit_host_open(run, config);
    if (!host) {
        return BERTH_E_INTERNAL;
    }
    int32_t code = kit_host_up(host);
    kit_host_down(host);
    kit_host_close(host);
    return code;
}
