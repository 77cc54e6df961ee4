/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers by which requests of one trace are known (W3C Trace Context): passed on as they came.
 */
#ifndef ML_REMOTE_TRACE_CONTEXT_H
#define ML_REMOTE_TRACE_CONTEXT_H

#include "plugin/ml_remote/plugin.h"

/* Longer ones need not be passed on. */
#define ML_TRACE_STATE_MAX 512u

/* Views into the request; ptr NULL: none. */
struct ml_trace_context {
    struct berth_str parent;
    struct berth_str state;
};

/* What the request brings, where it is well-formed; what is not is left out. */
void ml_trace_context_read(const struct ml_plugin *plugin, struct berth_request *request,
                           struct ml_trace_context *out);

/* Whether a text is a traceparent. */
bool ml_trace_parent_is(struct berth_str text);

#endif
