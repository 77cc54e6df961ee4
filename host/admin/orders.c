/* SPDX-License-Identifier: Apache-2.0 */
#include "host/admin/orders.h"

#include "base/json_write.h"
#include "host/base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Plugins that one refresh looks at. */
#define REFRESHED_MAX 64u

static const char *const actions[] = {
    [ORDER_LOAD] = "load", [ORDER_RELOAD] = "reload", [ORDER_UNLOAD] = "unload"};

struct plugin_order order_usual(enum order_action action) {
    return (struct plugin_order){
        .action = action, .how = {.deadline_ms = ORDER_DEADLINE_MS, .probe_ms = ORDER_PROBE_MS}};
}

/* ---- reading ---- */

int32_t order_check_path(struct berth_str path, struct berth_error *error) {
    return path.len && path.ptr[0] == '/'
               ? BERTH_OK
               : base_error(error, BERTH_E_INVALID, "[path] is a file's, from the root on");
}

int32_t order_check_time(struct berth_str text, const char *name, int64_t least, uint64_t *out_ms,
                         struct berth_error *error) {
    int64_t ms = 0;
    if (!base_str_i64(text, &ms) || ms < least || ms > ORDER_TIME_MAX_MS) {
        return base_error(error, BERTH_E_INVALID, "[%s] is a whole number from %d to %d", name,
                          (int)least, ORDER_TIME_MAX_MS);
    }
    *out_ms = (uint64_t)ms;
    return BERTH_OK;
}

static int32_t read_time(struct json_value object, const char *name, int64_t least,
                         uint64_t *out_ms, struct berth_error *error) {
    struct json_value value = json_get(object, name);
    return json_present(value) ? order_check_time(json_raw(value), name, least, out_ms, error)
                               : BERTH_OK;
}

static int32_t read_text(struct json_value object, const char *name, bool required,
                         struct base_arena *arena, struct berth_str *out,
                         struct berth_error *error) {
    struct json_value value = json_get(object, name);
    if (!json_present(value) && !required) {
        return BERTH_OK;
    }
    if (!json_is(value, JSON_STRING)) {
        return base_error(error, BERTH_E_INVALID, "[%s] is missing, or no text", name);
    }
    if (json_string(value, arena, out)) {
        *out = base_arena_dup(arena, *out); /* with an end: what json_string gives may have none */
    }
    return out->ptr ? BERTH_OK : base_error_memory(error);
}

static int32_t read_action(struct json_value object, enum order_action *out,
                           struct berth_error *error) {
    struct json_value value = json_get(object, "action");
    for (size_t i = 0; i < BASE_COUNT(actions); i++) {
        if (json_string_is(value, base_cstr(actions[i]))) {
            *out = (enum order_action)i;
            return BERTH_OK;
        }
    }
    return base_error(error, BERTH_E_INVALID, "[action] is [load], [reload] or [unload]");
}

int32_t order_read_json(struct json_value object, struct base_arena *arena,
                        struct plugin_order *out, struct berth_error *error) {
    enum order_action action = ORDER_LOAD;
    struct berth_str path = {NULL, 0};
    if (!json_is(object, JSON_OBJECT)) {
        return base_error(error, BERTH_E_INVALID, "an order is an object");
    }
    int32_t code = read_action(object, &action, error);
    *out = order_usual(action);
    code =
        code ? code : read_text(object, "plugin", action != ORDER_LOAD, arena, &out->plugin, error);
    code = code ? code : read_text(object, "path", action == ORDER_LOAD, arena, &path, error);
    code = code || !path.ptr ? code : order_check_path(path, error);
    code = code ? code : read_time(object, "deadline_ms", 0, &out->how.deadline_ms, error);
    code = code ? code : read_time(object, "probe_ms", 1, &out->how.probe_ms, error);
    out->how.path = path.ptr;
    out->how.dry_run = json_is(json_get(object, "dry_run"), JSON_TRUE);
    out->how.keeps_no_state = json_is(json_get(object, "state"), JSON_FALSE);
    return code;
}

/* ---- carrying out ---- */

static int32_t load(struct plugins *plugins, const struct plugin_order *order, struct base_buf *out,
                    struct berth_error *error) {
    char name[PLUGIN_GENERATION_NAME];
    int32_t code = plugins_load(plugins, order->how.path, order->how.probe_ms, name, error);
    if (!code) {
        json_member_cstr(out, "generation", name);
    }
    return code;
}

