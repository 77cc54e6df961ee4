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

#include "plugin/ml_remote/client_config.h"
#include "plugin/ml_remote/documents.h"
#include "plugin/ml_remote/http_client.h"
#include "plugin/ml_remote/template.h"

struct ml_deployed {
    _Atomic uint32_t references;
    struct berth_str id;
    bool is_enabled;
    struct berth_str method; /* upper case */
    struct ml_template url;
    struct ml_template body;
    bool has_body_template;
    struct ml_parameters parameters;
    struct ml_http_headers *headers;
    uint64_t connect_timeout_ms;
    uint64_t read_timeout_ms;
    struct base_arena arena; /* all texts */
    struct json_doc doc;     /* of the connector's own text, which the templates refer to */
};

/* Makes one of a stored model; reads its connector and opens its credential. May block. */
int32_t ml_deployed_create(struct ml_plugin *plugin, struct berth_str id, struct json_value model,
                           struct ml_deployed **out_deployed, struct berth_error *error);

struct ml_deployed *ml_deployed_ref(struct ml_deployed *deployed);
void ml_deployed_unref(struct ml_deployed *deployed);

#endif
