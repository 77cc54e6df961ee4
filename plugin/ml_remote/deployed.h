/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model as it is deployed: all that a prediction needs, made ready once.
 *
 * It does not change; a changed model is another one. Loops share it by reference, and a prediction
 * keeps the one that it began with.
 */
#ifndef ML_REMOTE_DEPLOYED_H
#define ML_REMOTE_DEPLOYED_H

#include <stdatomic.h>

#include "plugin/ml_remote/access.h"
#include "plugin/ml_remote/action.h"
#include "plugin/ml_remote/client_config.h"
#include "plugin/ml_remote/controller.h"
#include "plugin/ml_remote/guardrails.h"
#include "plugin/ml_remote/interface.h"
#include "plugin/ml_remote/limiter.h"

struct ml_deployed {
    _Atomic uint32_t references;
    struct berth_str id;
    bool is_enabled;
    int64_t ttl_minutes; /* unused for longer, it is undeployed; below 0: never */
    struct ml_action actions[ML_ACTION_TYPES];
    struct ml_parameters parameters;
    struct ml_client_config config;
    struct ml_transport *transport; /* NULL: as all others */
    struct ml_gate *gate;           /* counts exchanges at once, where there is a limit */
    uint64_t connect_timeout_ms;
    uint64_t read_timeout_ms;
    /* The connector's response_filter; ptr NULL: none. */
    struct berth_str filter_text;
    struct ml_path filter;
    /* Documents a call, as the connector's parameter says; ptr NULL: all. */
    struct berth_str step_text;
    /* Predictions of one text each that are joined, and how long one waits; 0: they are not. */
    uint32_t batch_size;
    uint64_t batch_wait_ms;
    struct berth_str group_id; /* ptr NULL: none, and everybody may use it */
    struct ml_access access;   /* of the group */
    bool has_group;            /* that was there when this was made; else only administrators may */
    const struct ml_interface *interface; /* NULL: none */
    struct ml_guardrails guardrails;
    struct ml_limiter *limiter;       /* NULL: none */
    struct ml_controller *controller; /* NULL: users have no limits of their own */
    struct base_arena arena;          /* all texts */
    struct json_doc doc;       /* of the connector's own text, which the templates refer to */
    struct json_doc model_doc; /* of the model's, likewise */
};

/*
 * Makes one of a stored model; reads its connector and opens its credential. before: the one that
 * it takes the place of, whose limits go on where they stay the same; NULL: none. May block.
 */
int32_t ml_deployed_create(struct ml_plugin *plugin, struct berth_str id, struct json_value model,
                           const struct ml_deployed *before, struct ml_deployed **out_deployed,
                           struct berth_error *error);

/* Whether a user (NULL: access control is inactive) may use it. */
bool ml_deployed_lets(const struct ml_deployed *deployed, const struct berth_user *user);

/* The same for looking at: credentials are not opened, ML_MASK (credentials.h) stands in their
 * place. */
int32_t ml_deployed_create_masked(struct ml_plugin *plugin, struct berth_str id,
                                  struct json_value model, struct ml_deployed **out_deployed,
                                  struct berth_error *error);

struct ml_deployed *ml_deployed_ref(struct ml_deployed *deployed);
void ml_deployed_unref(struct ml_deployed *deployed);

#endif
