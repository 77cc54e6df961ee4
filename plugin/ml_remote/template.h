/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: the texts that a connector's author wrote, with ${parameters.name} in them.
 *
 * A template is taken apart once, when a model is deployed, into literals and placeholders. What a
 * placeholder becomes depends on where it stands: between the quotes of a JSON string its value is
 * escaped as text, elsewhere it is put in as it is; in a URL it is percent-encoded where it must
 * be. Values that come with a prediction are never looked through for placeholders; the connector's
 * own parameters are templates themselves.
 *
 * Forms: ${parameters.name}, ${parameters.name:-default}, "${parameters.name:-null}" with its
 * quotes (null, unquoted, where the parameter is absent), ${parameters.name.toString()} (the value
 * escaped as text wherever it stands), and $${parameters.name}, which stays ${parameters.name}.
 */
#ifndef ML_REMOTE_TEMPLATE_H
#define ML_REMOTE_TEMPLATE_H

#include "base/json_write.h"

/* Placeholders of one template, and nesting of defaults. */
#define ML_PLACEHOLDERS_MAX 1024u
#define ML_NESTING_MAX 16u
/* What one of the connector's own parameters may refer to, counting what those refer to. */
#define ML_EXPANSION_MAX 4096u

struct ml_segment;

struct ml_template {
    const struct ml_segment *segments;
    uint32_t count;
};

/* One of the connector's own parameters. */
struct ml_parameter {
    struct berth_str name;
    struct berth_str text;
    struct berth_str escaped;    /* as between quotes; where there is no placeholder in it */
    struct ml_template template; /* count 0 where there is no placeholder in it */
};

struct ml_parameters {
    struct ml_parameter *list;
    uint32_t count;
};

/* Takes a text apart; its memory, and the text itself, must live as long as the template. */
int32_t ml_template_compile(struct berth_str text, struct base_arena *arena,
                            struct ml_template *out_template, struct berth_error *error);

/*
 * Makes parameters of the members of an object, whose values that are no text become their JSON
 * text. INVALID when they refer to one another in a circle, or too often.
 */
int32_t ml_parameters_compile(struct json_value object, struct base_arena *arena,
                              struct ml_parameters *out_parameters, struct berth_error *error);

/* NULL when there is none. */
const struct ml_parameter *ml_parameters_find(const struct ml_parameters *parameters,
                                              struct berth_str name);

/* Where values come from: what came with the prediction wins over the connector's own. */
struct ml_values {
    struct json_value given; /* an object, or absent */
    const struct ml_parameters *own;
};

/* Filling. Placeholders without value stay as they are, and are listed in missing. */
struct ml_filling {
    const struct ml_values *values;
    struct base_buf *out;
    struct base_buf *missing; /* names, joined by commas; NULL: not listed */
    struct base_buf *scratch; /* for values that are made and then escaped */
};

void ml_fill_json(const struct ml_filling *filling, const struct ml_template *template);
void ml_fill_text(const struct ml_filling *filling, const struct ml_template *template);
void ml_fill_url(const struct ml_filling *filling, const struct ml_template *template);

/* Where the value of a placeholder comes from. */
enum ml_value_source {
    ML_FROM_GIVEN,   /* came with the prediction */
    ML_FROM_OWN,     /* the connector's own */
    ML_FROM_DEFAULT, /* the placeholder's default, or null */
    ML_FROM_NOWHERE, /* missing */
};

/* fallback: the default as it was written; empty otherwise. */
typedef void (*ml_explain_fn)(void *user, struct berth_str name, enum ml_value_source source,
                              struct berth_str fallback);

/* Tells of each placeholder, in order, also of those in the parameters that come to be put in. */
void ml_template_explain(const struct ml_template *template, const struct ml_values *values,
                         ml_explain_fn fn, void *user);

/* Whether the values that came with a prediction have a say in what the template becomes. */
bool ml_template_depends_on(const struct ml_template *template, const struct ml_values *values);

#endif
