/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/descriptor.h"

const char *const kit_call_names[KIT_CALL_COUNT] = {"create", "start",     "loop_start", "serve",
                                                    "drain",  "loop_stop", "stop",       "destroy"};

static uint32_t read_u32(const struct elf_file *elf, uint64_t address) {
    const unsigned char *bytes = elf_file_at(elf, address, sizeof(uint32_t));
    uint32_t value = 0;
    if (bytes) {
        memcpy(&value, bytes, sizeof value);
    }
    return value;
}

static struct kit_text read_text(const struct elf_file *elf, uint64_t at) {
    const unsigned char *view = elf_file_at(elf, at, sizeof(struct berth_str));
    uint64_t len = 0;
    if (!view) {
        return (struct kit_text){.broken = true};
    }
    memcpy(&len, view + offsetof(struct berth_str, len), sizeof len);
    uint64_t target = elf_file_pointer(elf, at);
    if (len == 0) {
        return (struct kit_text){.text = {NULL, 0}};
    }
    const unsigned char *text = target ? elf_file_at(elf, target, len) : NULL;
    return text ? (struct kit_text){.text = base_str((const char *)text, (size_t)len)}
                : (struct kit_text){.broken = true};
}

static void read_needs(const struct elf_file *elf, struct kit_descriptor *d) {
    uint64_t list =
        elf_file_pointer(elf, d->address + offsetof(struct berth_plugin_descriptor, capabilities));
    uint32_t count = d->fields.capability_count;
    for (uint32_t i = 0; list && i < count && i < KIT_CAPABILITIES_MAX; i++) {
        uint64_t at = list + i * sizeof(struct berth_capability_need);
        if (!elf_file_at(elf, at, sizeof(struct berth_capability_need))) {
            break;
        }
        struct kit_need *need = &d->needs[d->need_count++];
        need->id = read_text(elf, at);
        need->flags = read_u32(elf, at + offsetof(struct berth_capability_need, flags));
        need->reserved = read_u32(elf, at + offsetof(struct berth_capability_need, reserved));
    }
}

static void read_lifecycle(const struct elf_file *elf, struct kit_descriptor *d) {
    d->lifecycle_address =
        elf_file_pointer(elf, d->address + offsetof(struct berth_plugin_descriptor, lifecycle));
    if (!d->lifecycle_address) {
        return;
    }
    d->lifecycle_size = read_u32(elf, d->lifecycle_address);
    d->lifecycle_bytes = elf_file_at(elf, d->lifecycle_address, d->lifecycle_size);
    for (uint32_t i = 0; i < KIT_CALL_COUNT; i++) {
        uint64_t at = offsetof(struct berth_lifecycle, create) + i * sizeof(void *);
        d->calls[i] = elf_file_pointer(elf, d->lifecycle_address + at);
    }
}

void kit_descriptor_read(const struct elf_file *elf, struct kit_descriptor *out_descriptor) {
    struct kit_descriptor *d = out_descriptor;
    *d = (struct kit_descriptor){0};
    const Elf64_Sym *symbol =
        elf_file_fault(elf) ? NULL : elf_file_export(elf, BERTH_PLUGIN_SYMBOL);
    if (!symbol || !elf_file_at(elf, symbol->st_value, KIT_DESCRIPTOR_SIZE_FIRST)) {
        return;
    }
    d->address = symbol->st_value;
    d->size = read_u32(elf, d->address);
    d->bytes = elf_file_at(elf, d->address, d->size);
    memcpy(&d->fields, elf_file_at(elf, d->address, KIT_DESCRIPTOR_SIZE_FIRST),
           KIT_DESCRIPTOR_SIZE_FIRST);
    d->name = read_text(elf, d->address + offsetof(struct berth_plugin_descriptor, name));
    d->version = read_text(elf, d->address + offsetof(struct berth_plugin_descriptor, version));
    d->description =
        read_text(elf, d->address + offsetof(struct berth_plugin_descriptor, description));
    d->component = read_text(elf, d->address + offsetof(struct berth_plugin_descriptor, component));
    d->component_version =
        read_text(elf, d->address + offsetof(struct berth_plugin_descriptor, component_version));
    read_needs(elf, d);
    read_lifecycle(elf, d);
}

bool kit_is_plugin_name(struct berth_str name) {
    for (uint64_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) {
            return false;
        }
    }
    return name.len > 0 && name.len <= KIT_PLUGIN_NAME_MAX;
}
