/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plugin says of itself, read from its file.
 *
 * The reader takes what there is and judges nothing: the checks do that, field by field. Texts are
 * views into the mapped file.
 */
#ifndef KIT_DESCRIPTOR_H
#define KIT_DESCRIPTOR_H

#include <berth/plugin.h>

#include "kit/elf_file.h"

/* Capabilities that a host takes from one plugin, and the longest text of a descriptor. */
#define KIT_CAPABILITIES_MAX 64u
#define KIT_DESCRIPTOR_TEXT_MAX 512u
#define KIT_PLUGIN_NAME_MAX 64u

/* The sizes of the first structs that were published: smaller ones never were. */
#define KIT_DESCRIPTOR_SIZE_FIRST 120u
#define KIT_LIFECYCLE_SIZE_FIRST 72u

/* A text of the descriptor. broken: what its len and ptr say is not in the file. */
struct kit_text {
    struct berth_str text;
    bool broken;
};

struct kit_need {
    struct kit_text id;
    uint32_t flags;
    uint32_t reserved;
};

/* The functions of the lifecycle, in the order of the struct. */
enum kit_call {
    KIT_CALL_create,
    KIT_CALL_start,
    KIT_CALL_loop_start,
    KIT_CALL_serve,
    KIT_CALL_drain,
    KIT_CALL_loop_stop,
    KIT_CALL_stop,
    KIT_CALL_destroy,
    KIT_CALL_COUNT,
};

struct kit_descriptor {
    uint64_t address; /* 0: there is none, and nothing else is filled */
    uint32_t size;
    const unsigned char *bytes;            /* size bytes; NULL where they are not all in the file */
    struct berth_plugin_descriptor fields; /* its pointers are not filled */
    struct kit_text name;
    struct kit_text version;
    struct kit_text description;
    struct kit_text component;
    struct kit_text component_version;
    struct kit_need needs[KIT_CAPABILITIES_MAX];
    uint32_t need_count; /* those that could be read */
    uint64_t lifecycle_address;
    uint32_t lifecycle_size;
    const unsigned char *lifecycle_bytes;
    uint64_t calls[KIT_CALL_COUNT]; /* addresses; 0: not there */
};

extern const char *const kit_call_names[KIT_CALL_COUNT];

void kit_descriptor_read(const struct elf_file *elf, struct kit_descriptor *out_descriptor);

/* Whether it is 1 to 64 lower case letters, digits, _ and -. */
bool kit_is_plugin_name(struct berth_str name);

#endif
