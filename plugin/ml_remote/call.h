/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control call: a request that is handled on a worker, and its answer while it is made.
 *
 * A handler returns BERTH_OK with the answer in out, or a code with error filled; the reply is
 * made from either. Memory of the call ends with the reply.
 */
#ifndef ML_REMOTE_CALL_H
#define ML_REMOTE_CALL_H

#include "base/json_write.h"
#include "plugin/ml_remote/plugin.h"
#include "plugin/ml_remote/settings.h"

struct ml_answer;

struct ml_call {
    struct ml_plugin *plugin;
    struct berth_request *request;
    const struct berth_request_view *view;
    struct ml_settings *settings; /* as they were when the call began */
    struct base_arena arena;
    struct json_doc doc;    /* of the body */
    struct json_value body; /* an object, after ml_call_read_body */
    struct base_buf out;
    struct berth_error error;
    enum ml_stat_action counted;
    struct ml_answer *answer; /* of the remote service that was asked; NULL: none was */
    bool goes_on;             /* the reply is made later: the request is not touched any more */
};

typedef int32_t (*ml_call_fn)(struct ml_call *call);

/* Runs a handler and replies, unless the call goes on. counted: as what. */
void ml_call_run(struct ml_plugin *plugin, ml_call_fn fn, enum ml_stat_action counted,
                 struct berth_request *request, const struct berth_request_view *view);
/* The same for what follows on a remote service's answer (ask.h). */
void ml_call_resume(struct ml_plugin *plugin, ml_call_fn fn, enum ml_stat_action counted,
                    struct berth_request *request, const struct berth_request_view *view,
                    struct ml_answer *answer);

/*
 * Reads the body as a JSON object. Without a body: parse_exception; not JSON: the reader's types;
 * another value than an object: parsing_exception.
 */
int32_t ml_call_read_body(struct ml_call *call);
/* The same, but no body leaves call->body absent. */
int32_t ml_call_read_optional_body(struct ml_call *call);

/* The value of the path's first placeholder: an id. */
static inline struct berth_str ml_call_id(const struct ml_call *call) {
    return call->view->params[0];
}

/* ---- members of bodies; absent and null are the same unless said otherwise ---- */

/* A text, or a number or boolean as text. parsing_exception for another value. */
int32_t ml_call_text(struct ml_call *call, struct json_value object, const char *name,
                     struct berth_str *out_text);
int32_t ml_call_bool(struct ml_call *call, struct json_value object, const char *name,
                     bool *out_value, bool *out_given);
/* An object or array is what it must be, or absent; parsing_exception for another value. */
int32_t ml_call_container(struct ml_call *call, struct json_value object, const char *name,
                          enum json_type type, struct json_value *out_value);

/* ---- errors ---- */

/* 400 illegal_argument_exception. */
__attribute__((format(printf, 2, 3))) int32_t ml_invalid(struct berth_error *error,
                                                         const char *format, ...);
/* A status of its own with type status_exception. */
__attribute__((format(printf, 3, 4))) int32_t ml_status(struct berth_error *error, uint32_t status,
                                                        const char *format, ...);
/* 400 parsing_exception: a value of the wrong kind. */
__attribute__((format(printf, 2, 3))) int32_t ml_wrong_kind(struct berth_error *error,
                                                            const char *format, ...);

#endif
