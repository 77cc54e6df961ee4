/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/handover.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/json_write.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/usage_report.h"

#include <stdlib.h>

/* What goes over of one model's latest predictions. */
#define DURATIONS_MAX 1000u
/* Models beyond this much text are counted anew. */
#define MODELS_BYTES_MAX (BERTH_STATE_BYTES_MAX / 2)

/* What was counted when all was handed over; what came since is the rest. Control thread. */
struct ml_handover {
    struct ml_usage_report report;
    struct base_map models; /* struct ml_model_report by id, of the report */
    uint64_t taken_ns;
};

void ml_handover_destroy(struct ml_handover *handover) {
    if (handover) {
        base_map_deinit(&handover->models);
        ml_usage_report_deinit(&handover->report);
        free(handover);
    }
}

/* ---- saving ---- */

static int32_t take(struct ml_plugin *plugin, struct ml_handover **out_now,
                    struct berth_error *error) {
    struct ml_handover *now = calloc(1, sizeof *now);
    if (!now) {
        return base_error_memory(error);
    }
    now->taken_ns = base_monotonic_ns();
    int32_t code = ml_usage_report_make(plugin, ML_REPORT_DURATIONS | ML_REPORT_LATENCY,
                                        DURATIONS_MAX, &now->report, error);
    for (uint32_t i = 0; i < now->report.model_count && !code; i++) {
        struct ml_model_report *model = &now->report.models[i];
        code = base_map_set(&now->models, model->id, model) ? BERTH_OK : base_error_memory(error);
    }
    if (code) {
        ml_handover_destroy(now);
        return code;
    }
    *out_now = now;
    return BERTH_OK;
}

/* before: NULL: nothing was handed over yet. */
static void put_counts(struct base_buf *out, const struct ml_counts *now,
                       const struct ml_counts *before) {
    static const struct ml_counts none[ML_STAT_ACTIONS];
    before = before ? before : none;
    json_open_array(out);
    for (int act = 0; act < ML_STAT_ACTIONS; act++) {
        json_open_array(out);
        json_put_u64(out, now[act].requests - before[act].requests);
        json_put_u64(out, now[act].failures - before[act].failures);
        json_close_array(out);
    }
    json_close_array(out);
}

static void put_latency(struct base_buf *out, const struct ml_latency *now,
                        const struct ml_latency *before) {
    static const struct ml_latency none;
    before = before ? before : &none;
    json_open_array(out);
    for (int part = 0; part < ML_LATENCY_PARTS; part++) {
        json_open_array(out);
        json_put_u64(out, now->sum_ns[part] - before->sum_ns[part]);
        for (uint32_t i = 0; i <= ML_LATENCY_BOUNDS; i++) {
            json_put_u64(out, now->counts[part][i] - before->counts[part][i]);
        }
        json_close_array(out);
    }
    json_close_array(out);
}

/* The oldest first, as they are added again. */
static void put_durations(struct base_buf *out, const struct ml_model_report *model,
                          uint64_t since_ns) {
    json_open_array(out);
    for (uint32_t i = model->duration_count; i-- > 0;) {
        const struct ml_duration *d = &model->durations[i];
        if (d->ended_ns > since_ns) {
            json_open_array(out);
            json_put_u64(out, d->ended_ns);
            json_put_u64(out, d->request_us);
            json_put_u64(out, d->inference_us);
            json_close_array(out);
        }
    }
    json_close_array(out);
}

