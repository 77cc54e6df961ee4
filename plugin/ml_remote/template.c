/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking templates apart; filling them is in template_fill.c.
 */
#include "plugin/ml_remote/template.h"

#include "plugin/ml_remote/template_internal.h"

#define OPEN "${parameters."
#define TO_STRING ".toString()"

struct compiling {
    struct berth_str text;
    uint64_t at;
    uint64_t literal_start;
    bool in_string;  /* within a JSON string, as far as the text has been read */
    uint64_t opened; /* behind the quote that opened it; 0: it was opened before the text */
    struct ml_segment *segments;
    uint32_t count;
    uint32_t depth;
    struct base_arena *arena;
    struct berth_error *error;
};

static int32_t compile(struct berth_str text, uint32_t depth, bool in_string,
                       struct base_arena *arena, struct ml_template *out,
                       struct berth_error *error);

static uint32_t count_opens(struct berth_str text) {
    uint32_t count = 0;
    while (text.len) {
        const char *open = memmem(text.ptr, BASE_LEN(text), OPEN, sizeof OPEN - 1);
        if (!open) {
            break;
        }
        count++;
        text = base_str_from(text, (uint64_t)(open - text.ptr) + 1);
    }
    return count;
}

static void put_literal(struct compiling *c, uint64_t end) {
    if (end > c->literal_start) {
        c->segments[c->count++] = (struct ml_segment){
            .kind = ML_LITERAL, .text = base_str_slice(c->text, c->literal_start, end)};
    }
}

/* The brace that closes the placeholder at c->at; those of placeholders within it are skipped. */
static uint64_t find_close(const struct compiling *c) {
    uint32_t nested = 0;
    for (uint64_t i = c->at + sizeof OPEN - 1; i < c->text.len; i++) {
        if (base_str_starts(base_str_from(c->text, i), BERTH_STR("${"))) {
            nested++;
            i++;
        } else if (c->text.ptr[i] == '}') {
            if (nested == 0) {
                return i;
            }
            nested--;
        }
    }
    return UINT64_MAX;
}

static bool is_word(struct berth_str name) {
    for (uint64_t i = 0; i < name.len; i++) {
        char ch = name.ptr[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
              ch == '_')) {
            return false;
        }
    }
    return name.len > 0;
}

/* Whether a colon comes next, so that what ends before is the key of a member. */
static bool is_before_colon(struct berth_str text, uint64_t at) {
    struct berth_str rest = base_str_trim(base_str_from(text, at));
    return rest.len && rest.ptr[0] == ':';
}

/*
 * Whether the placeholder is all that stands between two quotes, and its default is null. Not where
 * it is the key of a member: null is none.
 */
static bool is_quoted_null(const struct compiling *c, uint64_t close, struct berth_str name,
                           struct berth_str fallback) {
    return c->in_string && c->at > c->literal_start && c->at == c->opened &&
           close + 1 < c->text.len && c->text.ptr[close + 1] == '"' &&
           base_str_is(fallback, "null") && is_word(name) && !is_before_colon(c->text, close + 2);
}

/* The default is what its author wrote, so that placeholders in it count. */
static int32_t compile_fallback(struct compiling *c, struct ml_segment *segment,
                                struct berth_str fallback) {
    struct ml_template *template = base_arena_alloc(c->arena, sizeof *template);
    if (!template) {
        return base_error_memory(c->error);
    }
    segment->fallback = template;
    return compile(fallback, c->depth + 1, c->in_string, c->arena, template, c->error);
}

