/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/shape.h"

#include "base/utf8.h"

#include <stdlib.h>

/* Patterns of one filter_path, and states that can be alive at once; more are not looked at. */
#define STATES_MAX 64u

/* ---- filter_path ---- */

/* A pattern and how much of it has been matched on the way to a value. */
struct state {
    struct berth_str rest;
};

struct states {
    struct state list[STATES_MAX];
    uint32_t count;
};

struct filter {
    struct states includes;
    struct states excludes;
    bool has_includes;
};

static void add_state(struct states *states, struct berth_str rest) {
    if (states->count < STATES_MAX) {
        states->list[states->count++].rest = rest;
    }
}

/* Takes one name forward. True when a pattern is matched to its end. */
static bool step_name(const struct states *from, struct berth_str name, struct states *to) {
    bool complete = false;
    for (uint32_t i = 0; i < from->count; i++) {
        struct berth_str rest = from->list[i].rest;
        struct berth_str segment;
        (void)base_str_split(&rest, '.', &segment);
        if (base_str_is(segment, "**")) {
            add_state(to, from->list[i].rest);
            if (!rest.ptr) {
                complete = true;
                continue;
            }
            (void)base_str_split(&rest, '.', &segment);
        }
        if (base_str_glob(segment, name)) {
            if (rest.ptr) {
                add_state(to, rest);
            } else {
                complete = true;
            }
        }
    }
    return complete;
}

/* A key with dots, as flat settings have, counts as a path of its own. */
static bool step(const struct states *from, struct berth_str key, struct states *to) {
    struct states now = *from;
    struct berth_str name;
    bool complete = false;
    while (!complete && base_str_split(&key, '.', &name)) {
        to->count = 0;
        complete = step_name(&now, name, to);
        now = *to;
    }
    return complete;
}

static bool filter_value(struct json_value value, const struct filter *filter, bool inside,
                         struct base_buf *out);

static bool filter_member(struct json_value key, struct json_value value,
                          const struct filter *filter, bool inside, struct base_buf *out) {
    struct filter below = {.has_includes = filter->has_includes};
    struct base_arena arena;
    base_arena_init(&arena, 256);
    struct berth_str name;
    bool kept = false;
    if (json_string(key, &arena, &name)) {
        bool included = inside || step(&filter->includes, name, &below.includes);
        bool excluded = step(&filter->excludes, name, &below.excludes);
        size_t before = out->len;
        if (!excluded && (included || below.includes.count || !filter->has_includes)) {
            json_put_raw(out, json_raw(key));
            base_buf_char(out, ':');
            kept = filter_value(value, &below, included, out);
        }
        if (!kept) {
            out->len = before;
        }
    } else {
        out->error = BERTH_E_NO_MEMORY;
    }
    base_arena_deinit(&arena);
    return kept;
}

static bool filter_container(struct json_value value, const struct filter *filter, bool inside,
                             struct base_buf *out) {
    bool object = json_is(value, JSON_OBJECT);
    size_t kept = 0;
    json_put_raw(out, object ? BERTH_STR("{") : BERTH_STR("["));
    for (struct json_value v = json_first(value); json_present(v);) {
        struct json_value element = object ? json_next(value, v) : v;
        size_t before = out->len;
        bool keep = object ? filter_member(v, element, filter, inside, out)
                           : filter_value(element, filter, inside, out);
        if (!keep) {
            out->len = before;
        }
        kept += keep;
        v = json_next(value, element);
    }
    base_buf_char(out, object ? '}' : ']');
    return kept > 0 || (inside && !json_present(json_first(value)));
}

/* inside: a pattern that includes this value is matched already. False: nothing is left of it. */
static bool filter_value(struct json_value value, const struct filter *filter, bool inside,
                         struct base_buf *out) {
    inside = inside || !filter->has_includes;
    if (inside && filter->excludes.count == 0) {
        json_put_raw(out, json_raw(value));
        return true;
    }
    if (json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY)) {
        return filter_container(value, filter, inside, out);
    }
    if (inside) {
        json_put_raw(out, json_raw(value));
    }
    return inside;
}

