/* SPDX-License-Identifier: Apache-2.0 */
#include <berth/plugin.h>

#include "base/json_write.h"
#include "kit/commands.h"
#include "kit/host/capability_ids.h"

#include <stdio.h>

/* The tables hold a macro for each kind of row; each list below takes one and leaves the others. */
struct structure {
    const char *name;
    size_t size;
};

struct field {
    const char *structure;
    const char *name;
    const char *type;
    const char *count; /* of an array: its number of elements; "" */
    size_t offset;
    size_t size;
};

struct function {
    const char *structure; /* "": a type of callback */
    const char *name;
    const char *type;
    const char *threads;
    const char *states;
    const char *owner;
    const char *errors;
};

#define HEADER(name)
#define NUMBER(name)
#define TEXT(name)
#define STRUCT(name) {#name, sizeof(struct name)},
#define FIELD(structure, name, type, count)
#define FUNCTION(structure, name, type, threads, states, owner, errors)
static const struct structure structures[] = {
#include "kit/abi_tables.inc"
};
#undef STRUCT
#define STRUCT(name)
#undef FIELD
#define FIELD(structure, name, type, count)                                                        \
    {#structure,                                                                                   \
     #name,                                                                                        \
     type,                                                                                         \
     count,                                                                                        \
     offsetof(struct structure, name),                                                             \
     sizeof(((struct structure *)NULL)->name)},
static const struct field fields[] = {
#include "kit/abi_tables.inc"
};
#undef FIELD
#define FIELD(structure, name, type, count)
#undef FUNCTION
#define FUNCTION(structure, name, type, threads, states, owner, errors)                            \
    {#structure, #name, type, threads, states, owner, errors},
static const struct function functions[] = {
#include "kit/abi_tables.inc"
};
#undef FUNCTION
#define FUNCTION(structure, name, type, threads, states, owner, errors)
#undef NUMBER
#define NUMBER(name) {#name, name},
static const struct {
    const char *name;
    int64_t value;
} numbers[] = {
#include "kit/abi_tables.inc"
#define ERROR_NUMBER(name, code, status, type, meaning) {"BERTH_E_" #name, code},
    BERTH_ERROR_LIST(ERROR_NUMBER)
#undef ERROR_NUMBER
#define STATE_NUMBER(name, number, meaning) {"BERTH_STATE_" #name, number},
        BERTH_STATE_LIST(STATE_NUMBER)
#undef STATE_NUMBER
};
#undef NUMBER
#define NUMBER(name)
#undef TEXT
#define TEXT(name) {#name, name},
static const struct {
    const char *name;
    const char *value;
} texts[] = {
#include "kit/abi_tables.inc"
};

static const struct {
    const char *state;
    const char *call;
    const char *after;
} transitions[] = {
#define TRANSITION(state, call, after) {#state, #call, #after},
    BERTH_LIFECYCLE_TABLE(TRANSITION)
#undef TRANSITION
};

static void put_structures(struct base_buf *buf) {
    json_key(buf, "structs");
    json_open_array(buf);
    for (size_t i = 0; i < BASE_COUNT(structures); i++) {
        json_open_object(buf);
        json_member_cstr(buf, "name", structures[i].name);
        json_member_u64(buf, "size", structures[i].size);
        json_key(buf, "fields");
        json_open_array(buf);
        for (size_t k = 0; k < BASE_COUNT(fields); k++) {
            if (strcmp(fields[k].structure, structures[i].name) == 0) {
                json_open_object(buf);
                json_member_cstr(buf, "name", fields[k].name);
                json_member_cstr(buf, "type", fields[k].type);
                if (fields[k].count[0]) {
                    json_member_cstr(buf, "count", fields[k].count);
                }
                json_member_u64(buf, "offset", fields[k].offset);
                json_member_u64(buf, "size", fields[k].size);
                json_close_object(buf);
            }
        }
        json_close_array(buf);
        json_close_object(buf);
    }
    json_close_array(buf);
}

static void put_words(struct base_buf *buf, const char *key, const char *words) {
    struct berth_str rest = base_cstr(words);
    struct berth_str word = {NULL, 0};
    json_key(buf, key);
    json_open_array(buf);
    while (base_str_split(&rest, ' ', &word)) {
        json_put_string(buf, word);
    }
    json_close_array(buf);
}

static void put_functions(struct base_buf *buf) {
    json_key(buf, "functions");
    json_open_array(buf);
    for (size_t i = 0; i < BASE_COUNT(functions); i++) {
        json_open_object(buf);
        if (functions[i].structure[0]) {
            json_member_cstr(buf, "struct", functions[i].structure);
        }
        json_member_cstr(buf, "name", functions[i].name);
        json_member_cstr(buf, "type", functions[i].type);
        put_words(buf, "threads", functions[i].threads);
        put_words(buf, "states", functions[i].states);
        json_member_cstr(buf, "owner", functions[i].owner);
        put_words(buf, "errors", functions[i].errors);
        json_close_object(buf);
    }
    json_close_array(buf);
}

static void put_constants(struct base_buf *buf) {
    json_key(buf, "constants");
    json_open_object(buf);
    for (size_t i = 0; i < BASE_COUNT(numbers); i++) {
        json_member_i64(buf, numbers[i].name, numbers[i].value);
    }
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        json_member_cstr(buf, texts[i].name, texts[i].value);
    }
    json_close_object(buf);
}

static void put_lifecycle(struct base_buf *buf) {
    json_key(buf, "lifecycle");
    json_open_array(buf);
    for (size_t i = 0; i < BASE_COUNT(transitions); i++) {
        json_open_object(buf);
        json_member_cstr(buf, "state", transitions[i].state);
        json_member_cstr(buf, "call", transitions[i].call);
        json_member_cstr(buf, "after", transitions[i].after);
        json_close_object(buf);
    }
    json_close_array(buf);
}

int kit_command_dump(int argc, char **argv) {
    (void)argv;
    if (argc > 0) {
        (void)fprintf(stderr, "berth-abi dump: takes no arguments\n");
        return KIT_EXIT_MISUSE;
    }
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, BASE_BUF_MAX_DEFAULT);
    json_open_object(&buf);
    json_member_u64(&buf, "abi_major", BERTH_ABI_MAJOR);
    json_member_u64(&buf, "abi_minor", BERTH_ABI_MINOR);
    put_structures(&buf);
    put_functions(&buf);
    put_constants(&buf);
    put_lifecycle(&buf);
    json_close_object(&buf);
    if (buf.error || printf(BASE_FMT "\n", (int)buf.len, buf.ptr) < 0) {
        return KIT_EXIT_MISUSE;
    }
    return KIT_EXIT_OK;
}
