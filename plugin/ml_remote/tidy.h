/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What housekeeping puts right: tasks and models whose documents are not what runs. On a worker.
 */
#ifndef ML_REMOTE_TIDY_H
#define ML_REMOTE_TIDY_H

#include "plugin/ml_remote/documents.h"

/* Tasks that run for too long have failed; those that ended long ago are deleted. */
void ml_tidy_tasks(struct ml_plugin *plugin, const struct ml_settings *settings);

/* Models that were not used for longer than they may are undeployed. */
void ml_tidy_idle_models(struct ml_plugin *plugin);

/* Documents of models say on how many nodes they are, as it is. */
void ml_tidy_models(struct ml_plugin *plugin);

/* Models that are to be on all nodes are deployed on those that have come. */
void ml_tidy_plans(struct ml_plugin *plugin);

/* Logs what was done about a document; subject: "task_id" or "model_id". */
struct ml_tidied {
    uint32_t level;
    const char *event;
    const char *subject;
    struct berth_str id;
    const char *reason;
};
void ml_tidy_report(struct ml_plugin *plugin, const struct ml_tidied *tidied);

/* So long a document is left alone after it was written: it may be ahead of what it says. */
#define ML_TIDY_GRACE_MS 20000u

#endif
