/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange: one question to a remote service and its answer, with the tries that it takes.
 *
 * It belongs to its loop. Prepared, started, and then either done (once) or cancelled.
 */
#ifndef ML_REMOTE_EXCHANGE_H
#define ML_REMOTE_EXCHANGE_H

#include "plugin/ml_remote/catalogue.h"
#include "plugin/ml_remote/trace_context.h"

/* What an exchange's buffers may hold when they are kept for the next one. */
#define ML_KEPT_BUFFER 16384u

struct ml_exchange;

/* code is 0, or the exchange's error is filled. The exchange may be destroyed. */
typedef void (*ml_exchange_fn)(void *user, struct ml_exchange *exchange, int32_t code);

/* A piece of a successful answer, in place of its body; what is not BERTH_OK breaks it off. */
typedef int32_t (*ml_exchange_bytes_fn)(void *user, struct ml_exchange *exchange,
                                        struct berth_str bytes);

struct ml_exchange {
    struct ml_loop *loop;
    const struct ml_deployed *deployed; /* borrowed until deinit, as is what follows */
    const struct ml_action *action;
    struct base_buf made_text; /* parameters that were made, not sent */
    struct json_doc made;
    struct json_value parameters;
    struct base_buf payload;
    struct base_buf url_buf;
    struct berth_str url;
    struct base_buf scratch;
    struct base_buf missing;
    struct base_buf lines; /* header lines that are made anew for each try */
    struct ml_trace_context trace;

    ml_exchange_fn done;
    ml_exchange_bytes_fn on_bytes; /* NULL: the answer is taken as a whole */
    void *user;
    struct ml_http_call *call;
    struct berth_timer *timer; /* until the next try, or until waiting for a place ends */
    struct ml_gate_waiter waiter;
    bool is_waiting;              /* for a place at the gate that is next */
    uint32_t next_gate;           /* of exchange_gates.c: those before are passed */
    uint32_t held;                /* at which gates it has a place, as bits */
    struct ml_upstream *upstream; /* NULL: nobody watches the service */
    enum ml_upstream_pass pass;   /* while it is asked */
    uint32_t tries;
    uint64_t first_try_ns;
    uint64_t waits_since_ns; /* at a gate, while it waits */
    uint64_t waited_ns;      /* at the gates, in all */
    uint64_t connect_ns;     /* for connections that were made, in all */

    uint32_t status;      /* of the answer */
    struct base_buf body; /* of the answer: one JSON value */
    struct berth_error error;
};

void ml_exchange_init(struct ml_exchange *exchange, struct ml_loop *loop);
/* Frees its memory; one that was started is cancelled. */
void ml_exchange_deinit(struct ml_exchange *exchange);
/* As after init, with memory kept for the next use. */
void ml_exchange_reset(struct ml_exchange *exchange);

/*
 * Makes payload and URL of an action and parameters (an object, or absent), and checks that the URL
 * is trusted. model: where the loop keeps what does not change, and when it was used; NULL:
 * nowhere. Fills the error.
 */
int32_t ml_exchange_prepare(struct ml_exchange *exchange, const struct ml_deployed *deployed,
                            enum ml_action_type type, struct ml_loop_model *model,
                            struct json_value parameters);

/* Reads what stands in made_text, for ml_exchange_prepare. Fills the error. */
int32_t ml_exchange_read_made(struct ml_exchange *exchange, struct json_value *out_parameters);

/* Makes the lines: of a signature, where the action is signed, and of the trace. Fills the error.
 */
int32_t ml_exchange_make_lines(struct ml_exchange *exchange);

/* done may be called before this returns. On failure the error is filled and done is not called. */
int32_t ml_exchange_start(struct ml_exchange *exchange, ml_exchange_fn done, void *user);
/* Holds back further pieces, and lets them come again. Has an effect while there is a call. */
void ml_exchange_pause(struct ml_exchange *exchange);
void ml_exchange_resume(struct ml_exchange *exchange);
/* done is not called any more. */
void ml_exchange_cancel(struct ml_exchange *exchange);

/* ---- between the files of an exchange ---- */

/*
 * Passes the gates (exchange_gates.c) and asks; where it must wait for that, go_on is called later.
 * On failure the error is filled, and no place is held.
 */
int32_t ml_exchange_enter(struct ml_exchange *exchange);
/* Waiting at a gate has taken its time. */
int32_t ml_exchange_waited(struct ml_exchange *exchange);
/* Leaves the gates, and the queue of one. */
void ml_exchange_leave(struct ml_exchange *exchange);
/* Asks the service. On failure the error is filled. */
int32_t ml_exchange_ask(struct ml_exchange *exchange);
/* Ends one that failed later than start returned. */
void ml_exchange_go_on(struct ml_exchange *exchange, int32_t code);
/* False where no timer can be had. */
bool ml_exchange_start_timer(struct ml_exchange *exchange, uint64_t delay_ms);

/*
 * Brings an answer into the form in which it is passed on, in exchange->body, or fills the error
 * that it stands for.
 */
int32_t ml_exchange_take(struct ml_exchange *exchange, struct ml_http_answer *answer);

/* Whether one like this is worth another try, and after how many milliseconds. */
bool ml_exchange_may_retry(const struct ml_exchange *exchange, const struct ml_http_answer *answer,
                           uint64_t *out_delay_ms);

/* The value of a parameter, sent or the connector's own, as text in the arena; ptr NULL: none. */
struct berth_str ml_exchange_parameter(const struct ml_deployed *deployed,
                                       struct json_value parameters, const char *name,
                                       struct base_arena *arena);

#endif
