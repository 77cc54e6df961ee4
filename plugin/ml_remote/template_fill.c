/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling templates: what a value becomes in a JSON string, outside of one, in a text, in a URL.
 */
#include "plugin/ml_remote/template.h"

#include "plugin/ml_remote/template_internal.h"

/* Where a value is put. */
enum place {
    PLACE_STRING, /* between quotes: escaped */
    PLACE_JSON,   /* outside of quotes: JSON as it is, other text escaped */
    PLACE_RAW,    /* as it is */
    PLACE_URL,    /* percent-encoded where it must be */
};

static void fill(const struct ml_filling *f, const struct ml_template *template, bool json,
                 bool url);

/* ---- characters of a URL ---- */

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Characters that RFC 3986 has; brackets belong to the host alone. */
static bool may_stand_in_url(struct berth_str text, uint64_t at, bool in_authority) {
    char c = text.ptr[at];
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
        return true;
    }
    if (c == '%') {
        return at + 2 < text.len && is_hex(text.ptr[at + 1]) && is_hex(text.ptr[at + 2]);
    }
    if (c == '[' || c == ']') {
        return in_authority;
    }
    return c != '\0' && strchr("-._~:/?#@!$&'()*+,;=", c) != NULL;
}

/* Whether what is appended next belongs to the host, from what stands there already. */
static bool is_in_authority(const struct base_buf *url) {
    struct berth_str text = base_buf_view(url);
    const char *mark = text.len ? memmem(text.ptr, BASE_LEN(text), "://", 3) : NULL;
    if (!mark) {
        return text.len == 0;
    }
    struct berth_str rest = base_str_from(text, (uint64_t)(mark - text.ptr) + 3);
    return base_str_find(rest, '/') == rest.len && base_str_find(rest, '?') == rest.len;
}

static void put_url(struct base_buf *out, struct berth_str text) {
    bool in_authority = is_in_authority(out);
    for (uint64_t i = 0; i < text.len; i++) {
        if (may_stand_in_url(text, i, in_authority)) {
            in_authority = in_authority && text.ptr[i] != '/';
            base_buf_char(out, text.ptr[i]);
        } else {
            base_buf_format(out, "%%%02X", (unsigned char)text.ptr[i]);
        }
    }
}

/* ---- values ---- */

/* Runs put with a text that is made in scratch; the text is gone afterwards. */
static void put_made(const struct ml_filling *f, size_t before, enum place place) {
    struct berth_str made =
        base_str(f->scratch->ptr ? f->scratch->ptr + before : "", f->scratch->len - before);
    if (f->scratch->error) {
        f->out->error = f->scratch->error;
    } else if (place == PLACE_STRING) {
        json_escape(f->out, made);
    } else {
        put_url(f->out, made);
    }
    f->scratch->len = before;
}

/*
 * A text outside of quotes. One that is an object or an array goes in as such. Others do not become
 * JSON by their content: who sends "\"a\", \"b\": 1" adds no member to the remote's request.
 */
static void put_text_outside(const struct ml_filling *f, struct json_value value) {
    size_t before = f->scratch->len;
    json_unescape(f->scratch, json_inner(value));
    struct berth_str text =
        base_str(f->scratch->ptr ? f->scratch->ptr + before : "", f->scratch->len - before);
    struct berth_str trimmed = base_str_trim(text);
    bool container = trimmed.len && (trimmed.ptr[0] == '{' || trimmed.ptr[0] == '[') &&
                     json_check(trimmed, 0, NULL);
    if (f->scratch->error) {
        f->out->error = f->scratch->error;
    } else {
        base_buf_str(f->out, container ? trimmed : json_inner(value));
    }
    f->scratch->len = before;
}

static void put_given(const struct ml_filling *f, struct json_value value, enum place place) {
    size_t before = f->scratch->len;
    bool string = json_is(value, JSON_STRING);
    if (place == PLACE_STRING && string) {
        base_buf_str(f->out, json_inner(value)); /* escaped already, as it came */
        return;
    }
    if (place == PLACE_JSON && string) {
        put_text_outside(f, value);
        return;
    }
    if (place == PLACE_RAW || place == PLACE_JSON) {
        if (string) {
            json_unescape(f->out, json_inner(value));
        } else {
            base_buf_str(f->out, json_raw(value));
        }
        return;
    }
    if (string) {
        json_unescape(f->scratch, json_inner(value));
    } else {
        json_minify(f->scratch, json_raw(value));
    }
    put_made(f, before, place);
}

