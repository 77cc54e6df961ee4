/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/query.h"

#include "base/utf8.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char l = (char)(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static bool is_utf8(struct berth_str s) {
    const unsigned char *p = (const unsigned char *)s.ptr;
    const unsigned char *end = p + s.len;
    while (p < end) {
        size_t len = base_utf8_length(p, end);
        if (len == 0) {
            return false;
        }
        p += len;
    }
    return true;
}

/* Decodes %XX, and plus signs where they stand for spaces. Text that needs none stays a view. */
static int32_t decode(struct berth_str raw, bool plus, struct base_arena *arena,
                      struct berth_str *out, struct berth_error *error) {
    if (base_str_find(raw, '%') == raw.len && (!plus || base_str_find(raw, '+') == raw.len)) {
        *out = raw;
        return BERTH_OK;
    }
    char *text = base_arena_alloc(arena, BASE_LEN(raw) + 1);
    if (!text) {
        return base_error_memory(error);
    }
    size_t len = 0;
    for (uint64_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '%') {
            int high = i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
            int low = i + 2 < raw.len ? hex_digit(raw.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return base_error(error, BERTH_E_INVALID,
                                  "[" BASE_FMT "] has a percent sign that begins no escape",
                                  BASE_ARG(raw));
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        text[len++] = c;
    }
    text[len] = '\0';
    *out = base_str(text, len);
    return is_utf8(*out) ? BERTH_OK
                         : base_error(error, BERTH_E_INVALID,
                                      "[" BASE_FMT "] does not decode to UTF-8", BASE_ARG(raw));
}

static int32_t parse_path(struct target *target, struct base_arena *arena,
                          struct berth_error *error) {
    struct berth_str rest = base_str_from(target->path, 1);
    struct berth_str raw;
    if (base_str_ends(rest, BERTH_STR("/"))) {
        rest.len--; /* one slash at the end does not matter */
    }
    if (rest.len == 0) {
        return BERTH_OK;
    }
    while (base_str_split(&rest, '/', &raw)) {
        if (target->segment_count == TARGET_SEGMENTS_MAX) {
            return base_error(error, BERTH_E_INVALID, "the path has more than %u segments",
                              TARGET_SEGMENTS_MAX);
        }
        target->has_empty_segment |= raw.len == 0;
        int32_t code = decode(raw, false, arena, &target->segments[target->segment_count++], error);
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

static int32_t parse_parameters(struct berth_str query, struct target *target,
                                struct base_arena *arena, struct berth_error *error) {
    struct berth_str rest = query;
    struct berth_str piece;
    uint32_t count = 1;
    for (uint64_t i = 0; i < query.len; i++) {
        count += query.ptr[i] == '&';
    }
    if (count > TARGET_PARAMETERS_MAX) {
        return base_error(error, BERTH_E_INVALID, "the query has more than %u parameters",
                          TARGET_PARAMETERS_MAX);
    }
    target->parameters = base_arena_array(arena, count, sizeof *target->parameters);
    if (!target->parameters) {
        return base_error_memory(error);
    }
    while (base_str_split(&rest, '&', &piece)) {
        if (piece.len == 0) {
            continue;
        }
        struct target_parameter *parameter = &target->parameters[target->parameter_count++];
        uint64_t equals = base_str_find(piece, '=');
        parameter->has_value = equals < piece.len;
        int32_t code =
            decode(base_str_slice(piece, 0, equals), true, arena, &parameter->name, error);
        if (!code) {
            code = decode(base_str_from(piece, equals + 1), true, arena, &parameter->value, error);
        }
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

int32_t target_parse(struct berth_str raw, struct base_arena *arena, struct target *out_target,
                     struct berth_error *error) {
    *out_target = (struct target){0};
    if (!base_str_starts(raw, BERTH_STR("/"))) {
        /* The absolute form, which proxies are sent: scheme and host are not looked at. */
        uint64_t colon = base_str_find(raw, ':');
        struct berth_str rest = base_str_from(raw, colon);
        if (!base_str_starts(rest, BERTH_STR("://"))) {
            return base_error(error, BERTH_E_INVALID,
                              "the request target [" BASE_FMT "] is no path", BASE_ARG(raw));
        }
        rest = base_str_from(rest, 3);
        raw = base_str_from(rest, base_str_find(rest, '/'));
        raw = raw.len ? raw : BERTH_STR("/");
    }
    if (base_str_find(raw, '#') < raw.len) {
        return base_error(error, BERTH_E_INVALID, "a request target has no fragment (#)");
    }
    uint64_t mark = base_str_find(raw, '?');
    out_target->path = base_str_slice(raw, 0, mark);
    int32_t code = parse_path(out_target, arena, error);
    if (!code && mark < raw.len) {
        code = parse_parameters(base_str_from(raw, mark + 1), out_target, arena, error);
    }
    return code;
}

const struct target_parameter *target_find(const struct target *target, struct berth_str name) {
    for (uint32_t i = 0; i < target->parameter_count; i++) {
        if (base_str_eq(target->parameters[i].name, name)) {
            return &target->parameters[i];
        }
    }
    return NULL;
}

int32_t target_bool(const struct target_parameter *parameter, bool *out_value,
                    struct berth_error *error) {
    bool yes = parameter->value.len == 0 || base_str_is(parameter->value, "true");
    if (!yes && !base_str_is(parameter->value, "false")) {
        return base_error(error, BERTH_E_INVALID,
                          "the query parameter [" BASE_FMT "] is [" BASE_FMT
                          "], allowed are [true] and [false]",
                          BASE_ARG(parameter->name), BASE_ARG(parameter->value));
    }
    *out_value = yes;
    return BERTH_OK;
}