void shape_filter(struct json_value value, struct berth_str filter_path, struct base_buf *out) {
    struct filter filter = {0};
    struct berth_str pattern;
    while (base_str_split(&filter_path, ',', &pattern)) {
        pattern = base_str_trim(pattern);
        if (base_str_starts(pattern, BERTH_STR("-"))) {
            add_state(&filter.excludes, base_str_from(pattern, 1));
        } else if (pattern.len) {
            add_state(&filter.includes, pattern);
        }
    }
    filter.has_includes = filter.includes.count > 0;
    size_t before = out->len;
    if (!filter_value(value, &filter, false, out)) {
        out->len = before;
        base_buf_cstr(out, json_is(value, JSON_ARRAY) ? "[]" : "{}");
    }
}

/* ---- pretty ---- */

static void indent(struct base_buf *out, size_t depth) {
    char *to = depth ? base_buf_reserve(out, depth * 2) : NULL;
    if (to) {
        memset(to, ' ', depth * 2);
        out->len += depth * 2;
    }
}

static void new_line(struct base_buf *out, size_t depth) {
    base_buf_char(out, '\n');
    indent(out, depth);
}

/* Nodes stand in the order of the text: one walk, with the open containers on a stack. */
struct frame {
    struct json_value container;
    struct json_value at;
    bool object;
    bool key_next;
};

struct walk {
    struct frame *frames;
    size_t depth;
};

static bool push(struct walk *walk, struct json_value container) {
    if (walk->depth % 64 == 0) {
        struct frame *grown = realloc(walk->frames, (walk->depth + 64) * sizeof *grown);
        if (!grown) {
            return false;
        }
        walk->frames = grown;
    }
    bool object = json_is(container, JSON_OBJECT);
    walk->frames[walk->depth++] = (struct frame){container, json_first(container), object, object};
    return true;
}

static bool is_container(struct json_value value) {
    return json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY);
}

/* Writes a value, or the opening of a container that is not empty and is then walked. */
static void pretty_begin(struct walk *walk, struct json_value value, struct base_buf *out) {
    if (!is_container(value) || !json_present(json_first(value))) {
        base_buf_str(out, is_container(value)
                              ? (json_is(value, JSON_OBJECT) ? BERTH_STR("{ }") : BERTH_STR("[ ]"))
                              : json_raw(value));
        return;
    }
    base_buf_char(out, json_is(value, JSON_OBJECT) ? '{' : '[');
    if (!push(walk, value)) {
        out->error = BERTH_E_NO_MEMORY;
    }
}

void shape_pretty(struct json_value value, struct base_buf *out) {
    struct walk walk = {0};
    pretty_begin(&walk, value, out);
    while (walk.depth && !out->error) {
        struct frame *frame = &walk.frames[walk.depth - 1];
        if (!json_present(frame->at)) {
            new_line(out, walk.depth - 1);
            base_buf_char(out, frame->object ? '}' : ']');
            walk.depth--;
            continue;
        }
        if (out->ptr[out->len - 1] != (frame->object ? '{' : '[')) {
            base_buf_char(out, ',');
        }
        new_line(out, walk.depth);
        struct json_value element = frame->at;
        if (frame->object) {
            base_buf_str(out, json_raw(frame->at));
            base_buf_cstr(out, " : ");
            element = json_next(frame->container, frame->at);
        }
        frame->at = json_next(frame->container, element);
        pretty_begin(&walk, element, out);
    }
    base_buf_char(out, '\n');
    free(walk.frames);
}

/* ---- YAML ---- */

