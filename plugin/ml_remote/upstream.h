/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A remote service, as the origin of a URL: how many exchanges with it are under way, and whether
 * it is worth asking. All loops share what is known of it, without a lock.
 *
 * The circuit is closed while the service answers. When too large a share of the exchanges of a
 * window fails, it opens: nothing is asked for a while. Then one exchange is let through to try; it
 * closes the circuit again, or opens it anew.
 */
#ifndef ML_REMOTE_UPSTREAM_H
#define ML_REMOTE_UPSTREAM_H

#include "base/error.h"
#include "plugin/ml_remote/gate.h"

/* Origins beyond so many are asked without being watched. */
#define ML_UPSTREAMS_MAX 4096u
/* So many retries within a window are in every budget. */
#define ML_RETRIES_FREE 100u

struct ml_upstreams;
struct ml_upstream;

/* The settings [plugins.ml_commons.remote.*] as they are now. */
struct ml_upstream_rules {
    uint32_t failure_percent; /* 0: the circuit stays closed */
    uint32_t least_exchanges; /* of a window, below which their failures say nothing */
    uint64_t window_ns;
    uint64_t open_ns;       /* from opening to the first try */
    uint32_t retry_percent; /* retries of a window, of its exchanges; 100: no budget */
};

/* How an exchange was let through; who was is to end it once. */
enum ml_upstream_pass {
    ML_UPSTREAM_OPEN, /* it was not */
    ML_UPSTREAM_CLOSED,
    ML_UPSTREAM_TRIAL, /* it decides whether the circuit closes */
};

enum ml_upstream_end {
    ML_UPSTREAM_ANSWERED,
    ML_UPSTREAM_FAILED,
    ML_UPSTREAM_DROPPED, /* nobody knows what would have come */
};

/* What happened since the service was first asked, and what is now. */
struct ml_upstream_figures {
    uint32_t in_flight;
    uint32_t waiting;
    bool is_open;
    uint64_t exchanges; /* that ended */
    uint64_t failures;
    uint64_t retries;
    uint64_t retries_refused; /* by the budget */
    uint64_t openings;
    uint64_t refused; /* while the circuit was open */
};

struct ml_upstreams *ml_upstreams_create(void);
/* NULL is allowed. */
void ml_upstreams_destroy(struct ml_upstreams *upstreams);

/*
 * The service of an origin such as "https://api.example.com:8443", made when it is first asked for;
 * it lives as long as all of them. NULL: there are too many, or no memory. Any thread.
 */
struct ml_upstream *ml_upstreams_get(struct ml_upstreams *upstreams, struct berth_str origin);

/* Calls fn with each. Any thread; services are added beside it. */
void ml_upstreams_each(struct ml_upstreams *upstreams,
                       void (*fn)(void *user, const struct ml_upstream *upstream), void *user);

/* The same, for who changes them. */
void ml_upstreams_visit(struct ml_upstreams *upstreams,
                        void (*fn)(void *user, struct ml_upstream *upstream), void *user);

struct berth_str ml_upstream_name(const struct ml_upstream *upstream);
/* Counts exchanges at once, where there is a limit. */
struct ml_gate *ml_upstream_gate(const struct ml_upstream *upstream);
void ml_upstream_read(const struct ml_upstream *upstream, uint64_t now_ns,
                      struct ml_upstream_figures *out);

/* out_wait_ns: with OPEN, until it may be tried. now_ns: base_monotonic_ns. Any thread. */
enum ml_upstream_pass ml_upstream_begin(struct ml_upstream *upstream, uint64_t now_ns,
                                        uint64_t *out_wait_ns);
/* True: the circuit has opened by this. */
bool ml_upstream_end(struct ml_upstream *upstream, const struct ml_upstream_rules *rules,
                     uint64_t now_ns, enum ml_upstream_pass pass, enum ml_upstream_end end);

/* Whether one more retry is within the budget; counts it. */
bool ml_upstream_may_retry(struct ml_upstream *upstream, const struct ml_upstream_rules *rules,
                           uint64_t now_ns);

/* ---- at a reload ---- */

#define ML_UPSTREAM_FIGURES 6u
#define ML_UPSTREAM_WINDOW 4u

/* What is known of a service, for the next generation. */
struct ml_upstream_state {
    uint64_t figures[ML_UPSTREAM_FIGURES]; /* of struct ml_upstream_figures, from exchanges on */
    uint64_t window[ML_UPSTREAM_WINDOW]; /* when it ends, from now; exchanges, failures, retries */
    uint64_t open_ns;                    /* until it may be tried; 0: the circuit is closed */
};

/*
 * all: everything, which is noted; else the figures alone, from what was noted on. One thread at a
 * time.
 */
void ml_upstream_save(struct ml_upstream *upstream, uint64_t now_ns, bool all,
                      struct ml_upstream_state *out_state);
/* Adds the figures; all: takes over the window and the circuit too. */
void ml_upstream_restore(struct ml_upstream *upstream, uint64_t now_ns, bool all,
                         const struct ml_upstream_state *state);

#endif