static int32_t put_placeholder(struct compiling *c, uint64_t close) {
    struct berth_str inner = base_str_slice(c->text, c->at + sizeof OPEN - 1, close);
    struct ml_segment segment = {.kind = ML_PLACEHOLDER,
                                 .text = base_str_slice(c->text, c->at, close + 1),
                                 .name = inner,
                                 .in_string = c->in_string};
    const char *mark = memmem(inner.ptr, BASE_LEN(inner), ":-", 2);
    uint64_t end = close + 1;
    int32_t code = BERTH_OK;
    uint64_t literal_end = c->at;
    if (mark) {
        segment.name = base_str_slice(inner, 0, (uint64_t)(mark - inner.ptr));
        struct berth_str fallback = base_str_from(inner, segment.name.len + 2);
        if (is_quoted_null(c, close, segment.name, fallback)) {
            segment.kind = ML_QUOTED_OR_NULL;
            literal_end--;
            end++;
            c->in_string = false;
        } else {
            code = compile_fallback(c, &segment, fallback);
        }
    }
    struct berth_str suffix = BERTH_STR(TO_STRING);
    if (base_str_ends(segment.name, suffix)) {
        segment.to_string = true;
        segment.name.len -= suffix.len;
    }
    put_literal(c, literal_end);
    c->segments[c->count++] = segment;
    c->at = end;
    c->literal_start = end;
    return code;
}

/* Follows the quotes of JSON through a literal; a backslash within a string hides the next. */
static void step_literal(struct compiling *c) {
    char ch = c->text.ptr[c->at];
    if (c->in_string && ch == '\\') {
        c->at++;
    } else if (ch == '"') {
        c->in_string = !c->in_string;
        c->opened = c->at + 1;
    }
    c->at++;
}

static int32_t compile(struct berth_str text, uint32_t depth, bool in_string,
                       struct base_arena *arena, struct ml_template *out,
                       struct berth_error *error) {
    uint32_t opens = count_opens(text);
    if (opens > ML_PLACEHOLDERS_MAX || depth > ML_NESTING_MAX) {
        return base_error(error, BERTH_E_INVALID,
                          "a template has at most %u placeholders, nested at most %u deep",
                          ML_PLACEHOLDERS_MAX, ML_NESTING_MAX);
    }
    struct compiling c = {
        .text = text, .in_string = in_string, .depth = depth, .arena = arena, .error = error};
    c.segments = base_arena_array(arena, 2 * (size_t)opens + 1, sizeof *c.segments);
    if (!c.segments) {
        return base_error_memory(error);
    }
    while (c.at < text.len) {
        struct berth_str rest = base_str_from(text, c.at);
        if (base_str_starts(rest, BERTH_STR("$" OPEN))) {
            /* An escaped placeholder: without the first dollar sign, and not looked at. */
            put_literal(&c, c.at);
            c.literal_start = c.at + 1;
            c.at += 1 + sizeof OPEN - 1;
            continue;
        }
        uint64_t close = base_str_starts(rest, BERTH_STR(OPEN)) ? find_close(&c) : UINT64_MAX;
        if (close == UINT64_MAX) {
            step_literal(&c);
            continue;
        }
        int32_t code = put_placeholder(&c, close);
        if (code) {
            return code;
        }
    }
    put_literal(&c, text.len);
    *out = (struct ml_template){.segments = c.segments, .count = c.count};
    return BERTH_OK;
}

int32_t ml_template_compile(struct berth_str text, struct base_arena *arena,
                            struct ml_template *out_template, struct berth_error *error) {
    return compile(text, 0, false, arena, out_template, error);
}

/* ---- the connector's own parameters ---- */

const struct ml_parameter *ml_parameters_find(const struct ml_parameters *parameters,
                                              struct berth_str name) {
    for (uint32_t i = 0; parameters && i < parameters->count; i++) {
        if (base_str_eq(parameters->list[i].name, name)) {
            return &parameters->list[i];
        }
    }
    return NULL;
}

static int32_t compile_parameter(struct json_value key, struct json_value value,
                                 struct base_arena *arena, struct ml_parameter *p,
                                 struct berth_error *error) {
    struct berth_str name;
    struct berth_str text = {NULL, 0};
    BASE_BUF_AUTO made;
    base_buf_init(&made, BASE_BUF_MAX_DEFAULT);
    if (!json_string(key, arena, &name)) {
        return base_error_memory(error);
    }
    if (json_is(value, JSON_STRING)) {
        json_unescape(&made, json_inner(value));
    } else {
        json_minify(&made, json_raw(value));
    }
    if (made.error) {
        return base_error_memory(error);
    }
    text = base_arena_dup(arena, base_buf_view(&made));
    base_buf_clear(&made);
    json_escape(&made, text);
    p->name = base_arena_dup(arena, name);
    p->text = text;
    p->escaped = base_arena_dup(arena, base_buf_view(&made));
    if (made.error || !p->name.ptr || !text.ptr || !p->escaped.ptr) {
        return base_error_memory(error);
    }
    if (count_opens(text) == 0) {
        return BERTH_OK;
    }
    return ml_template_compile(text, arena, &p->template, error);
}

