/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/stats.h"

#include "base/json_write.h"
#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/settings.h"

#include <stdlib.h>

#define FAILURE_FROM 500u
#define US_PER_MS 1000.0

const char *ml_stats_action_name(enum ml_stat_action action) {
    static const char *const names[ML_STAT_ACTIONS] = {
        [ML_STAT_REGISTER] = "register",           [ML_STAT_DEPLOY] = "deploy",
        [ML_STAT_UNDEPLOY] = "undeploy",           [ML_STAT_PREDICT] = "predict",
        [ML_STAT_BATCH_PREDICT] = "batch_predict",
    };
    return names[action];
}

/* ---- counting ---- */

void ml_stats_note_call(struct ml_plugin *plugin, enum ml_stat_action action, uint32_t status) {
    if (action != ML_STAT_NONE) {
        plugin->stats.actions[action].requests++;
        plugin->stats.actions[action].failures += status >= FAILURE_FROM;
    }
}

static void note_timing(struct ml_timings *timings, uint32_t cap, uint64_t microseconds) {
    if (timings->cap != cap) {
        free(timings->list);
        *timings = (struct ml_timings){.list = cap ? calloc(cap, sizeof *timings->list) : NULL};
        timings->cap = timings->list ? cap : 0;
    }
    if (timings->cap) {
        timings->list[timings->next] =
            microseconds > UINT32_MAX ? UINT32_MAX : (uint32_t)microseconds;
        timings->next = (timings->next + 1) % timings->cap;
        timings->count++;
    }
}

void ml_model_stats_deinit(struct ml_model_stats *stats) {
    free(stats->whole.list);
    free(stats->remote.list);
}

void ml_stats_begin(struct ml_loop *loop) {
    loop->stats.predict.requests++;
    loop->stats.executing++;
}

void ml_stats_end(struct ml_loop *loop, struct berth_str model_id, uint32_t status,
                  uint64_t whole_us, uint64_t remote_us) {
    bool failed = status >= FAILURE_FROM;
    struct ml_loop_model *model = ml_catalogue_find(loop, model_id);
    loop->stats.executing--;
    loop->stats.predict.failures += failed;
    if (!model) {
        return;
    }
    uint32_t cap = loop->settings->timings_kept;
    model->stats.predict.requests++;
    model->stats.predict.failures += failed;
    note_timing(&model->stats.whole, cap, whole_us);
    if (remote_us) {
        note_timing(&model->stats.remote, cap, remote_us);
    }
}

/* ---- summing up ---- */

static void add_loop(void *user, uint32_t index, void *context) {
    struct ml_stats_sum *sum = user;
    const struct ml_loop *loop = context;
    (void)index;
    sum->actions[ML_STAT_PREDICT].requests += loop->stats.predict.requests;
    sum->actions[ML_STAT_PREDICT].failures += loop->stats.predict.failures;
    sum->executing += loop->stats.executing;
}

void ml_stats_read(struct ml_plugin *plugin, struct ml_stats_sum *out_sum) {
    *out_sum = (struct ml_stats_sum){.executing = 0};
    for (size_t i = 0; i < ML_STAT_ACTIONS; i++) {
        out_sum->actions[i].requests = plugin->stats.actions[i].requests;
        out_sum->actions[i].failures = plugin->stats.actions[i].failures;
    }
    (void)plugin->loop->run_on_all(plugin->host, add_loop, out_sum);
}

struct model_call {
    struct berth_str model_id;
    struct ml_model_sum *sum;
    bool found;
};

static void join(const struct ml_timings *timings, struct base_buf *out) {
    uint64_t kept = timings->count < timings->cap ? timings->count : timings->cap;
    base_buf_append(out, timings->list, (size_t)kept * sizeof *timings->list);
}

static void add_model(void *user, uint32_t index, void *context) {
    struct model_call *call = user;
    const struct ml_loop_model *model = ml_catalogue_find(context, call->model_id);
    (void)index;
    if (model) {
        call->found = true;
        call->sum->predict.requests += model->stats.predict.requests;
        call->sum->predict.failures += model->stats.predict.failures;
        join(&model->stats.whole, &call->sum->whole);
        join(&model->stats.remote, &call->sum->remote);
    }
}

bool ml_stats_read_model(struct ml_plugin *plugin, struct berth_str model_id,
                         struct ml_model_sum *out_sum) {
    struct model_call call = {.model_id = model_id, .sum = out_sum};
    *out_sum = (struct ml_model_sum){.predict = {0}};
    base_buf_init(&out_sum->whole, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&out_sum->remote, BASE_BUF_MAX_DEFAULT);
    (void)plugin->loop->run_on_all(plugin->host, add_model, &call);
    return call.found;
}

void ml_stats_free_model(struct ml_model_sum *sum) {
    base_buf_deinit(&sum->whole);
    base_buf_deinit(&sum->remote);
}

/* ---- telling ---- */

static int by_length(const void *a, const void *b) {
    const uint32_t *x = a;
    const uint32_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void put_ms(struct base_buf *out, const char *key, double microseconds) {
    json_key(out, key);
    json_put_f64(out, microseconds / US_PER_MS);
}

void ml_stats_put_timings(struct base_buf *timings, struct base_buf *out) {
    uint32_t *list = (uint32_t *)(void *)timings->ptr;
    size_t count = timings->len / sizeof *list;
    double sum = 0;
    json_open_object(out);
    json_member_u64(out, "count", count);
    if (count) {
        qsort(list, count, sizeof *list, by_length);
        for (size_t i = 0; i < count; i++) {
            sum += list[i];
        }
        put_ms(out, "max", list[count - 1]);
        put_ms(out, "min", list[0]);
        put_ms(out, "average", sum / (double)count);
        put_ms(out, "p50", list[(count - 1) * 50 / 100]);
        put_ms(out, "p90", list[(count - 1) * 90 / 100]);
        put_ms(out, "p99", list[(count - 1) * 99 / 100]);
    }
    json_close_object(out);
}