static void put_own(const struct ml_filling *f, const struct ml_parameter *p, bool json,
                    enum place place) {
    if (p->template.count == 0) {
        base_buf_str(f->out, place == PLACE_STRING ? p->escaped : p->text);
        return;
    }
    if (place == PLACE_URL) {
        fill(f, &p->template, false, true);
        return;
    }
    if (place == PLACE_RAW || place == PLACE_JSON) {
        fill(f, &p->template, json, false);
        return;
    }
    /* A text with values put in, and then escaped as a whole: made apart, since scratch grows. */
    size_t before = f->scratch->len;
    struct base_buf made;
    base_buf_init(&made, f->scratch->max);
    struct ml_filling inner = *f;
    inner.out = &made;
    fill(&inner, &p->template, false, false);
    base_buf_str(f->scratch, base_buf_view(&made));
    f->scratch->error = made.error ? made.error : f->scratch->error;
    base_buf_deinit(&made);
    put_made(f, before, PLACE_STRING);
}

static void put_missing(const struct ml_filling *f, const struct ml_segment *s) {
    if (f->missing) {
        base_buf_format(f->missing, "%s" BASE_FMT, f->missing->len ? ", " : "", BASE_ARG(s->name));
    }
    base_buf_str(f->out, s->text);
}

static void put_quoted_or_null(const struct ml_filling *f, struct json_value given,
                               const struct ml_parameter *own) {
    if (!json_present(given) && !own) {
        base_buf_cstr(f->out, "null");
        return;
    }
    base_buf_char(f->out, '"');
    if (json_present(given)) {
        put_given(f, given, PLACE_STRING);
    } else {
        put_own(f, own, true, PLACE_STRING);
    }
    base_buf_char(f->out, '"');
}

static void put_placeholder(const struct ml_filling *f, const struct ml_segment *s, bool json,
                            bool url) {
    struct json_value given = json_get_str(f->values->given, s->name);
    const struct ml_parameter *own =
        json_present(given) ? NULL : ml_parameters_find(f->values->own, s->name);
    bool string = s->to_string || (json && s->in_string);
    enum place place = url ? PLACE_URL : string ? PLACE_STRING : json ? PLACE_JSON : PLACE_RAW;
    if (s->kind == ML_QUOTED_OR_NULL && json) {
        put_quoted_or_null(f, given, own);
    } else if (json_present(given)) {
        put_given(f, given, place);
    } else if (own) {
        put_own(f, own, json, place);
    } else if (s->fallback) {
        fill(f, s->fallback, json, url);
    } else if (s->kind == ML_QUOTED_OR_NULL) {
        base_buf_cstr(f->out, "null");
    } else {
        put_missing(f, s);
    }
}

/* json: quotes count; url: values are percent-encoded. Depth is bounded when compiling. */
static void fill(const struct ml_filling *f, const struct ml_template *template, bool json,
                 bool url) {
    for (uint32_t i = 0; i < template->count; i++) {
        const struct ml_segment *s = &template->segments[i];
        if (s->kind == ML_LITERAL) {
            base_buf_str(f->out, s->text);
        } else {
            put_placeholder(f, s, json, url);
        }
    }
}

void ml_fill_json(const struct ml_filling *filling, const struct ml_template *template) {
    fill(filling, template, true, false);
}

void ml_fill_text(const struct ml_filling *filling, const struct ml_template *template) {
    fill(filling, template, false, false);
}

void ml_fill_url(const struct ml_filling *filling, const struct ml_template *template) {
    fill(filling, template, false, true);
}

bool ml_template_depends_on(const struct ml_template *template, const struct ml_values *values) {
    for (uint32_t i = 0; i < template->count; i++) {
        const struct ml_segment *s = &template->segments[i];
        if (s->kind == ML_LITERAL) {
            continue;
        }
        const struct ml_parameter *own = ml_parameters_find(values->own, s->name);
        if (json_present(json_get_str(values->given, s->name)) ||
            (own && ml_template_depends_on(&own->template, values)) ||
            (s->fallback && ml_template_depends_on(s->fallback, values))) {
            return true;
        }
    }
    return false;
}
