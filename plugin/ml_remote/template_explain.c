/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling what filling a template does with each placeholder.
 */
#include "plugin/ml_remote/template.h"

#include "plugin/ml_remote/template_internal.h"

/* What stands behind ":-" in a placeholder as it was written. */
static struct berth_str fallback_text(struct berth_str placeholder) {
    const char *mark = memmem(placeholder.ptr, BASE_LEN(placeholder), ":-", 2);
    struct berth_str rest =
        base_str_from(placeholder, mark ? (uint64_t)(mark - placeholder.ptr) + 2 : placeholder.len);
    return base_str_slice(rest, 0, rest.len ? rest.len - 1 : 0);
}

/* Depth is bounded when compiling; the order is that of filling (template_fill.c). */
void ml_template_explain(const struct ml_template *template, const struct ml_values *values,
                         ml_explain_fn fn, void *user) {
    for (uint32_t i = 0; i < template->count; i++) {
        const struct ml_segment *s = &template->segments[i];
        const struct ml_parameter *own;
        if (s->kind == ML_LITERAL) {
            continue;
        }
        if (json_present(json_get_str(values->given, s->name))) {
            fn(user, s->name, ML_FROM_GIVEN, base_str("", 0));
        } else if ((own = ml_parameters_find(values->own, s->name))) {
            fn(user, s->name, ML_FROM_OWN, base_str("", 0));
            ml_template_explain(&own->template, values, fn, user);
        } else if (s->fallback) {
            fn(user, s->name, ML_FROM_DEFAULT, fallback_text(s->text));
            ml_template_explain(s->fallback, values, fn, user);
        } else if (s->kind == ML_QUOTED_OR_NULL) {
            fn(user, s->name, ML_FROM_DEFAULT, BERTH_STR("null"));
        } else {
            fn(user, s->name, ML_FROM_NOWHERE, base_str("", 0));
        }
    }
}