static void put_models(struct base_buf *out, const struct ml_handover *now,
                       const struct ml_handover *before) {
    json_key(out, "models");
    json_open_array(out);
    for (uint32_t i = 0; i < now->report.model_count && out->len < MODELS_BYTES_MAX; i++) {
        const struct ml_model_report *model = &now->report.models[i];
        const struct ml_model_report *old =
            before ? base_map_get(&before->models, model->id) : NULL;
        if (old && memcmp(old->counts, model->counts, sizeof old->counts) == 0 &&
            memcmp(old->latency, model->latency, sizeof *old->latency) == 0) {
            continue;
        }
        json_open_object(out);
        json_member_string(out, "id", model->id);
        json_key(out, "counts");
        put_counts(out, model->counts, old ? old->counts : NULL);
        json_key(out, "latency");
        put_latency(out, model->latency, old ? old->latency : NULL);
        json_key(out, "durations");
        put_durations(out, model, before ? before->taken_ns : 0);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_numbers(struct base_buf *out, const char *key, const uint64_t *numbers,
                        size_t count) {
    json_key(out, key);
    json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        json_put_u64(out, numbers[i]);
    }
    json_close_array(out);
}

struct services_call {
    struct base_buf *out;
    uint64_t now_ns;
    bool is_all;
};

static void put_service(void *user, struct ml_upstream *upstream) {
    const struct services_call *call = user;
    struct ml_upstream_state state;
    ml_upstream_save(upstream, call->now_ns, call->is_all, &state);
    json_open_object(call->out);
    json_member_string(call->out, "origin", ml_upstream_name(upstream));
    put_numbers(call->out, "figures", state.figures, BASE_COUNT(state.figures));
    if (call->is_all) {
        put_numbers(call->out, "window", state.window, BASE_COUNT(state.window));
        json_member_u64(call->out, "open_ns", state.open_ns);
    }
    json_close_object(call->out);
}

struct limits_call {
    struct base_buf *out;
    struct berth_str model_id;
    uint64_t now_ns;
    bool is_all;
};

static void put_limit(void *user, struct berth_str name, struct ml_limiter *limiter) {
    const struct limits_call *call = user;
    uint64_t spent_ns = ml_limiter_spent(limiter, call->now_ns, call->is_all);
    if (spent_ns) {
        json_open_object(call->out);
        json_member_string(call->out, "model", call->model_id);
        if (name.ptr) {
            json_member_string(call->out, "user", name);
        }
        json_member_u64(call->out, "spent_ns", spent_ns);
        json_close_object(call->out);
    }
}

/* Every limit of a model: its own, under no name, and those of users. */
static void each_limit(const struct ml_deployed *deployed,
                       void (*fn)(void *user, struct berth_str name, struct ml_limiter *limiter),
                       void *user) {
    if (deployed->limiter) {
        fn(user, (struct berth_str){NULL, 0}, deployed->limiter);
    }
    ml_controller_each(deployed->controller, fn, user);
}

static void put_limits(struct ml_plugin *plugin, struct base_buf *out, const struct berth_str *ids,
                       size_t count, bool is_all) {
    struct limits_call call = {.out = out, .now_ns = base_monotonic_ns(), .is_all = is_all};
    json_key(out, "limits");
    json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        struct ml_deployed *deployed = ml_catalogue_get(plugin, ids[i]);
        if (deployed) {
            call.model_id = ids[i];
            each_limit(deployed, put_limit, &call);
            ml_deployed_unref(deployed);
        }
    }
    json_close_array(out);
}

/* Of models that are undeployed when nobody uses them: how long nobody has. */
static void put_idle(struct ml_plugin *plugin, struct base_buf *out, const struct berth_str *ids,
                     size_t count) {
    uint64_t now_ns = base_monotonic_ns();
    json_key(out, "idle");
    json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        struct ml_deployed *deployed = ml_catalogue_get(plugin, ids[i]);
        bool is_watched = deployed && deployed->ttl_minutes >= 0;
        uint64_t used_ns = is_watched ? ml_catalogue_last_used(plugin, ids[i]) : 0;
        if (used_ns && used_ns < now_ns) {
            json_open_object(out);
            json_member_string(out, "model", ids[i]);
            json_member_u64(out, "ns", now_ns - used_ns);
            json_close_object(out);
        }
        ml_deployed_unref(deployed);
    }
    json_close_array(out);
}

static void put_state(struct ml_plugin *plugin, const struct ml_handover *now,
                      const struct ml_handover *before, struct base_buf *out) {
    struct base_arena arena;
    struct berth_str *ids = NULL;
    base_arena_init(&arena, 1024);
    size_t count = ml_catalogue_ids(plugin, &arena, &ids);
    struct services_call services = {
        .out = out, .now_ns = base_monotonic_ns(), .is_all = before == NULL};
    json_open_object(out);
    json_key(out, "totals");
    put_counts(out, now->report.totals, before ? before->report.totals : NULL);
    json_key(out, "services");
    json_open_array(out);
    ml_upstreams_visit(plugin->upstreams, put_service, &services);
    json_close_array(out);
    put_limits(plugin, out, ids, count, before == NULL);
    if (!before) {
        put_idle(plugin, out, ids, count);
    }
    put_models(out, now, before);
    json_close_object(out);
    base_arena_deinit(&arena);
}

