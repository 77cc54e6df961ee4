/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's settings: one table that declares them, and an immutable snapshot of their values.
 *
 * A snapshot is shared by reference; each loop holds one, and is given the next by the change
 * callback before the change is acknowledged.
 */
#ifndef ML_REMOTE_SETTINGS_H
#define ML_REMOTE_SETTINGS_H

#include <stdatomic.h>

#include "base/arena.h"
#include "plugin/ml_remote/eligibility.h"
#include "plugin/ml_remote/plugin.h"
#include "plugin/ml_remote/remote_job.h"
#include "plugin/ml_remote/trust.h"

struct ml_settings {
    _Atomic uint32_t references;
    uint64_t serial; /* a later snapshot has a larger one */
    bool remote_inference_enabled;
    bool private_ip_enabled;
    bool connector_access_control;
    bool model_access_control;
    bool allow_custom_deployment_plan;
    bool auto_deploy;
    bool auto_redeploy;
    bool least_load; /* of several nodes with a model, the one with the least to do is asked */
    bool stream_enabled;
    bool controller_enabled;
    int64_t max_register_tasks;
    int64_t max_deploy_tasks;
    uint32_t monitoring_request_count; /* durations of a model that are kept */
    int64_t max_batch_tasks;
    bool batch_enabled;
    uint64_t sync_interval_ms; /* 0: never */
    uint64_t task_timeout_ms;
    uint64_t task_retention_ms;    /* 0: tasks are kept */
    struct ml_job_rules job_rules; /* its texts are in the arena */
    uint32_t max_exchanges;        /* in flight, of all models together; 0: no limit */
    uint32_t max_model_exchanges;  /* of a model */
    uint32_t max_remote_exchanges; /* with a remote service */
    uint64_t queue_ms;             /* how long one waits where a limit is reached; 0: not at all */
    uint32_t queue_size;           /* how many wait at each limit */
    struct ml_upstream_rules upstream;
    uint64_t max_answer; /* bytes of a remote service's answer */
    struct ml_trust *trust;
    struct ml_eligibility_rules rules; /* its texts are in the arena */
    bool node_is_eligible;             /* whether this node may run remote models */
    struct base_arena arena;
};

/* Declares the table and observes it. In start. */
int32_t ml_settings_declare(struct ml_plugin *plugin, struct berth_error *error);

/* Whether there is a snapshot: without memory for the first one no loop starts. */
bool ml_settings_known(struct ml_plugin *plugin);

/* The snapshot in force, with a reference. Any thread, once a loop has started. */
struct ml_settings *ml_settings_acquire(struct ml_plugin *plugin);
void ml_settings_release(struct ml_settings *settings);
struct ml_settings *ml_settings_ref(struct ml_settings *settings);

/* 400 when remote inference is switched off. */
int32_t ml_settings_check_remote(const struct ml_settings *settings, struct berth_error *error);

int32_t ml_settings_check_stream(const struct ml_settings *settings, struct berth_error *error);

/* Why this node may not run models, in words, for a refusal; fills 400. */
int32_t ml_settings_not_eligible(struct ml_plugin *plugin, const struct ml_settings *settings,
                                 struct berth_error *error);

#endif
