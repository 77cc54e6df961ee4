/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin that calls itself ml_remote and is to take its place; what it does wrong is given as
 * -DWRONG_...=1 where the test compiles it. With nothing wrong it serves one route.
 */
#include <berth/plugin.h>
#include <berth/routes.h>
#include <berth/settings.h>
#include <berth/state.h>

#include <stdlib.h>
#include <unistd.h>

#ifndef NAME
#define NAME "ml_remote"
#endif
#ifndef ABI_MAJOR
#define ABI_MAJOR BERTH_ABI_MAJOR
#endif

static const struct berth_host *host_of_plugin;
static const struct berth_routes_v1 *routes;
static const struct berth_settings_v1 *settings;

#ifdef WRONG_CONSTRUCTOR
__attribute__((constructor)) static void run_when_mapped(void) {
    abort();
}
#endif

static void answer(void *user, struct berth_request *request,
                   const struct berth_request_view *view) {
    const struct berth_str body = {"{\"candidate\":true}", 18};
    const struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &body, .part_count = 1};
    (void)user;
    (void)view;
    (void)routes->reply(request, &reply);
}

static int32_t create(const struct berth_host *host, void **out_plugin, struct berth_error *error) {
    static int instance;
#ifdef WRONG_CRASH
    abort();
#endif
#ifdef WRONG_CREATE
    (void)host;
    (void)out_plugin;
    (void)error;
    return BERTH_E_UNAVAILABLE;
#endif
    host_of_plugin = host;
    *out_plugin = &instance;
    int32_t code =
        host->get_capability(host, BERTH_STR(BERTH_ROUTES_ID), (const void **)&routes, error);
    return code ? code
                : host->get_capability(host, BERTH_STR(BERTH_SETTINGS_ID), (const void **)&settings,
                                       error);
}

#ifdef SCHEMA
static int32_t save(void *user, uint32_t part, struct berth_state_sink *sink,
                    struct berth_error *error) {
    const struct berth_state_v1 *state = user;
    (void)part;
    (void)error;
#ifdef WRONG_SAVE
    return BERTH_E_UNAVAILABLE;
#endif
    return state->append(sink, BERTH_STR("{}"));
}

static int32_t restore(void *user, const struct berth_handover *handover,
                       struct berth_error *error) {
    (void)user;
    (void)handover;
    (void)error;
#ifdef WRONG_RESTORE
    return BERTH_E_CORRUPT;
#endif
    return BERTH_OK;
}

static int32_t declare_state(struct berth_error *error) {
    const struct berth_state_v1 *state = NULL;
    int32_t code = host_of_plugin->get_capability(host_of_plugin, BERTH_STR(BERTH_STATE_ID),
                                                  (const void **)&state, error);
    const struct berth_state_hooks hooks = {.size = sizeof hooks,
                                            .schema = SCHEMA,
                                            .oldest_schema = SCHEMA,
                                            .save = save,
                                            .restore = restore,
                                            .user = (void *)(uintptr_t)state};
    return code ? code : state->declare(host_of_plugin, &hooks, error);
}
#endif

static int32_t start(void *plugin, struct berth_error *error) {
    const struct berth_route route = {.size = sizeof route,
                                      .kind = BERTH_ROUTE_LOOP,
                                      .method = BERTH_STR("GET"),
                                      .path = BERTH_STR("/_candidate"),
                                      .handle = answer};
    (void)plugin;
#ifdef WRONG_START
    abort();
#endif
#ifdef WRONG_HANG
    for (;;) {
        pause();
    }
#endif
#ifdef WRONG_SETTING
    const struct berth_str text = BERTH_STR("yes");
    const struct berth_setting setting = {
        .size = sizeof setting,
        .type = BERTH_SETTING_TEXT,
        .flags = BERTH_SETTING_DYNAMIC,
        .default_count = 1,
        .key = BERTH_STR("plugins.ml_commons.remote_inference.enabled"),
        .default_values = &text};
    int32_t declared = settings->declare(host_of_plugin, &setting, 1, error);
    if (declared) {
        return declared;
    }
#endif
#ifdef WRONG_ROUTE
    struct berth_route taken = route;
    taken.path = BERTH_STR("/_nodes");
    int32_t added = routes->add(host_of_plugin, &taken, error);
    if (added) {
        return added;
    }
#endif
#ifdef SCHEMA
    int32_t declared_state = declare_state(error);
    if (declared_state) {
        return declared_state;
    }
#endif
    return routes->add(host_of_plugin, &route, error);
}

static void stop(void *plugin) {
    (void)plugin;
}

static void destroy(void *plugin) {
    (void)plugin;
}

static const struct berth_lifecycle lifecycle = {
    .size = sizeof lifecycle, .create = create, .start = start, .stop = stop, .destroy = destroy};

static const struct berth_capability_need needs[] = {
    {BERTH_STR_INIT(BERTH_ROUTES_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_SETTINGS_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_STATE_ID), BERTH_NEED_OPTIONAL, 0},
};

BERTH_EXPORT const struct berth_plugin_descriptor berth_plugin = {
    .size = sizeof berth_plugin,
    .abi_major = ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .name = BERTH_STR_INIT(NAME),
    .version = BERTH_STR_INIT("9.9.9"),
    .capabilities = needs,
    .capability_count = sizeof needs / sizeof needs[0],
    .lifecycle = &lifecycle,
};
