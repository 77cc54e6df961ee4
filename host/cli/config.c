/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/config.h"

#include "host/base/file.h"

#include <yaml.h>

#define ARENA_CHUNK 4096
#define KEY_MAX 512
#define LIST_MAX 1024

struct reading {
    yaml_parser_t parser;
    const char *path;
    struct settings_layer *layer;
    struct base_arena arena;
    struct berth_error *error;
};

static int32_t at_line(struct reading *r, size_t line, const char *what) {
    return base_error(r->error, BERTH_E_INVALID, "%s:%zu: %s", r->path, line + 1, what);
}

/* The next event; aliases and what a plain settings file has no use for are refused. */
static int32_t next_event(struct reading *r, yaml_event_t *event) {
    if (!yaml_parser_parse(&r->parser, event)) {
        return at_line(r, r->parser.problem_mark.line,
                       r->parser.problem ? r->parser.problem : "this is no YAML");
    }
    const char *what = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        what = "aliases (*name) are not taken";
        break;
    case YAML_SCALAR_EVENT:
        what = event->data.scalar.anchor ? "anchors (&name) are not taken"
               : event->data.scalar.tag  ? "tags (!name) are not taken"
                                         : NULL;
        break;
    case YAML_MAPPING_START_EVENT:
        what = event->data.mapping_start.anchor ? "anchors (&name) are not taken"
               : event->data.mapping_start.tag  ? "tags (!name) are not taken"
                                                : NULL;
        break;
    case YAML_SEQUENCE_START_EVENT:
        what = event->data.sequence_start.anchor ? "anchors (&name) are not taken"
               : event->data.sequence_start.tag  ? "tags (!name) are not taken"
                                                 : NULL;
        break;
    default:
        break;
    }
    if (what) {
        size_t line = event->start_mark.line;
        yaml_event_delete(event);
        return at_line(r, line, what);
    }
    return BERTH_OK;
}

static int32_t take_scalar(struct reading *r, const yaml_event_t *event, struct berth_str *out) {
    struct berth_str text =
        base_str((const char *)event->data.scalar.value, event->data.scalar.length);
    if (base_str_find(text, '\0') < text.len) {
        return at_line(r, event->start_mark.line, "a text holds a NUL character");
    }
    *out = base_arena_dup(&r->arena, text);
    return out->ptr ? BERTH_OK : base_error_memory(r->error);
}

/* A plain empty value, ~ and null say nothing, which is more likely a slip than meant. */
static bool is_null(const yaml_event_t *event) {
    struct berth_str text =
        base_str((const char *)event->data.scalar.value, event->data.scalar.length);
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.len == 0 || base_str_is(text, "~") || base_str_is(text, "null"));
}

static int32_t set_value(struct reading *r, struct berth_str key, size_t line, bool is_list,
                         const struct berth_str *texts, uint32_t count) {
    const struct setting_value *known = settings_layer_get(r->layer, key);
    if (known) {
        return base_error(r->error, BERTH_E_INVALID,
                          "%s:%zu: [" BASE_FMT "] is set already, in line %u", r->path, line + 1,
                          BASE_ARG(key), known->line);
    }
    if (!settings_layer_set(r->layer, key, is_list, texts, count)) {
        return base_error_memory(r->error);
    }
    settings_layer_set_line(r->layer, key, (uint32_t)line + 1);
    return BERTH_OK;
}

static int32_t read_list(struct reading *r, struct berth_str key, size_t line) {
    struct berth_str *texts = base_arena_array(&r->arena, LIST_MAX, sizeof *texts);
    uint32_t count = 0;
    int32_t code = texts ? BERTH_OK : base_error_memory(r->error);
    while (!code) {
        yaml_event_t event;
        code = next_event(r, &event);
        if (code) {
            return code;
        }
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        if (!end && (event.type != YAML_SCALAR_EVENT || count == LIST_MAX)) {
            code = at_line(r, event.start_mark.line, "a list holds up to 1024 plain texts");
        } else if (!end) {
            code = take_scalar(r, &event, &texts[count++]);
        }
        yaml_event_delete(&event);
        if (end) {
            break;
        }
    }
    return code ? code : set_value(r, key, line, true, texts, count);
}

static int32_t read_mapping(struct reading *r, struct berth_str prefix, int depth);

static int32_t read_value(struct reading *r, struct berth_str key, size_t line, int depth) {
    yaml_event_t event;
    int32_t code = next_event(r, &event);
    if (code) {
        return code;
    }
    yaml_event_type_t type = event.type;
    struct berth_str text = {NULL, 0};
    if (type == YAML_SCALAR_EVENT) {
        code = is_null(&event) ? at_line(r, line, "a key without a value")
                               : take_scalar(r, &event, &text);
    }
    yaml_event_delete(&event);
    if (code) {
        return code;
    }
    switch (type) {
    case YAML_SCALAR_EVENT:
        return set_value(r, key, line, false, &text, 1);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(r, key, line);
    case YAML_MAPPING_START_EVENT:
        return depth < CONFIG_DEPTH_MAX ? read_mapping(r, key, depth + 1)
                                        : at_line(r, line, "nested too deeply");
    default:
        return at_line(r, line, "a value was expected");
    }
}

