/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kit's host: every capability of the ABI, in memory, made to watch a plugin and to be unkind
 * to it.
 *
 * It has threads as a host has them: the control thread is the one that the check runs on, each
 * loop is a thread, and so are the workers. Everything that a plugin was given is kept until the
 * host is closed, so that what it does with it too late is seen and not a crash.
 */
#ifndef KIT_HOST_HOST_H
#define KIT_HOST_HOST_H

#include <pthread.h>
#include <stdatomic.h>

#include "kit/host/capability_ids.h"
#include "kit/host/functions.h"
#include "kit/host/ledger.h"
#include "kit/host/memory.h"

#define KIT_LOOPS_MAX 32u
#define KIT_LOOPS_USUAL 2u
#define KIT_WORKERS 3u
#define KIT_COUNT_TABLE(name, id) +1u
#define KIT_TABLES (0u KIT_CAPABILITIES(KIT_COUNT_TABLE))

/* How the host behaves. All zero is the host that a plugin was built for. */
struct kit_config {
    uint32_t loops;          /* 0: the usual number */
    uint16_t more_minors;    /* added to the minor that it says to have */
    uint32_t grow_host;      /* bytes that berth_host has more than is known */
    uint32_t grow_tables;    /* and each table */
    uint32_t grow_objects;   /* and what requests and calls give */
    uint8_t tail;            /* what these bytes hold */
    struct berth_str denied; /* a capability that it does not give */
    int32_t denied_code;
    bool optional_denied; /* as all that the plugin can do without */
    enum kit_fn fail_fn;  /* the function whose n-th call fails; KIT_FN_NONE */
    uint32_t fail_nth;    /* 0: none */
    int32_t fail_code;
    bool slow_client; /* takes nothing of a stream before it must */
    bool views_end;   /* what a request showed cannot be read after its reply */
    bool copy;        /* loads a copy of the file, under a name of its own */
};

enum kit_role { KIT_ROLE_FOREIGN, KIT_ROLE_CONTROL, KIT_ROLE_WORKER, KIT_ROLE_FEED, KIT_ROLE_LOOP };

struct kit_host;

struct berth_state_sink {
    struct kit_host *host;
    bool is_open; /* save is running */
    struct berth_str state;
};

/* Work for a thread. It is freed by who made it, in or after fn. */
struct kit_job {
    struct kit_job *next;
    void (*fn)(struct kit_job *job);
};

struct kit_queue {
    struct kit_job *first;
    struct kit_job *last;
};

struct kit_loop {
    struct kit_host *host;
    uint32_t index;
    pthread_t thread;
    int epoll;
    int wake;
    pthread_mutex_t lock;
    struct kit_queue queue; /* under lock */
    bool quit;              /* under lock */
    bool started;           /* the plugin has a context here */
    void *context;
    struct berth_timer *timers;
    struct berth_fd_watch *watches;
};

/* What the plugin was given and must release. */
struct kit_handle {
    struct kit_handle *next;
    struct kit_host *host;
    void *pointer;
    enum kit_blame held; /* the kind: KIT_BLAME_HELD_… */
    bool released;
};

struct kit_route {
    struct kit_route *next;
    struct berth_route route; /* its texts are copies */
    struct berth_str *query;
};

struct kit_setting {
    struct kit_setting *next;
    struct berth_setting declared;
    struct berth_str *defaults;
    char *value; /* of a scalar: instead of its default; NULL */
};

struct kit_document {
    struct kit_document *next;
    char *index;
    char *id;
    char *source;
    uint64_t version;
    uint64_t seq_no;
};

struct kit_watch {
    struct kit_watch *next;
    char *index;
    berth_watch_fn fn;
    void *user;
};

struct kit_host {
    struct kit_run *run;
    struct kit_config config;
    struct berth_host *face;
    size_t face_size;
    void *face_copy; /* as it was when it was given */
    void *tables[KIT_TABLES];
    void *table_copies[KIT_TABLES];
    size_t table_sizes[KIT_TABLES];

    /* the plugin */
    void *code; /* what dlopen gave */
    char *file;
    const struct berth_lifecycle *lifecycle;
    void *instance;
    _Atomic uint32_t state;

    /* Under lock; changed is signalled when one of these falls. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t busy;      /* jobs and posts that have not ended */
    uint64_t in_flight; /* requests without a reply */
    uint32_t calls[KIT_FN_COUNT];
    bool fault_met; /* the call that was to fail has failed */
    struct berth_request *requests;
    struct berth_settings_view *views;

    struct kit_loop loops[KIT_LOOPS_MAX];
    uint32_t loop_count;
    pthread_t workers[KIT_WORKERS];
    pthread_cond_t work;
    struct kit_queue worker_queue; /* under lock */
    bool workers_quit;             /* under lock */