static int32_t save(void *user, uint32_t part, struct berth_state_sink *sink,
                    struct berth_error *error) {
    struct ml_plugin *plugin = user;
    struct ml_handover *now = NULL;
    bool is_all = part == BERTH_HANDOVER_ALL;
    if (!is_all && !plugin->handover) {
        return base_error(error, BERTH_E_STATE, "there is no rest of what was not handed over");
    }
    int32_t code = take(plugin, &now, error);
    if (code) {
        return code;
    }
    BASE_BUF_AUTO out;
    base_buf_init(&out, BERTH_STATE_BYTES_MAX);
    put_state(plugin, now, is_all ? NULL : plugin->handover, &out);
    code = out.error ? out.error : plugin->state->append(sink, base_buf_view(&out));
    ml_handover_destroy(plugin->handover);
    plugin->handover = is_all ? now : NULL;
    ml_handover_destroy(is_all ? NULL : now);
    return code ? base_error(error, code, "what is to be handed over cannot be written") : BERTH_OK;
}

/* ---- restoring ---- */

/* 0 for what is no number, or below. */
static uint64_t number(struct json_value value) {
    int64_t n = 0;
    return json_i64(value, &n) && n > 0 ? (uint64_t)n : 0;
}

static uint32_t small_number(struct json_value value) {
    uint64_t n = number(value);
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Fills numbers, as many as there are. */
static void read_numbers(struct json_value list, uint64_t *out, size_t count) {
    struct json_value v = json_first(list);
    for (size_t i = 0; i < count && json_present(v); i++) {
        out[i] = number(v);
        v = json_next(list, v);
    }
}

static void add_counts(struct ml_counts *to, struct json_value list) {
    struct json_value v = json_first(list);
    for (int act = 0; act < ML_STAT_ACTIONS && json_present(v); act++) {
        to[act].requests += number(json_at(v, 0));
        to[act].failures += number(json_at(v, 1));
        v = json_next(list, v);
    }
}

static void add_latency(struct ml_latency *to, struct json_value list) {
    struct json_value v = json_first(list);
    for (int part = 0; part < ML_LATENCY_PARTS && json_present(v); part++) {
        uint64_t numbers[ML_LATENCY_BOUNDS + 2] = {0};
        read_numbers(v, numbers, BASE_COUNT(numbers));
        to->sum_ns[part] += numbers[0];
        for (uint32_t i = 0; i <= ML_LATENCY_BOUNDS; i++) {
            to->counts[part][i] += numbers[i + 1];
        }
        v = json_next(list, v);
    }
}

static void add_durations(struct ml_durations *to, struct json_value list, uint32_t limit) {
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        ml_durations_add(to,
                         (struct ml_duration){.ended_ns = number(json_at(v, 0)),
                                              .request_us = small_number(json_at(v, 1)),
                                              .inference_us = small_number(json_at(v, 2))},
                         limit);
    }
}

static bool read_text(struct json_value object, const char *key, struct base_arena *arena,
                      struct berth_str *out) {
    struct json_value value = json_get(object, key);
    return json_is(value, JSON_STRING) && json_string(value, arena, out);
}

/* Into what workers counted, whose lock takes no loop's time. */
static void restore_usage(struct ml_plugin *plugin, struct json_value root,
                          struct base_arena *arena) {
    struct ml_settings *settings = ml_settings_acquire(plugin);
    struct json_value models = json_get(root, "models");
    struct berth_str id;
    (void)pthread_mutex_lock(&plugin->usages_lock);
    add_counts(plugin->usages.totals, json_get(root, "totals"));
    for (struct json_value m = json_first(models); json_present(m); m = json_next(models, m)) {
        struct ml_usage *usage =
            read_text(m, "id", arena, &id) ? ml_usages_of(&plugin->usages, id) : NULL;
        if (usage) {
            add_counts(usage->counts, json_get(m, "counts"));
            add_latency(&usage->latency, json_get(m, "latency"));
            add_durations(&usage->durations, json_get(m, "durations"),
                          settings->monitoring_request_count);
        }
    }
    (void)pthread_mutex_unlock(&plugin->usages_lock);
    ml_settings_release(settings);
}

