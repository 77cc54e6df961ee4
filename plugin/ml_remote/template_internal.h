/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a template is made of. Shared by the two halves, template.c and template_fill.c.
 */
#ifndef ML_REMOTE_TEMPLATE_INTERNAL_H
#define ML_REMOTE_TEMPLATE_INTERNAL_H

#include "plugin/ml_remote/template.h"

enum ml_segment_kind {
    ML_LITERAL,
    ML_PLACEHOLDER,
    ML_QUOTED_OR_NULL, /* with both quotes: a JSON string, or null where there is no value */
};

struct ml_segment {
    enum ml_segment_kind kind;
    struct berth_str text; /* the literal; of a placeholder, as it was written */
    struct berth_str name;
    const struct ml_template *fallback; /* NULL: no default */
    bool in_string;
    bool to_string;
};

#endif
