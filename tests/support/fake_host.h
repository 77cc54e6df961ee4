/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host in memory for the unit tests of ml_remote: as much of each capability as the units need.
 *
 * Store: documents by index and id, versions, compare-and-set, watches called from within write.
 * Settings: the declared defaults, changed by fake_host_set. Nodes: `nodes`, which a test may
 * replace. Worker: jobs wait for fake_host_run_jobs. Secrets: "sealed:CONTEXT:TEXT". What is
 * replied to a request stands in the struct berth_request. One thread.
 */
#ifndef TESTS_SUPPORT_FAKE_HOST_H
#define TESTS_SUPPORT_FAKE_HOST_H

#include "base/buf.h"
#include "plugin/ml_remote/call.h"
#include "plugin/ml_remote/plugin.h"
#include "tests/support/fake_loop.h"

#define FAKE_SETTINGS_MAX 64
#define FAKE_DOCUMENTS_MAX 32
#define FAKE_WATCHERS_MAX 4
#define FAKE_JOBS_MAX 8
#define FAKE_INDICES_MAX 8

/* What became of a request. */
struct berth_request {
    uint32_t replies; /* so far; more than one is a fault */
    uint32_t status;
    struct base_buf body;
    struct berth_error error; /* of reply_error */
    bool is_cancelled;        /* the client left before anybody asked */
    int32_t open_fails;       /* a code: stream_open gives it */
    int32_t write_fails;      /* a code: stream_write gives it */
    bool is_open;             /* a streamed reply */
    bool is_cut;              /* it was closed before its end */
    berth_request_fn on_cancel;
    void *cancel_user;
    const struct berth_user *user; /* who makes it; NULL: the host has no users */
};

struct fake_setting {
    struct berth_setting declared;
    const struct berth_str *values; /* as declared, or as set */
    uint32_t count;
    struct berth_str one; /* where values has this one alone */
};

/* A view is all settings: there is one state of them. */
struct berth_settings_view {
    struct fake_setting list[FAKE_SETTINGS_MAX];
    uint32_t count;
};

struct fake_document {
    struct berth_document view; /* its texts are in one allocation, text */
    char *text;
};

struct fake_host {
    struct berth_host host;
    struct ml_plugin plugin; /* ready but for its settings and catalogue */
    struct fake_loop loop;
    struct berth_settings_view settings;
    berth_settings_validate_fn validate;
    berth_settings_changed_fn changed;
    void *observer;
    const struct berth_node *nodes;
    uint32_t node_count;
    char indices[FAKE_INDICES_MAX][BERTH_INDEX_NAME_MAX + 1];
    uint32_t index_count;
    struct fake_document documents[FAKE_DOCUMENTS_MAX];
    uint64_t seq_no;
    uint32_t ids; /* generated so far: "id-1", "id-2" ... */
    struct {
        struct berth_str index;
        berth_watch_fn fn;
        void *user;
    } watchers[FAKE_WATCHERS_MAX];
    uint32_t watcher_count;
    int32_t store_fails; /* a code: reads and writes of the store give it */
    const char *search_answer;
    struct base_buf search_body; /* of the last search */
    struct {
        berth_worker_fn fn;
        void *user;
    } jobs[FAKE_JOBS_MAX];
    uint32_t job_count;
    bool worker_refuses;
    uint32_t log_lines;
    char last_event[64];
};

/* One local node "n1", of id "node-1", with the roles data and ml. */
void fake_host_init(struct fake_host *h);
/* Frees it, and the plugin's settings and arena. */
void fake_host_deinit(struct fake_host *h);

/* Declares the plugin's settings and puts them in force. */
void fake_host_start(struct fake_host *h);
/* Sets a value that must live as long as it is set. fake_host_apply puts it in force. */
void fake_host_set(struct fake_host *h, const char *key, const char *value);
void fake_host_set_list(struct fake_host *h, const char *key, const struct berth_str *values,
                        uint32_t count);
/* Both phases of a change: what validate says, and, where it agrees, changed. */
int32_t fake_host_apply(struct fake_host *h, struct berth_error *error);

void fake_host_run_jobs(struct fake_host *h);

/* A stored document's source; "" when there is none. */
const char *fake_host_source(const struct fake_host *h, const char *index, const char *id);
void fake_host_put(struct fake_host *h, const char *index, const char *id, const char *source);

/* A control call with a body, read already where it is one; ended by fake_call_end. */
struct fake_call {
    struct ml_call call;
    struct berth_request_view view;
    struct berth_request request;
};
void fake_call_begin(struct fake_call *c, struct fake_host *h, const char *body);
void fake_call_end(struct fake_call *c);
#define FAKE_CALL_AUTO __attribute__((cleanup(fake_call_end))) struct fake_call

#endif