/*
 * A walk along references counts for each parameter what has to be filled until it is: itself and,
 * as often as they occur, those that it refers to. 0: not counted yet.
 */
#define CIRCULAR UINT32_MAX /* it is on the way, or leads to one that is */

static uint32_t weigh(const struct ml_parameters *parameters, const struct ml_template *template,
                      uint32_t *weights);

static uint32_t weigh_parameter(const struct ml_parameters *parameters, struct berth_str name,
                                uint32_t *weights) {
    const struct ml_parameter *p = ml_parameters_find(parameters, name);
    if (!p) {
        return 1;
    }
    uint32_t *weight = &weights[p - parameters->list];
    if (*weight == 0) {
        *weight = CIRCULAR;
        *weight = weigh(parameters, &p->template, weights);
    }
    return *weight;
}

/* Beyond the limit it is not counted on. */
static uint32_t weigh(const struct ml_parameters *parameters, const struct ml_template *template,
                      uint32_t *weights) {
    uint64_t sum = 1;
    for (uint32_t i = 0; i < template->count; i++) {
        const struct ml_segment *s = &template->segments[i];
        if (s->kind == ML_LITERAL) {
            continue;
        }
        uint32_t value = weigh_parameter(parameters, s->name, weights);
        uint32_t fallback = s->fallback ? weigh(parameters, s->fallback, weights) : 0;
        if (value == CIRCULAR || fallback == CIRCULAR) {
            return CIRCULAR;
        }
        sum += (uint64_t)value + fallback;
    }
    return sum > ML_EXPANSION_MAX ? ML_EXPANSION_MAX + 1 : (uint32_t)sum;
}

static int32_t check_references(const struct ml_parameters *parameters, struct base_arena *arena,
                                struct berth_error *error) {
    uint32_t *weights = base_arena_array(arena, parameters->count + 1u, sizeof *weights);
    if (!weights) {
        return base_error_memory(error);
    }
    for (uint32_t i = 0; i < parameters->count; i++) {
        struct berth_str name = parameters->list[i].name;
        uint32_t weight = weigh_parameter(parameters, name, weights);
        if (weight == CIRCULAR) {
            return base_error(error, BERTH_E_INVALID,
                              "the parameter [" BASE_FMT
                              "] refers to itself, by way of others perhaps: what it stands for "
                              "would have no end",
                              BASE_ARG(name));
        }
        if (weight > ML_EXPANSION_MAX) {
            return base_error(error, BERTH_E_INVALID,
                              "the parameter [" BASE_FMT
                              "] refers to others, and they to others, more than %u times in all",
                              BASE_ARG(name), ML_EXPANSION_MAX);
        }
    }
    return BERTH_OK;
}

int32_t ml_parameters_compile(struct json_value object, struct base_arena *arena,
                              struct ml_parameters *out_parameters, struct berth_error *error) {
    size_t count = json_count(object);
    struct ml_parameters parameters = {0};
    if (count > ML_PLACEHOLDERS_MAX) {
        return base_error(error, BERTH_E_INVALID, "a connector has at most %u parameters",
                          ML_PLACEHOLDERS_MAX);
    }
    parameters.list = base_arena_array(arena, count + 1, sizeof *parameters.list);
    if (!parameters.list) {
        return base_error_memory(error);
    }
    for (struct json_value k = json_first(object); json_present(k);) {
        struct json_value v = json_next(object, k);
        int32_t code = compile_parameter(k, v, arena, &parameters.list[parameters.count++], error);
        if (code) {
            return code;
        }
        k = json_next(object, v);
    }
    int32_t code = check_references(&parameters, arena, error);
    if (!code) {
        *out_parameters = parameters;
    }
    return code;
}