static int32_t unload(struct plugins *plugins, const struct plugin_order *order,
                      struct base_buf *out, struct berth_error *error) {
    struct plugins_unloaded done;
    int32_t code = plugins_unload(plugins, order->plugin, order->how.deadline_ms, &done, error);
    if (!code) {
        json_member_cstr(out, "generation", done.generation);
        json_member_u64(out, "drain_millis", done.drain_ms);
        json_member_bool(out, "quarantined", !done.is_gone);
    }
    return code;
}

static void put_handover(struct base_buf *out, const struct handover *handover) {
    json_key(out, "state");
    json_open_object(out);
    json_member_bool(out, "handed_over", handover->is_done);
    if (handover->is_done) {
        json_member_u64(out, "bytes", handover->bytes);
    } else {
        json_member_cstr(out, "reason", handover->reason);
    }
    json_close_object(out);
}

static int32_t reload(struct plugins *plugins, const struct plugin_order *order,
                      struct base_buf *out, struct berth_error *error) {
    struct plugins_reloaded done;
    const struct plugins_reload *how = &order->how;
    int32_t code = plugins_reload(plugins, order->plugin, how, &done, error);
    if (code) {
        return code;
    }
    json_member_bool(out, "dry_run", how->dry_run);
    json_member_cstr(out, "from", done.from);
    json_member_cstr(out, "to", done.to);
    json_member_cstr(out, "version", done.version);
    put_handover(out, &done.handover);
    if (!how->dry_run) {
        json_member_u64(out, "swap_micros", done.swap_us);
        json_member_u64(out, "drain_millis", done.drain_ms);
        json_member_bool(out, "quarantined", !done.is_gone);
    }
    return BERTH_OK;
}

int32_t order_carry_out(struct plugins *plugins, const struct plugin_order *order,
                        struct base_buf *out, struct berth_error *error) {
    static int32_t (*const functions[])(struct plugins *, const struct plugin_order *,
                                        struct base_buf *, struct berth_error *) = {
        [ORDER_LOAD] = load, [ORDER_RELOAD] = reload, [ORDER_UNLOAD] = unload};
    return functions[order->action](plugins, order, out, error);
}

/* ---- files that have changed ---- */

struct refresh {
    struct log *log;
    struct {
        char name[PLUGIN_GENERATION_NAME];
        char path[PATH_MAX];
        char sha256[FILE_SHA256_LENGTH + 1];
    } plugins[REFRESHED_MAX];
    size_t count;
};

static void note(void *user, const struct plugin_info *info) {
    struct refresh *r = user;
    if (r->count < REFRESHED_MAX) {
        (void)snprintf(r->plugins[r->count].name, PLUGIN_GENERATION_NAME, BASE_FMT,
                       BASE_ARG(info->name));
        (void)snprintf(r->plugins[r->count].path, PATH_MAX, BASE_FMT, BASE_ARG(info->file));
        (void)snprintf(r->plugins[r->count].sha256, FILE_SHA256_LENGTH + 1, "%s", info->sha256);
        r->count++;
    }
}

void order_refresh(struct plugins *plugins, struct log *log) {
    struct refresh *r = calloc(1, sizeof *r);
    if (!r) {
        LOG(log, BERTH_LOG_ERROR, "plugins_not_refreshed",
            LOG_FIELD("reason", BERTH_STR("there is no memory")));
        return;
    }
    plugins_each(plugins, note, r);
    for (size_t i = 0; i < r->count; i++) {
        char now[FILE_SHA256_LENGTH + 1];
        struct berth_error error = BASE_ERROR_INIT;
        struct plugins_reloaded done;
        struct plugin_order order = order_usual(ORDER_RELOAD);
        int32_t code = file_sha256(r->plugins[i].path, now, &error);
        if (!code && strcmp(now, r->plugins[i].sha256) != 0) {
            code =
                plugins_reload(plugins, base_cstr(r->plugins[i].name), &order.how, &done, &error);
        }
        if (code) {
            LOG(log, BERTH_LOG_ERROR, "plugin_not_reloaded",
                LOG_FIELD("plugin", base_cstr(r->plugins[i].name)),
                LOG_FIELD("reason", base_cstr(error.message)));
        }
    }
    free(r);
}