/* Behind the start of a mapping: its members, up to its end. */
static int32_t read_mapping(struct reading *r, struct berth_str prefix, int depth) {
    for (;;) {
        yaml_event_t event;
        int32_t code = next_event(r, &event);
        if (code) {
            return code;
        }
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return BERTH_OK;
        }
        size_t line = event.start_mark.line;
        struct berth_str name = {"", 0};
        char joined[KEY_MAX + 1];
        code = event.type == YAML_SCALAR_EVENT ? take_scalar(r, &event, &name)
                                               : at_line(r, line, "a key is a plain text");
        yaml_event_delete(&event);
        int len = code ? 0
                       : snprintf(joined, sizeof joined, BASE_FMT "%s" BASE_FMT, BASE_ARG(prefix),
                                  prefix.len ? "." : "", BASE_ARG(name));
        if (len > KEY_MAX) {
            code = at_line(r, line, "the key is too long");
        }
        struct berth_str key =
            code ? name : base_arena_dup(&r->arena, base_str(joined, (size_t)len));
        code = code      ? code
               : key.ptr ? read_value(r, key, line, depth)
                         : base_error_memory(r->error);
        if (code) {
            return code;
        }
    }
}

/* Stream, document, one mapping or nothing, and the ends of both. */
static int32_t read_stream(struct reading *r) {
    bool seen = false;
    for (;;) {
        yaml_event_t event;
        int32_t code = next_event(r, &event);
        if (code) {
            return code;
        }
        yaml_event_type_t type = event.type;
        size_t line = event.start_mark.line;
        bool nothing = type == YAML_SCALAR_EVENT && is_null(&event);
        yaml_event_delete(&event);
        switch (type) {
        case YAML_STREAM_END_EVENT:
            return BERTH_OK;
        case YAML_DOCUMENT_START_EVENT:
            if (seen) {
                return at_line(r, line, "a second document in the file");
            }
            seen = true;
            break;
        case YAML_MAPPING_START_EVENT:
            code = read_mapping(r, base_str("", 0), 1);
            break;
        case YAML_SCALAR_EVENT:
        case YAML_SEQUENCE_START_EVENT:
            code = nothing ? BERTH_OK : at_line(r, line, "settings have the form key: value");
            break;
        default:
            break;
        }
        if (code) {
            return code;
        }
    }
}

int32_t config_read(const char *path, struct settings_layer *layer, struct berth_error *error) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, CONFIG_FILE_MAX);
    int32_t code = file_read(path, &text, error);
    if (code) {
        return code;
    }
    struct reading r = {.path = path, .layer = layer, .error = error};
    if (!yaml_parser_initialize(&r.parser)) {
        return base_error_memory(error);
    }
    base_arena_init(&r.arena, ARENA_CHUNK);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.ptr, text.len);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    code = read_stream(&r);
    base_arena_deinit(&r.arena);
    yaml_parser_delete(&r.parser);
    return code;
}

int32_t config_override(struct settings_layer *layer, const char *assignment,
                        struct berth_error *error) {
    struct berth_str text = base_cstr(assignment);
    uint64_t equals = base_str_find(text, '=');
    struct berth_str key = base_str_trim(base_str_slice(text, 0, equals));
    struct berth_str value = base_str_trim(base_str_from(text, equals + 1));
    if (equals == text.len || key.len == 0) {
        return base_error(error, BERTH_E_INVALID, "-E [%s] is not of the form key=value",
                          assignment);
    }
    bool list = base_str_starts(value, BERTH_STR("[")) && base_str_ends(value, BERTH_STR("]"));
    uint32_t count = 0;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, ARENA_CHUNK);
    struct berth_str *items = base_arena_array(&arena, LIST_MAX, sizeof *items);
    if (!items) {
        return base_error_memory(error);
    }
    if (list) {
        struct berth_str rest = base_str_slice(value, 1, value.len - 1);
        struct berth_str piece;
        while (base_str_split(&rest, ',', &piece)) {
            piece = base_str_trim(piece);
            if (piece.len && count == LIST_MAX) {
                return base_error(error, BERTH_E_INVALID,
                                  "-E [" BASE_FMT "] has more than %d items", BASE_ARG(key),
                                  LIST_MAX);
            }
            if (piece.len) {
                items[count++] = piece;
            }
        }
    }
    bool ok = settings_layer_set(layer, key, list, list ? items : &value, list ? count : 1);
    return ok ? BERTH_OK : base_error_memory(error);
}
