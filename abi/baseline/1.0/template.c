/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest useful plugin: GET /_plugins/_template/answer tells a number, and the setting
 * plugins.template.answer, which can be changed at run time, decides which.
 *
 * Copy the folder, rename things, and go on from there; docs/abi/plugin-authors-guide.md takes
 * this file apart.
 */
#include <berth/plugin.h>
#include <berth/routes.h>
#include <berth/settings.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_KEY "plugins.template.answer"

/* The instance. No global of the plugin changes: two generations of it may live side by side. */
struct template {
    const struct berth_host *host;
    const struct berth_routes_v1 *routes;
    const struct berth_settings_v1 *settings;
    /* Written where settings change, read on every loop: so it is atomic. */
    _Atomic int64_t answer;
};

/* ---- the route: runs on a loop, and so never blocks ---- */

static void get_answer(void *user, struct berth_request *request,
                       const struct berth_request_view *view) {
    struct template *plugin = user;
    char text[64];
    (void)view;
    int len = snprintf(text, sizeof text, "{\"answer\":%" PRId64 "}", atomic_load(&plugin->answer));
    struct berth_str body = {text, (uint64_t)len};
    /* No release callback: the host copies the body before reply returns. */
    struct berth_reply reply = {
        .size = sizeof reply, .status = 200, .parts = &body, .part_count = 1};
    (void)plugin->routes->reply(request, &reply);
}

/* ---- the setting ---- */

/* Called once before the first request, and then after every change of any setting. */
static void settings_changed(void *user, const struct berth_settings_view *view) {
    struct template *plugin = user;
    int64_t answer = 0;
    if (plugin->settings->get_int(view, BERTH_STR(ANSWER_KEY), &answer) == BERTH_OK) {
        atomic_store(&plugin->answer, answer);
    }
}

/* ---- the lifecycle ---- */

static int32_t create(const struct berth_host *host, void **out_plugin, struct berth_error *error) {
    struct template *plugin = calloc(1, sizeof *plugin);
    if (!plugin) {
        return BERTH_E_NO_MEMORY;
    }
    const void *routes = NULL;
    const void *settings = NULL;
    plugin->host = host;
    int32_t code = host->get_capability(host, BERTH_STR(BERTH_ROUTES_ID), &routes, error);
    if (code == BERTH_OK) {
        code = host->get_capability(host, BERTH_STR(BERTH_SETTINGS_ID), &settings, error);
    }
    if (code != BERTH_OK) {
        free(plugin);
        return code;
    }
    plugin->routes = routes;
    plugin->settings = settings;
    *out_plugin = plugin;
    return BERTH_OK;
}

static int32_t start(void *user, struct berth_error *error) {
    struct template *plugin = user;
    static const struct berth_str default_answer = BERTH_STR_INIT("42");
    struct berth_setting setting = {
        .size = sizeof setting,
        .type = BERTH_SETTING_INT,
        .flags = BERTH_SETTING_DYNAMIC,
        .default_count = 1,
        .key = BERTH_STR(ANSWER_KEY),
        .description = BERTH_STR("What GET /_plugins/_template/answer tells."),
        .default_values = &default_answer,
        .min = 0,
        .max = 1000,
    };
    struct berth_route route = {
        .size = sizeof route,
        .kind = BERTH_ROUTE_LOOP,
        .body = BERTH_BODY_NONE,
        .method = BERTH_STR("GET"),
        .path = BERTH_STR("/_plugins/_template/answer"),
        .handle = get_answer,
        .user = plugin,
    };
    int32_t code = plugin->settings->declare(plugin->host, &setting, 1, error);
    if (code == BERTH_OK) {
        code = plugin->settings->observe(plugin->host, NULL, settings_changed, plugin);
    }
    return code == BERTH_OK ? plugin->routes->add(plugin->host, &route, error) : code;
}

/* What was registered is swept by the host: there is nothing else to end. */
static void stop(void *user) {
    (void)user;
}

static void destroy(void *user) {
    free(user);
}

static const struct berth_lifecycle lifecycle = {
    .size = sizeof lifecycle,
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
};

/* ---- what the host reads before it runs any of the above ---- */

static const struct berth_capability_need capabilities[] = {
    {BERTH_STR_INIT(BERTH_ROUTES_ID), BERTH_NEED_REQUIRED, 0},
    {BERTH_STR_INIT(BERTH_SETTINGS_ID), BERTH_NEED_REQUIRED, 0},
};

BERTH_EXPORT const struct berth_plugin_descriptor berth_plugin = {
    .size = sizeof berth_plugin,
    .abi_major = BERTH_ABI_MAJOR,
    .abi_minor = BERTH_ABI_MINOR,
    .abi_minor_floor = BERTH_ABI_MINOR,
    .name = BERTH_STR_INIT("template"),
    .version = BERTH_STR_INIT("1.0.0"),
    .description = BERTH_STR_INIT("The smallest useful plugin: one route, one setting"),
    .capabilities = capabilities,
    .capability_count = sizeof capabilities / sizeof capabilities[0],
    .lifecycle = &lifecycle,
};
