/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/commands.h"
#include "kit/descriptor.h"

#include "base/json_write.h"

#include <stdio.h>

static void put_needs(struct base_buf *buf, const struct kit_descriptor *d) {
    json_key(buf, "capabilities");
    json_open_array(buf);
    for (uint32_t i = 0; i < d->need_count; i++) {
        json_open_object(buf);
        json_member_string(buf, "id", d->needs[i].id.text);
        json_member_bool(buf, "required", d->needs[i].flags & BERTH_NEED_REQUIRED);
        json_close_object(buf);
    }
    json_close_array(buf);
    json_key(buf, "lifecycle");
    json_open_array(buf);
    for (uint32_t i = 0; i < KIT_CALL_COUNT; i++) {
        if (d->calls[i]) {
            json_put_cstr(buf, kit_call_names[i]);
        }
    }
    json_close_array(buf);
}

static void put_file(struct base_buf *buf, const struct elf_file *elf) {
    const char *name = NULL;
    json_key(buf, "libraries");
    json_open_array(buf);
    for (uint32_t i = 0; (name = elf_file_needed(elf, i)); i++) {
        json_put_cstr(buf, name);
    }
    json_close_array(buf);
    json_key(buf, "exports");
    json_open_array(buf);
    const Elf64_Sym *symbol = NULL;
    for (uint64_t i = 1; (symbol = elf_file_symbol(elf, i)); i++) {
        if (symbol->st_shndx != SHN_UNDEF) {
            json_put_cstr(buf, elf_file_symbol_name(elf, symbol));
        }
    }
    json_close_array(buf);
}

static void put_json(struct base_buf *buf, const char *path, const struct elf_file *elf,
                     const struct kit_descriptor *d) {
    json_open_object(buf);
    json_member_cstr(buf, "file", path);
    json_member_u64(buf, "bytes", elf->size);
    json_member_string(buf, "name", d->name.text);
    json_member_string(buf, "version", d->version.text);
    json_member_string(buf, "description", d->description.text);
    json_member_string(buf, "component", d->component.text);
    json_member_string(buf, "component_version", d->component_version.text);
    json_member_u64(buf, "abi_major", d->fields.abi_major);
    json_member_u64(buf, "abi_minor", d->fields.abi_minor);
    json_member_u64(buf, "abi_minor_floor", d->fields.abi_minor_floor);
    json_member_u64(buf, "descriptor_bytes", d->size);
    json_member_u64(buf, "lifecycle_bytes", d->lifecycle_size);
    put_needs(buf, d);
    put_file(buf, elf);
    json_close_object(buf);
}

static void print_text(const char *name, struct kit_text text) {
    (void)printf("%-18s " BASE_FMT "%s\n", name, BASE_ARG(text.text),
                 text.broken ? "(not in the file)" : "");
}

static void print_plain(const char *path, const struct elf_file *elf,
                        const struct kit_descriptor *d) {
    (void)printf("%-18s %s\n", "file", path);
    print_text("name", d->name);
    print_text("version", d->version);
    print_text("description", d->description);
    print_text("component", d->component);
    print_text("component version", d->component_version);
    (void)printf("%-18s %u.%u, works from %u.%u on\n", "ABI", d->fields.abi_major,
                 d->fields.abi_minor, d->fields.abi_major, d->fields.abi_minor_floor);
    for (uint32_t i = 0; i < d->need_count; i++) {
        (void)printf("%-18s " BASE_FMT ", %s\n", i ? "" : "capabilities",
                     BASE_ARG(d->needs[i].id.text),
                     d->needs[i].flags & BERTH_NEED_REQUIRED ? "required" : "optional");
    }
    for (uint32_t i = 0; i < KIT_CALL_COUNT; i++) {
        (void)printf("%-18s %s%s\n", i ? "" : "lifecycle", kit_call_names[i],
                     d->calls[i] ? "" : " (not there)");
    }
    const char *name = NULL;
    for (uint32_t i = 0; (name = elf_file_needed(elf, i)); i++) {
        (void)printf("%-18s %s\n", i ? "" : "libraries", name);
    }
}

static int inspect(const char *path, bool json) {
    struct elf_file elf = {0};
    struct berth_error error = BASE_ERROR_INIT;
    struct kit_descriptor d;
    if (elf_file_open(path, &elf, &error)) {
        (void)fprintf(stderr, "berth-abi inspect: %s\n", error.message);
        return KIT_EXIT_MISUSE;
    }
    kit_descriptor_read(&elf, &d);
    const char *fault = elf_file_fault(&elf);
    if (fault || !d.address) {
        (void)fprintf(stderr, "berth-abi inspect: [%s] is no plugin: %s\n", path,
                      fault ? fault : "it exports no " BERTH_PLUGIN_SYMBOL);
        elf_file_close(&elf);
        return KIT_EXIT_FAILED;
    }
    if (json) {
        BASE_BUF_AUTO buf;
        base_buf_init(&buf, BASE_BUF_MAX_DEFAULT);
        put_json(&buf, path, &elf, &d);
        (void)printf(BASE_FMT "\n", (int)buf.len, buf.ptr ? buf.ptr : "");
    } else {
        print_plain(path, &elf, &d);
    }
    elf_file_close(&elf);
    return KIT_EXIT_OK;
}

int kit_command_inspect(int argc, char **argv) {
    bool json = argc > 0 && strcmp(argv[0], "--json") == 0;
    if (argc != (json ? 2 : 1) || argv[argc - 1][0] == '-') {
        (void)fprintf(stderr, "usage: berth-abi inspect [--json] PLUGIN.so\n");
        return KIT_EXIT_MISUSE;
    }
    return inspect(argv[argc - 1], json);
}