/* What YAML takes for something else than a text. */
static bool is_yaml_word(struct berth_str text) {
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    for (size_t i = 0; i < BASE_COUNT(words); i++) {
        if (base_str_eq_nocase(text, base_cstr(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_plain_key(struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!letter && !(later && i > 0)) {
            return false;
        }
    }
    return text.len > 0 && !is_yaml_word(text);
}

/* The character whose well-formed bytes, len of them, begin at p. */
static uint32_t decode(const unsigned char *p, size_t len) {
    uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        c = c << 6 | (p[i] & 0x3fu);
    }
    return c;
}

/* What YAML takes in a quoted text: no control characters, no line ends, no byte order mark. */
static bool is_for_yaml(uint32_t c) {
    return c < 0x7f || (c >= 0xa0 && c < 0xfffe && c != 0x2028 && c != 0x2029 && c != 0xfeff) ||
           c >= 0x10000;
}

/* JSON's escapes are YAML's, but for the surrogate pairs: they are resolved and made anew. */
static void yaml_string(struct json_value value, struct base_buf *out) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, out->max);
    json_unescape(&text, json_inner(value));
    base_buf_char(out, '"');
    for (size_t i = 0; i < text.len;) {
        const unsigned char *at = (const unsigned char *)text.ptr + i;
        size_t len = base_utf8_length(at, at + (text.len - i));
        if (is_for_yaml(decode(at, len))) {
            json_escape(out, base_str(text.ptr + i, len));
        } else {
            base_buf_format(out, "\\u%04x", decode(at, len));
        }
        i += len;
    }
    base_buf_char(out, '"');
    out->error = text.error ? text.error : out->error;
}

/* JSON's numbers and words are YAML as they stand; keys lose their quotes if they may. */
static void yaml_begin(struct walk *walk, struct json_value value, struct base_buf *out) {
    if (!is_container(value) || !json_present(json_first(value))) {
        base_buf_char(out, ' ');
        if (json_is(value, JSON_STRING)) {
            yaml_string(value, out);
        } else {
            json_minify(out, json_raw(value));
        }
        base_buf_char(out, '\n');
    } else if (!push(walk, value)) {
        out->error = BERTH_E_NO_MEMORY;
    } else {
        base_buf_char(out, '\n');
    }
}

void shape_yaml(struct json_value value, struct base_buf *out) {
    struct walk walk = {0};
    base_buf_cstr(out, "---");
    yaml_begin(&walk, value, out);
    while (walk.depth && !out->error) {
        struct frame *frame = &walk.frames[walk.depth - 1];
        if (!json_present(frame->at)) {
            walk.depth--;
            continue;
        }
        indent(out, walk.depth - 1);
        struct json_value element = frame->at;
        if (frame->object) {
            struct berth_str key = json_inner(frame->at);
            if (is_plain_key(key)) {
                base_buf_str(out, key);
            } else {
                yaml_string(frame->at, out);
            }
            base_buf_char(out, ':');
            element = json_next(frame->container, frame->at);
        } else {
            base_buf_char(out, '-');
        }
        frame->at = json_next(frame->container, element);
        yaml_begin(&walk, element, out);
    }
    free(walk.frames);
}

int32_t shape_apply(const struct shape *shape, struct berth_str body, struct base_buf *out) {
    JSON_DOC_AUTO doc = {0};
    JSON_DOC_AUTO filtered_doc = {0};
    BASE_BUF_AUTO filtered;
    base_buf_init(&filtered, BASE_BUF_MAX_DEFAULT);
    struct json_error fault;
    if (!json_parse(&doc, body, 0, &fault)) {
        if (fault.fault == JSON_FAULT_MEMORY) {
            return BERTH_E_NO_MEMORY;
        }
        base_buf_str(out, body);
        return out->error;
    }
    struct json_value value = json_root(&doc);
    if (shape->filter_path.len) {
        shape_filter(value, shape->filter_path, &filtered);
        if (filtered.error || !json_parse(&filtered_doc, base_buf_view(&filtered), 0, NULL)) {
            return filtered.error ? filtered.error : BERTH_E_NO_MEMORY;
        }
        value = json_root(&filtered_doc);
    }
    if (shape->yaml) {
        shape_yaml(value, out);
    } else if (shape->pretty) {
        shape_pretty(value, out);
    } else {
        base_buf_str(out, json_raw(value));
    }
    return out->error;
}
