/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/search_source.h"

#include "host/store/query_internal.h"

/* A longer path is as good as excluded. */
#define PATH_MAX_BYTES 4096u

/* ---- reading ---- */

static int32_t add_patterns(struct query *query, struct json_value value,
                            struct source_patterns *out) {
    bool list = json_is(value, JSON_ARRAY);
    struct json_value one = list ? json_first(value) : value;
    for (; json_present(one); one = list ? json_next(value, one) : JSON_NONE) {
        if (!json_is(one, JSON_STRING)) {
            return query_parse_error(query, "a pattern of [_source] is a text");
        }
        if (out->count == SOURCE_PATTERNS_MAX) {
            return query_parse_error(query, "[_source] has at most %u patterns of a kind",
                                     SOURCE_PATTERNS_MAX);
        }
        if (!json_string(one, &query->arena, &out->list[out->count++])) {
            return base_error_memory(query->error);
        }
    }
    return BERTH_OK;
}

int32_t source_read(struct query *query, struct json_value source, struct source_filter *out) {
    static const char *const known[] = {"includes", "include", "excludes", "exclude", NULL};
    *out = (struct source_filter){.mapping = query->mapping};
    int32_t code = BERTH_OK;
    switch (json_type(source)) {
    case JSON_ABSENT:
    case JSON_TRUE:
        return BERTH_OK;
    case JSON_FALSE:
        out->is_hidden = true;
        return BERTH_OK;
    case JSON_STRING:
    case JSON_ARRAY:
        return add_patterns(query, source, &out->includes);
    case JSON_OBJECT:
        code = query_check_names(query, "_source", source, known);
        for (size_t i = 0; known[i] && !code; i++) {
            code = add_patterns(query, json_get(source, known[i]),
                                i < 2 ? &out->includes : &out->excludes);
        }
        return code;
    default:
        return query_parse_error(
            query, "[_source] is a boolean, a pattern, an array of patterns or an object");
    }
}

/* ---- filtering ---- */

struct walk {
    const struct source_filter *filter;
    struct base_arena *arena;
    struct base_buf *out;
    char path[PATH_MAX_BYTES];
    size_t path_len;
};

static bool matches(const struct source_patterns *patterns, struct berth_str path) {
    for (uint32_t i = 0; i < patterns->count; i++) {
        if (base_str_glob(patterns->list[i], path)) {
            return true;
        }
    }
    return false;
}

/* Whether a field at or below the path is left out: else a value can be shown as it stands. */
static bool may_exclude(const struct walk *walk, struct berth_str path) {
    struct berth_str secret;
    enum field_type type;
    for (size_t i = 0; mapping_field(walk->filter->mapping, i, &secret, &type); i++) {
        if (type == FIELD_SECRET && base_str_starts(secret, path)) {
            return true;
        }
    }
    return walk->filter->excludes.count > 0;
}

static bool put_value(struct walk *walk, struct json_value value, bool included);

/* The path grows by the key's name and is cut again by the caller; false where it cannot. */
static bool enter(struct walk *walk, struct json_value key) {
    struct berth_str name;
    if (!json_string(key, walk->arena, &name)) {
        walk->out->error = BERTH_E_NO_MEMORY;
        return false;
    }
    if (walk->path_len + name.len + 1 > PATH_MAX_BYTES) {
        return false;
    }
    if (walk->path_len) {
        walk->path[walk->path_len++] = '.';
    }
    if (name.len) {
        memcpy(walk->path + walk->path_len, name.ptr, BASE_LEN(name));
    }
    walk->path_len += BASE_LEN(name);
    return true;
}

static bool put_member(struct walk *walk, struct json_value key, struct json_value value,
                       bool included) {
    const struct source_filter *filter = walk->filter;
    size_t path_before = walk->path_len;
    size_t out_before = walk->out->len;
    bool kept = enter(walk, key);
    struct berth_str path = base_str(walk->path, walk->path_len);
    if (kept && !mapping_is_secret(filter->mapping, path) && !matches(&filter->excludes, path)) {
        json_put_raw(walk->out, json_raw(key));
        base_buf_char(walk->out, ':');
        kept = put_value(walk, value, included || matches(&filter->includes, path));
    } else {
        kept = false;
    }
    if (!kept) {
        walk->out->len = out_before;
    }
    walk->path_len = path_before;
    return kept;
}

/* False: nothing is left of it. Depth is bounded by the reader's. */
static bool put_value(struct walk *walk, struct json_value value, bool included) {
    bool object = json_is(value, JSON_OBJECT);
    if (!object && !json_is(value, JSON_ARRAY)) {
        if (included) {
            json_put_raw(walk->out, json_raw(value));
        }
        return included;
    }
    if (included && !may_exclude(walk, base_str(walk->path, walk->path_len))) {
        json_put_raw(walk->out, json_raw(value));
        return true;
    }
    size_t kept = 0;
    json_put_raw(walk->out, object ? BERTH_STR("{") : BERTH_STR("["));
    for (struct json_value v = json_first(value); json_present(v);) {
        struct json_value element = object ? json_next(value, v) : v;
        size_t before = walk->out->len;
        bool keep =
            object ? put_member(walk, v, element, included) : put_value(walk, element, included);
        if (!keep) {
            walk->out->len = before;
        }
        kept += keep;
        v = json_next(value, element);
    }
    base_buf_char(walk->out, object ? '}' : ']');
    return kept > 0 || (included && (object || !json_present(json_first(value))));
}

void source_put(const struct source_filter *filter, struct json_value document,
                struct base_buf *out) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 1024);
    struct walk walk = {.filter = filter, .arena = &arena, .out = out};
    size_t before = out->len;
    if (!put_value(&walk, document, filter->includes.count == 0)) {
        out->len = before;
        json_put_raw(out, BERTH_STR("{}"));
    }
}
