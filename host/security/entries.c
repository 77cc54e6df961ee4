/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/entries.h"

#include <stdio.h>
#include <yaml.h>

struct reading {
    const struct entry_form *form;
    const char *label;
    yaml_document_t document;
    struct base_arena *arena;
    void *context;
    struct berth_error *error;
};

/* ---- nodes ---- */

static int32_t refuse(struct reading *r, const yaml_node_t *node, const char *what,
                      struct berth_str name) {
    return base_error(r->error, BERTH_E_INVALID, "%s:%zu: [" BASE_FMT "] %s", r->label,
                      node->start_mark.line + 1, BASE_ARG(name), what);
}

static yaml_node_t *node_at(struct reading *r, int index) {
    return yaml_document_get_node(&r->document, index);
}

static struct berth_str text_of(const yaml_node_t *node) {
    return base_str((const char *)node->data.scalar.value, node->data.scalar.length);
}

static bool is_null(const yaml_node_t *node) {
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (node->data.scalar.length == 0 || base_str_is(text_of(node), "~") ||
            base_str_is(text_of(node), "null"));
}

/* A text that may be shown in answers and logs: control characters would forge lines there. */
static bool is_clean(struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static int32_t take_text(struct reading *r, const yaml_node_t *node, struct berth_str field,
                         struct berth_str *out) {
    if (node->type != YAML_SCALAR_NODE) {
        return refuse(r, node, "is a text", field);
    }
    if (node->data.scalar.length > ENTRIES_NAME_MAX || !is_clean(text_of(node))) {
        return refuse(r, node, "has at most 512 bytes, and no control characters", field);
    }
    struct berth_str text = base_arena_dup(r->arena, text_of(node));
    if (!text.ptr) {
        return base_error_memory(r->error);
    }
    *out = text;
    return BERTH_OK;
}

static int32_t take_flag(struct reading *r, const yaml_node_t *node, struct berth_str field,
                         bool *out) {
    struct berth_str text = node->type == YAML_SCALAR_NODE ? text_of(node) : BERTH_STR("");
    bool yes = base_str_eq_nocase(text, BERTH_STR("true"));
    if (!yes && !base_str_eq_nocase(text, BERTH_STR("false"))) {
        return refuse(r, node, "is true or false", field);
    }
    *out = yes;
    return BERTH_OK;
}

static int32_t take_list(struct reading *r, const yaml_node_t *node, struct berth_str field,
                         struct name_list *out) {
    bool single = node->type == YAML_SCALAR_NODE;
    if (!single && node->type != YAML_SEQUENCE_NODE) {
        return refuse(r, node, "is a list of texts", field);
    }
    const yaml_node_item_t *item = single ? NULL : node->data.sequence.items.start;
    size_t count = single ? 1 : (size_t)(node->data.sequence.items.top - item);
    struct name_list list = {base_arena_array(r->arena, count + 1, sizeof *list.items), 0};
    int32_t code = list.items ? BERTH_OK : base_error_memory(r->error);
    for (size_t i = 0; i < count && !code; i++) {
        code = take_text(r, single ? node : node_at(r, item[i]), field, &list.items[list.count++]);
    }
    if (!code) {
        *out = list;
    }
    return code;
}

static int32_t take_pairs(struct reading *r, const yaml_node_t *node, struct berth_str field,
                          struct entry_pairs *out) {
    if (node->type != YAML_MAPPING_NODE) {
        return refuse(r, node, "holds names and texts", field);
    }
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pair);
    struct entry_pairs pairs = {base_arena_array(r->arena, count + 1, sizeof *pairs.items), 0};
    int32_t code = pairs.items ? BERTH_OK : base_error_memory(r->error);
    for (size_t i = 0; i < count && !code; i++) {
        struct entry_pair *to = &pairs.items[pairs.count++];
        code = take_text(r, node_at(r, pair[i].key), field, &to->name);
        code = code ? code : take_text(r, node_at(r, pair[i].value), field, &to->value);
    }
    if (!code) {
        *out = pairs;
    }
    return code;
}

/* ---- entries ---- */

static int32_t take_field(struct reading *r, const struct entry_field *field,
                          const yaml_node_t *value, struct berth_str name, char *entry) {
    void *to = entry + field->offset;
    if (is_null(value)) {
        return BERTH_OK; /* as absent: OpenSearch writes empty fields so */
    }
    switch (field->kind) {
    case ENTRY_TEXT:
        return take_text(r, value, name, to);
    case ENTRY_FLAG:
        return take_flag(r, value, name, to);
    case ENTRY_LIST:
        return take_list(r, value, name, to);
    case ENTRY_PAIRS:
        return take_pairs(r, value, name, to);
    case ENTRY_IGNORED:
        break;
    }
    return BERTH_OK;
}

static const struct entry_field *find_field(const struct entry_form *form, struct berth_str name) {
    for (size_t i = 0; i < form->field_count; i++) {
        if (base_str_is(name, form->fields[i].name)) {
            return &form->fields[i];
        }
    }
    return NULL;
}