    struct kit_route *routes;
    struct kit_setting *settings;
    berth_settings_validate_fn validate;
    berth_settings_changed_fn settings_changed;
    void *settings_user;
    pthread_mutex_t feed;           /* one change at a time, with its callbacks */
    struct kit_document *documents; /* under lock */
    uint64_t seq_no;
    uint64_t ids;
    struct kit_watch *watches;
    uint32_t forwarded; /* requests that another node was to answer; under lock */
    berth_nodes_fn nodes_fn;
    void *nodes_user;
    berth_metrics_fn metrics_fn;
    void *metrics_user;
    struct berth_state_hooks state_hooks;
    struct berth_state_sink sink; /* what it saved last */
    bool has_saved;               /* all, and not the rest */
};

/* ---- threads ---- */

/* The role of the calling thread, and on a loop its number. */
enum kit_role kit_role(void);
uint32_t kit_role_loop(void);
/* Sets it, and returns what it was. */
enum kit_role kit_role_set(enum kit_role role, uint32_t loop);

/* ---- calls of the plugin ---- */

struct kit_host *kit_host_of(const struct berth_host *face);

/*
 * What each function of a capability begins with: blames a call on the wrong thread or in the
 * wrong state. Returns the code that the call is to fail with, or BERTH_OK.
 */
int32_t kit_enter(struct kit_host *host, enum kit_fn fn);

/* Allocates what the plugin sees, larger by grow_objects; its first word is its size. */
void *kit_object(struct kit_host *host, size_t size);
void *kit_alloc(size_t size);
char *kit_copy(struct berth_str text);

/* Records what the plugin must release, and that it did. The memory is the host's to the end. */
void kit_handle_add(struct kit_host *host, void *pointer, enum kit_blame held);
void kit_handle_release(const void *pointer, enum kit_fn fn, const char *what);
/* Blames what is not released, and frees all. */
void kit_handles_free(struct kit_host *host);

/* ---- the capabilities: one file each ---- */

extern const struct berth_routes_v1 kit_routes_v1;
extern const struct berth_settings_v1 kit_settings_v1;
extern const struct berth_nodes_v1 kit_nodes_v1;
extern const struct berth_store_v1 kit_store_v1;
extern const struct berth_identity_v1 kit_identity_v1;
extern const struct berth_loop_v1 kit_loop_v1;
extern const struct berth_worker_v1 kit_worker_v1;
extern const struct berth_secrets_v1 kit_secrets_v1;
extern const struct berth_log_v1 kit_log_v1;
extern const struct berth_metrics_v1 kit_metrics_v1;
extern const struct berth_state_v1 kit_state_v1;
extern const struct berth_peers_v1 kit_peers_v1;

bool kit_loops_open(struct kit_host *host);
void kit_loops_close(struct kit_host *host);
void kit_loop_post(struct kit_loop *loop, struct kit_job *job);
/* Runs fn on a loop and waits for it. */
void kit_loop_call(struct kit_loop *loop, void (*fn)(struct kit_loop *loop, void *arg), void *arg);
/* What of timers and watches is left on a loop; ends it. On the loop. */
void kit_loop_sweep(struct kit_loop *loop);

bool kit_workers_open(struct kit_host *host);
void kit_workers_close(struct kit_host *host);
void kit_workers_post(struct kit_host *host, struct kit_job *job);

/* Counts work that must end before the plugin is stopped. */
void kit_busy(struct kit_host *host, int by);
void kit_wait_for_work(struct kit_host *host);

/*
 * Settings: the values in force to changed, on the thread that calls and on the feed; a new one to
 * validate and changed.
 */
void kit_settings_notify(struct kit_host *host);
void kit_settings_renew(struct kit_host *host);
bool kit_settings_try(struct kit_host *host, struct kit_setting *setting, const char *value);

/* Puts a document as another program would, and tells the watches; source absent: deletes it. */
void kit_store_put(struct kit_host *host, const char *index, const char *id,
                   struct berth_str source);
void kit_store_free(struct kit_host *host);
void kit_routes_free(struct kit_host *host);
void kit_settings_free(struct kit_host *host);
void kit_requests_free(struct kit_host *host);
/* The id of the node that comes and goes. */
#define KIT_OTHER_NODE "kit-node-00000000002"
void kit_nodes_change(struct kit_host *host);
/* Asks the plugin for its figures, if it has any, on a worker. */
void kit_metrics_collect(struct kit_host *host);

/* Has the plugin save a part of its state into host->sink, if it hands anything over. */
int32_t kit_state_save(struct kit_host *host, uint32_t part);
/* Gives it state, if it takes any. */
int32_t kit_state_restore(struct kit_host *host, uint32_t schema, uint32_t part,
                          struct berth_str state);
void kit_state_free(struct kit_host *host);

#endif
