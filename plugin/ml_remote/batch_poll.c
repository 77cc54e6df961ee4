/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/batch_poll.h"

#include "plugin/ml_remote/found.h"
#include "plugin/ml_remote/settings.h"

#include <stdlib.h>

/* How often a task could not be asked about, without a success since. */
struct failing {
    uint32_t count;
    char id[BERTH_ID_MAX + 1];
};

struct ml_polls {
    pthread_mutex_t lock;
    struct base_map failing; /* struct failing by id; under lock */
    uint32_t next_loop;
};

struct ml_polls *ml_polls_create(void) {
    struct ml_polls *polls = calloc(1, sizeof *polls);
    if (polls) {
        (void)pthread_mutex_init(&polls->lock, NULL);
    }
    return polls;
}

void ml_polls_destroy(struct ml_polls *polls) {
    size_t cursor = 0;
    void *failing;
    if (!polls) {
        return;
    }
    while ((failing = base_map_next(&polls->failing, &cursor))) {
        free(failing);
    }
    base_map_deinit(&polls->failing);
    (void)pthread_mutex_destroy(&polls->lock);
    free(polls);
}

/* ---- failures ---- */

static void forget(struct ml_polls *polls, struct berth_str id) {
    (void)pthread_mutex_lock(&polls->lock);
    free(base_map_remove(&polls->failing, id));
    (void)pthread_mutex_unlock(&polls->lock);
}

/* Whether that was one too many. Without memory a failure is not counted. */
static bool count_failure(struct ml_polls *polls, struct berth_str id) {
    (void)pthread_mutex_lock(&polls->lock);
    struct failing *failing = base_map_get(&polls->failing, id);
    if (!failing && id.len < sizeof failing->id && (failing = calloc(1, sizeof *failing))) {
        memcpy(failing->id, id.ptr, BASE_LEN(id));
        if (!base_map_set(&polls->failing, base_str(failing->id, BASE_LEN(id)), failing)) {
            free(failing);
            failing = NULL;
        }
    }
    bool too_many = failing && ++failing->count > ML_POLL_FAILURES_MAX;
    (void)pthread_mutex_unlock(&polls->lock);
    return too_many;
}

static void note_failure(struct ml_plugin *plugin, struct ml_polls *polls, struct berth_str id,
                         const struct berth_error *reason) {
    struct berth_error error = BASE_ERROR_INIT;
    ML_LOG(plugin, BERTH_LOG_WARN, "batch_job_not_asked", ML_FIELD("task_id", id),
           ML_FIELD("reason", base_cstr(reason->message)));
    if (!count_failure(polls, id)) {
        return;
    }
    forget(polls, id);
    int32_t code = ml_batch_set_state(plugin, id, "UNREACHABLE", &error);
    if (code && code != BERTH_E_NOT_FOUND) {
        ML_LOG(plugin, BERTH_LOG_ERROR, "task_not_written", ML_FIELD("task_id", id),
               ML_FIELD("reason", base_cstr(error.message)));
    }
}

/* ---- one question ---- */

struct poll {
    struct ml_plugin *plugin;
    struct ml_polls *polls;
    struct berth_str id;
    char id_text[BERTH_ID_MAX + 1];
};

static void on_status(void *user, struct ml_answer *answer, bool may_block) {
    struct poll *poll = user;
    if (may_block) {
        struct berth_error error = BASE_ERROR_INIT;
        struct ml_settings *settings = ml_settings_acquire(poll->plugin);
        int32_t code = ml_batch_take_status(poll->plugin, settings, poll->id, answer, &error);
        ml_settings_release(settings);
        if (code) {
            note_failure(poll->plugin, poll->polls, poll->id, &error);
        } else {
            forget(poll->polls, poll->id);
        }
    }
    free(poll);
}

static int32_t put_question(struct ml_plugin *plugin, struct ml_polls *polls, struct berth_str id,
                            struct json_value task, struct berth_error *error) {
    struct ml_question question;
    BASE_BUF_AUTO parameters;
    base_buf_init(&parameters, BASE_BUF_MAX_DEFAULT);
    int32_t code =
        ml_batch_question(plugin, task, ML_ACTION_BATCH_STATUS, &parameters, &question, error);
    if (code) {
        return code;
    }
    struct poll *poll = id.len < sizeof poll->id_text ? calloc(1, sizeof *poll) : NULL;
    if (!poll) {
        ml_deployed_unref(question.deployed);
        return base_error_memory(error);
    }
    memcpy(poll->id_text, id.ptr, BASE_LEN(id));
    poll->plugin = plugin;
    poll->polls = polls;
    poll->id = base_str(poll->id_text, BASE_LEN(id));
    question.loop = polls->next_loop++ % plugin->loop->count(plugin->host);
    question.done = on_status;
    question.user = poll;
    code = ml_ask(plugin, &question, error);
    if (code) {
        free(poll);
    }
    return code;
}

/* ---- a round ---- */

static const char running_query[] =
    "{\"bool\":{\"filter\":[{\"term\":{\"task_type\":\"BATCH_PREDICTION\"}},"
    "{\"terms\":{\"state\":[\"RUNNING\",\"CANCELLING\"]}}]}}";

struct round {
    struct ml_plugin *plugin;
    struct ml_polls *polls;
};

static void ask_about(void *user, struct berth_str id, struct json_value task) {
    const struct round *round = user;
    struct berth_error error = BASE_ERROR_INIT;
    if (put_question(round->plugin, round->polls, id, task, &error)) {
        note_failure(round->plugin, round->polls, id, &error);
    }
}

void ml_polls_run(struct ml_plugin *plugin, struct ml_polls *polls) {
    struct berth_error error = BASE_ERROR_INIT;
    struct round round = {plugin, polls};
    uint32_t count = 0;
    const struct ml_finding finding = {.kind = ML_TASK,
                                       .query = base_str(running_query, sizeof running_query - 1),
                                       .sort = "last_update_time",
                                       .max = ML_POLLS_MAX};
    if (ml_find(plugin, &finding, ask_about, &round, &count, &error)) {
        ML_LOG(plugin, BERTH_LOG_ERROR, "tasks_not_found",
               ML_FIELD("reason", base_cstr(error.message)));
    }
}
