/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form that all files of OpenSearch's security plugin have: named entries with fields, beside a
 * _meta entry that says of what kind they are.
 *
 *     _meta: {type: internalusers, config_version: 2}
 *     alice:
 *       hash: "$2y$12$…"
 *       backend_roles: [eng]
 *
 * JSON is read as well, since YAML holds it. Messages name file and line.
 */
#ifndef HOST_SECURITY_ENTRIES_H
#define HOST_SECURITY_ENTRIES_H

#include "base/arena.h"
#include "base/error.h"
#include "host/security/names.h"

/* A file is at most this large. */
#define ENTRIES_FILE_MAX ((size_t)4 << 20)
/* A name of an entry, and an item of a list, has at most so many bytes. */
#define ENTRIES_NAME_MAX 512u

struct entry_pair {
    struct berth_str name;
    struct berth_str value;
};

struct entry_pairs {
    struct entry_pair *items;
    uint32_t count;
};

enum entry_kind {
    ENTRY_TEXT,    /* struct berth_str */
    ENTRY_FLAG,    /* bool */
    ENTRY_LIST,    /* struct name_list; a single text is a list of one */
    ENTRY_PAIRS,   /* struct entry_pairs */
    ENTRY_IGNORED, /* taken whatever it holds: a part of OpenSearch that is not here */
};

struct entry_field {
    const char *name;
    enum entry_kind kind;
    size_t offset; /* in the struct that is filled */
};

struct entry_form {
    const char *type; /* of _meta */
    const struct entry_field *fields;
    size_t field_count;
    size_t size; /* of the struct that is filled */
    /* Called for each entry; entry is in the arena, filled, and otherwise zero. */
    int32_t (*add)(void *context, struct berth_str name, void *entry, struct berth_error *error);
};

/*
 * Reads a text of that form; label is what messages call it, such as the file's path. The texts
 * are in the arena. A failed add gets the file and the line before its message.
 */
int32_t entries_read(const struct entry_form *form, const char *label, struct berth_str text,
                     struct base_arena *arena, void *context, struct berth_error *error);

#endif