static void restore_services(struct ml_plugin *plugin, struct json_value list,
                             struct base_arena *arena, bool is_all) {
    uint64_t now_ns = base_monotonic_ns();
    struct berth_str origin;
    for (struct json_value s = json_first(list); json_present(s); s = json_next(list, s)) {
        struct ml_upstream *upstream = read_text(s, "origin", arena, &origin)
                                           ? ml_upstreams_get(plugin->upstreams, origin)
                                           : NULL;
        struct ml_upstream_state state = {.open_ns = number(json_get(s, "open_ns"))};
        read_numbers(json_get(s, "figures"), state.figures, BASE_COUNT(state.figures));
        read_numbers(json_get(s, "window"), state.window, BASE_COUNT(state.window));
        if (upstream) {
            ml_upstream_restore(upstream, now_ns, is_all, &state);
        }
    }
}

struct spend_call {
    struct berth_str name; /* ptr NULL: the model's own */
    uint64_t spent_ns;
};

static void spend(void *user, struct berth_str name, struct ml_limiter *limiter) {
    const struct spend_call *call = user;
    if (!name.ptr == !call->name.ptr && base_str_eq(name, call->name)) {
        ml_limiter_spend(limiter, call->spent_ns, base_monotonic_ns());
    }
}

static void restore_limits(struct ml_plugin *plugin, struct json_value list,
                           struct base_arena *arena) {
    struct berth_str id;
    for (struct json_value l = json_first(list); json_present(l); l = json_next(list, l)) {
        struct spend_call call = {.spent_ns = number(json_get(l, "spent_ns"))};
        struct ml_deployed *deployed =
            read_text(l, "model", arena, &id) ? ml_catalogue_get(plugin, id) : NULL;
        bool is_users = json_present(json_get(l, "user"));
        if (deployed && (!is_users || read_text(l, "user", arena, &call.name))) {
            each_limit(deployed, spend, &call);
        }
        ml_deployed_unref(deployed);
    }
}

struct idle_call {
    struct json_value list;
    uint64_t now_ns;
};

/* Ids are letters, digits, _ and -: what stands between the quotation marks is the id. */
static void restore_idle(void *user, uint32_t index, void *context) {
    const struct idle_call *call = user;
    struct json_value list = call->list;
    (void)index;
    for (struct json_value i = json_first(list); json_present(i); i = json_next(list, i)) {
        struct json_value id = json_get(i, "model");
        uint64_t idle_ns = number(json_get(i, "ns"));
        struct ml_loop_model *model =
            json_is(id, JSON_STRING) ? ml_catalogue_find(context, json_inner(id)) : NULL;
        if (model && idle_ns < call->now_ns) {
            model->last_used_ns = call->now_ns - idle_ns;
        }
    }
}

static int32_t restore(void *user, const struct berth_handover *handover,
                       struct berth_error *error) {
    struct ml_plugin *plugin = user;
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    bool is_all = handover->part == BERTH_HANDOVER_ALL;
    if (!json_parse(&doc, handover->state, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_INVALID, "what is handed over", error);
    }
    struct json_value root = json_root(&doc);
    if (!json_is(root, JSON_OBJECT)) {
        return base_error(error, BERTH_E_INVALID, "what is handed over is no object");
    }
    struct base_arena arena;
    base_arena_init(&arena, 1024);
    restore_usage(plugin, root, &arena);
    restore_services(plugin, json_get(root, "services"), &arena, is_all);
    restore_limits(plugin, json_get(root, "limits"), &arena);
    struct idle_call idle = {.list = json_get(root, "idle"), .now_ns = base_monotonic_ns()};
    int32_t code = json_present(json_first(idle.list))
                       ? plugin->loop->run_on_all(plugin->host, restore_idle, &idle)
                       : BERTH_OK;
    base_arena_deinit(&arena);
    return code ? base_error(error, code, "the loops cannot be told what is handed over")
                : BERTH_OK;
}

int32_t ml_handover_declare(struct ml_plugin *plugin, struct berth_error *error) {
    const struct berth_state_hooks hooks = {.size = sizeof hooks,
                                            .schema = ML_HANDOVER_SCHEMA,
                                            .oldest_schema = ML_HANDOVER_SCHEMA,
                                            .save = save,
                                            .restore = restore,
                                            .user = plugin};
    return plugin->state ? plugin->state->declare(plugin->host, &hooks, error) : BERTH_OK;
}
