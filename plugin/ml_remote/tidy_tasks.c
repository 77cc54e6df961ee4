/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/tidy.h"

#include "base/clock.h"
#include "plugin/ml_remote/found.h"
#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/task.h"

/* Tasks of one search, and searches of one run. */
#define TASKS_MAX BERTH_WRITES_MAX
#define SEARCHES_MAX 100u

#define ENDED                                                                                      \
    "{\"terms\":{\"state\":[\"COMPLETED\",\"COMPLETED_WITH_ERROR\",\"FAILED\",\"CANCELLED\","      \
    "\"EXPIRED\",\"UNREACHABLE\"]}}"
/* A remote job takes the time that its service takes. */
#define RUNNING                                                                                    \
    "{\"terms\":{\"state\":[\"CREATED\",\"RUNNING\"]}},"                                           \
    "{\"bool\":{\"must_not\":[{\"term\":{\"task_type\":\"BATCH_PREDICTION\"}}]}}"

void ml_tidy_report(struct ml_plugin *plugin, const struct ml_tidied *tidied) {
    const struct berth_log_field fields[] = {
        {base_cstr(tidied->subject), tidied->id},
        {BERTH_STR("reason"), base_cstr(tidied->reason)},
    };
    plugin->log->write(plugin->host, tidied->level, base_cstr(tidied->event), fields,
                       BASE_COUNT(fields));
}

static void report(struct ml_plugin *plugin, const char *event, struct berth_str id,
                   const char *reason) {
    ml_tidy_report(plugin, &(struct ml_tidied){BERTH_LOG_WARN, event, "task_id", id, reason});
}

/* A query for tasks of which a time lies before another. */
static void put_query(const char *states, const char *field, uint64_t before_ms,
                      struct base_buf *out) {
    base_buf_format(out, "{\"bool\":{\"filter\":[%s,{\"range\":{\"%s\":{\"lt\":%llu}}}]}}", states,
                    field, (unsigned long long)before_ms);
}

/* ---- time-outs ---- */

struct timing_out {
    struct ml_plugin *plugin;
    uint64_t timeout_ms;
};

static int32_t fail_task(struct ml_plugin *plugin, struct berth_str id, uint64_t timeout_ms,
                         struct berth_error *error) {
    ML_DOCUMENT_AUTO task = {0};
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO why;
    BASE_BUF_AUTO source;
    base_arena_init(&arena, 512);
    base_buf_init(&why, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&source, BASE_BUF_MAX_DEFAULT);
    int32_t code = ml_document_get(plugin, ML_TASK, id, &task, error);
    if (code) {
        return code;
    }
    base_buf_format(&why, "timed out after %llu seconds",
                    (unsigned long long)(timeout_ms / BASE_MS_PER_S));
    const struct ml_edit edits[] = {
        {"state", BERTH_STR("\"FAILED\"")},
        {"last_update_time", ml_now(&arena)},
        {"error", ml_task_error(plugin, &arena, base_buf_view(&why))},
    };
    ml_document_edit(ML_TASK, task.root, edits, BASE_COUNT(edits), &source);
    if (why.error || source.error || !edits[1].raw.ptr || !edits[2].raw.ptr) {
        return base_error_memory(error);
    }
    struct berth_write write = ml_write_over(&task, BERTH_WRITE_PUT, base_buf_view(&source));
    return ml_store_write(plugin, &write, 1, NULL, error);
}

static void time_out(void *user, struct berth_str id, struct json_value task) {
    const struct timing_out *t = user;
    struct berth_error error = BASE_ERROR_INIT;
    (void)task;
    int32_t code = fail_task(t->plugin, id, t->timeout_ms, &error);
    report(t->plugin, code ? "task_not_written" : "task_timed_out", id,
           code ? error.message : "it ran for too long");
}

static int32_t time_out_tasks(struct ml_plugin *plugin, const struct ml_settings *settings,
                              struct berth_error *error) {
    struct timing_out t = {plugin, settings->task_timeout_ms};
    BASE_BUF_AUTO query;
    uint32_t count = 0;
    base_buf_init(&query, BASE_BUF_MAX_DEFAULT);
    put_query(RUNNING, "create_time", base_wall_ms() - t.timeout_ms, &query);
    const struct ml_finding finding = {
        .kind = ML_TASK, .query = base_buf_view(&query), .sort = "create_time", .max = TASKS_MAX};
    return query.error ? base_error_memory(error)
                       : ml_find(plugin, &finding, time_out, &t, &count, error);
}

/* ---- retention ---- */

struct deleting {
    struct berth_write writes[TASKS_MAX];
    uint32_t count;
    struct base_arena arena;
};

static void note_old(void *user, struct berth_str id, struct json_value task) {
    struct deleting *d = user;
    struct berth_str kept = base_arena_dup(&d->arena, id);
    (void)task;
    if (kept.ptr && d->count < TASKS_MAX) {
        d->writes[d->count++] = ml_write(ML_TASK, BERTH_WRITE_DELETE, kept, base_str("", 0));
    }
}

/* Deletes some; out_more: there may be others. */
static int32_t delete_some(struct ml_plugin *plugin, const struct ml_finding *finding,
                           bool *out_more, struct berth_error *error) {
    struct deleting d = {.count = 0};
    uint32_t found = 0;
    base_arena_init(&d.arena, 4096);
    int32_t code = ml_find(plugin, finding, note_old, &d, &found, error);
    code = code || !d.count ? code : ml_store_write(plugin, d.writes, d.count, NULL, error);
    *out_more = !code && found == finding->max && d.count == found;
    base_arena_deinit(&d.arena);
    return code;
}

static int32_t delete_old_tasks(struct ml_plugin *plugin, const struct ml_settings *settings,
                                struct berth_error *error) {
    BASE_BUF_AUTO query;
    base_buf_init(&query, BASE_BUF_MAX_DEFAULT);
    put_query(ENDED, "last_update_time", base_wall_ms() - settings->task_retention_ms, &query);
    const struct ml_finding finding = {.kind = ML_TASK,
                                       .query = base_buf_view(&query),
                                       .sort = "last_update_time",
                                       .max = TASKS_MAX};
    int32_t code = query.error ? base_error_memory(error) : BERTH_OK;
    bool more = settings->task_retention_ms > 0;
    for (uint32_t i = 0; i < SEARCHES_MAX && more && !code; i++) {
        code = delete_some(plugin, &finding, &more, error);
    }
    return code;
}

void ml_tidy_tasks(struct ml_plugin *plugin, const struct ml_settings *settings) {
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = time_out_tasks(plugin, settings, &error);
    code = code ? code : delete_old_tasks(plugin, settings, &error);
    if (code) {
        report(plugin, "tasks_not_tidied", base_str("", 0), error.message);
    }
}