/* Whether a key stands in the mapping before this pair: YAML's reader takes it twice. */
static bool is_repeated(struct reading *r, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
                        struct berth_str name) {
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *key = node_at(r, p->key);
        if (key->type == YAML_SCALAR_NODE && base_str_eq(text_of(key), name)) {
            return true;
        }
    }
    return false;
}

static int32_t take_fields(struct reading *r, const yaml_node_t *node, char *entry) {
    const yaml_node_pair_t *end = node->data.mapping.pairs.top;
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < end; p++) {
        const yaml_node_t *key = node_at(r, p->key);
        struct berth_str name = key->type == YAML_SCALAR_NODE ? text_of(key) : BERTH_STR("?");
        const struct entry_field *field = find_field(r->form, name);
        if (!field) {
            return refuse(r, key, "is no field of such an entry", name);
        }
        if (is_repeated(r, node, p, name)) {
            return refuse(r, key, "is set twice", name);
        }
        int32_t code = take_field(r, field, node_at(r, p->value), name, entry);
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

static int32_t take_meta(struct reading *r, const yaml_node_t *node) {
    const yaml_node_pair_t *end =
        node->type == YAML_MAPPING_NODE ? node->data.mapping.pairs.top : NULL;
    const yaml_node_pair_t *p = end ? node->data.mapping.pairs.start : NULL;
    for (; p < end; p++) {
        const yaml_node_t *key = node_at(r, p->key);
        const yaml_node_t *value = node_at(r, p->value);
        if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE) {
            return refuse(r, key, "holds texts alone", BERTH_STR("_meta"));
        }
        if (base_str_is(text_of(key), "type") && !base_str_is(text_of(value), r->form->type)) {
            return base_error(r->error, BERTH_E_INVALID,
                              "%s:%zu: the file's type is [" BASE_FMT "], expected [%s]", r->label,
                              value->start_mark.line + 1, BASE_ARG(text_of(value)), r->form->type);
        }
        if (base_str_is(text_of(key), "config_version") && !base_str_is(text_of(value), "2")) {
            return refuse(r, value, "is not 2: older forms are not read", text_of(key));
        }
    }
    return BERTH_OK;
}

/* Puts file and line before the message of an add that failed. */
static int32_t locate(struct reading *r, const yaml_node_t *node, struct berth_str name,
                      int32_t code) {
    char message[BERTH_ERROR_MESSAGE_MAX];
    if (!r->error || code == BERTH_E_NO_MEMORY) {
        return code;
    }
    (void)snprintf(message, sizeof message, "%s", r->error->message);
    return base_error(r->error, code, "%s:%zu: [" BASE_FMT "] %s", r->label,
                      node->start_mark.line + 1, BASE_ARG(name), message);
}

static int32_t take_entry(struct reading *r, const yaml_node_t *key, const yaml_node_t *value) {
    struct berth_str name = {NULL, 0};
    int32_t code = take_text(r, key, BERTH_STR("a name"), &name);
    if (code) {
        return code;
    }
    if (base_str_is(name, "_meta")) {
        return take_meta(r, value);
    }
    if (name.len == 0) {
        return refuse(r, key, "cannot be empty", BERTH_STR("a name"));
    }
    if (value->type != YAML_MAPPING_NODE && !is_null(value)) {
        return refuse(r, value, "holds fields", name);
    }
    char *entry = base_arena_array(r->arena, 1, r->form->size);
    code = entry ? BERTH_OK : base_error_memory(r->error);
    if (!code && value->type == YAML_MAPPING_NODE) {
        code = take_fields(r, value, entry);
    }
    if (code) {
        return code;
    }
    code = r->form->add(r->context, name, entry, r->error);
    return code ? locate(r, key, name, code) : BERTH_OK;
}

static int32_t take_all(struct reading *r) {
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    if (!root || is_null(root)) {
        return BERTH_OK; /* an empty file has no entries */
    }
    if (root->type != YAML_MAPPING_NODE) {
        return refuse(r, root, "has named entries", base_cstr(r->form->type));
    }
    const yaml_node_pair_t *end = root->data.mapping.pairs.top;
    for (const yaml_node_pair_t *p = root->data.mapping.pairs.start; p < end; p++) {
        const yaml_node_t *key = node_at(r, p->key);
        if (key->type == YAML_SCALAR_NODE && is_repeated(r, root, p, text_of(key))) {
            return refuse(r, key, "is there twice", text_of(key));
        }
        int32_t code = take_entry(r, key, node_at(r, p->value));
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

int32_t entries_read(const struct entry_form *form, const char *label, struct berth_str text,
                     struct base_arena *arena, void *context, struct berth_error *error) {
    struct reading r = {
        .form = form, .label = label, .arena = arena, .context = context, .error = error};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return base_error_memory(error);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, BASE_LEN(text));
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    int32_t code = BERTH_OK;
    if (!yaml_parser_load(&parser, &r.document)) {
        code = base_error(error, BERTH_E_INVALID, "%s:%zu: %s", label, parser.problem_mark.line + 1,
                          parser.problem ? parser.problem : "this is no YAML");
    } else {
        code = take_all(&r);
        yaml_document_delete(&r.document);
    }
    yaml_parser_delete(&parser);
    return code;
}
