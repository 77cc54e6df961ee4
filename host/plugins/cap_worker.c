/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

#include <stdlib.h>

struct plugin_job {
    struct worker_job job;
    struct generation *generation;
    berth_worker_fn fn;
    void *user;
};

static void run(struct worker_job *job) {
    struct plugin_job *mine = (struct plugin_job *)job;
    struct generation *g = mine->generation;
    mine->fn(mine->user);
    free(mine);
    generation_job_end(g);
}

static int32_t submit(const struct berth_host *host, berth_worker_fn fn, void *user) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check(g, IN_RUNNING, "worker.submit", NULL);
    struct plugin_job *job = code ? NULL : malloc(sizeof *job);
    if (!job) {
        return code ? code : BERTH_E_NO_MEMORY;
    }
    *job = (struct plugin_job){.job = {NULL, run}, .generation = g, .fn = fn, .user = user};
    generation_job_begin(g);
    code = worker_pool_submit(g->services->workers, &job->job);
    if (code) {
        generation_job_end(g);
        free(job);
    }
    return code;
}

const struct berth_worker_v1 cap_worker = {
    .size = sizeof cap_worker,
    .submit = submit,
};
