/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/groups.h"

#include "base/utf8.h"
#include "kit/host/capability_ids.h"

#include <inttypes.h>

static const struct kit_descriptor *descriptor_of(const struct kit_run *run) {
    return &run->subject->descriptor;
}

/* ---- the struct ---- */

static void check_symbol(struct kit_run *run) {
    if (!descriptor_of(run)->address) {
        kit_fail(run, "there is no exported constant [" BERTH_PLUGIN_SYMBOL "] of %u bytes",
                 KIT_DESCRIPTOR_SIZE_FIRST);
    }
}

static void check_constant(struct kit_run *run) {
    const struct elf_file *elf = &run->subject->elf;
    uint64_t address = descriptor_of(run)->address;
    const Elf64_Phdr *p = elf_file_segment_at(elf, address);
    const Elf64_Phdr *relro = elf_file_segment_of_type(elf, PT_GNU_RELRO);
    bool relocated =
        relro && address >= relro->p_vaddr && address < relro->p_vaddr + relro->p_memsz;
    if (p->p_flags & PF_W && relro && !relocated) {
        kit_fail(run, "the descriptor at 0x%" PRIx64 " is a variable", address);
    }
}

/* What is beyond the known size: a byte that is not zero, or a pointer. */
static bool has_tail(const struct elf_file *elf, uint64_t address, const unsigned char *bytes,
                     uint32_t known, uint32_t size) {
    for (uint32_t i = known; i < size; i++) {
        if (bytes[i] || (i % 8 == 0 && elf_file_pointer(elf, address + i))) {
            return true;
        }
    }
    return false;
}

static void check_size(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    if (d->size < KIT_DESCRIPTOR_SIZE_FIRST || !d->bytes) {
        kit_fail(run, "the descriptor says that it has %" PRIu32 " bytes; %s", d->size,
                 d->bytes ? "the first one that was published has 120"
                          : "they are not in the file");
    }
}

static void check_tail(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    if (has_tail(&run->subject->elf, d->address, d->bytes, sizeof d->fields, d->size)) {
        kit_fail(run,
                 "the descriptor has %" PRIu32 " bytes, ABI %u.%u knows %zu, and what is "
                 "beyond is not zero",
                 d->size, BERTH_ABI_MAJOR, BERTH_ABI_MINOR, sizeof d->fields);
    }
}

static void check_major(struct kit_run *run) {
    const struct berth_plugin_descriptor *d = &descriptor_of(run)->fields;
    if (d->abi_major != BERTH_ABI_MAJOR) {
        kit_fail(run, "it is built for ABI %u.%u, this is %u.%u", d->abi_major, d->abi_minor,
                 BERTH_ABI_MAJOR, BERTH_ABI_MINOR);
    }
}

static void check_floor(struct kit_run *run) {
    const struct berth_plugin_descriptor *d = &descriptor_of(run)->fields;
    if (d->abi_minor_floor > d->abi_minor) {
        kit_fail(run, "abi_minor_floor is %u and abi_minor %u: it needs more than it was built for",
                 d->abi_minor_floor, d->abi_minor);
    } else if (d->abi_minor_floor > BERTH_ABI_MINOR) {
        kit_fail(run, "it needs a host of ABI %u.%u or later, this is %u.%u", d->abi_major,
                 d->abi_minor_floor, BERTH_ABI_MAJOR, BERTH_ABI_MINOR);
    }
}

static void check_reserved(struct kit_run *run) {
    const struct berth_plugin_descriptor *d = &descriptor_of(run)->fields;
    if (d->reserved0 || d->reserved1 || d->flags) {
        kit_fail(run,
                 "reserved0 is %u, reserved1 %" PRIu32 ", flags 0x%" PRIx32
                 ": no bit of them has a meaning",
                 d->reserved0, d->reserved1, d->flags);
    }
}

/* ---- texts ---- */

static bool is_utf8(struct berth_str text) {
    const unsigned char *p = (const unsigned char *)text.ptr;
    const unsigned char *end = p + text.len;
    while (p < end) {
        size_t len = base_utf8_length(p, end);
        if (!len) {
            return false;
        }
        p += len;
    }
    return true;
}

static void require_text(struct kit_run *run, const char *field, struct kit_text text,
                         bool required) {
    if (text.broken || text.text.len > KIT_DESCRIPTOR_TEXT_MAX) {
        kit_fail(run, "[%s] is no constant text of at most %u bytes of the file", field,
                 KIT_DESCRIPTOR_TEXT_MAX);
    } else if (required && !text.text.len) {
        kit_fail(run, "[%s] is empty", field);
    } else if (!is_utf8(text.text)) {
        kit_fail(run, "[%s] is no UTF-8", field);
    }
}

static void check_name(struct kit_run *run) {
    struct kit_text name = descriptor_of(run)->name;
    require_text(run, "name", name, true);
    if (!kit_is_plugin_name(name.text)) {
        kit_fail(run, "the name [" BASE_FMT "] is not 1 to 64 lower case letters, digits, _ and -",
                 BASE_ARG(name.text));
    }
}

static void check_version(struct kit_run *run) {
    require_text(run, "version", descriptor_of(run)->version, true);
}

static void check_description(struct kit_run *run) {
    require_text(run, "description", descriptor_of(run)->description, false);
}

static void check_component(struct kit_run *run) {
    require_text(run, "component", descriptor_of(run)->component, false);
    require_text(run, "component_version", descriptor_of(run)->component_version, false);
}

/* ---- capabilities ---- */

static void check_list(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    if (d->fields.capability_count > KIT_CAPABILITIES_MAX) {
        kit_fail(run, "it names %" PRIu32 " capabilities, allowed are %u",
                 d->fields.capability_count, KIT_CAPABILITIES_MAX);
    } else if (d->need_count != d->fields.capability_count) {
        kit_fail(run, "it names %" PRIu32 " capabilities, of which %" PRIu32 " are in the file",
                 d->fields.capability_count, d->need_count);
    }
    for (uint32_t i = 0; i < d->need_count; i++) {
        if (d->needs[i].id.broken) {
            kit_fail(run, "the id of capability %" PRIu32 " is not in the file", i);
        }
    }
}

/* "berth.routes/1": words with dots between, a slash, a number from 1 on. */
static bool is_id(struct berth_str id) {
    uint64_t slash = base_str_find(id, '/');
    int64_t revision = 0;
    bool word = false;
    for (uint64_t i = 0; i < slash; i++) {
        char c = id.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (!letter && !(c == '.' && word)) {
            return false;
        }
        word = letter;
    }
    return word && base_str_i64(base_str_from(id, slash + 1), &revision) && revision > 0;
}

static void check_ids(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    for (uint32_t i = 0; i < d->need_count; i++) {
        if (!is_id(d->needs[i].id.text)) {
            kit_fail(run, "the capability [" BASE_FMT "] is no name/revision, as berth.routes/1 is",
                     BASE_ARG(d->needs[i].id.text));
        }
    }
}

static void check_twice(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    for (uint32_t i = 0; i < d->need_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (base_str_eq(d->needs[i].id.text, d->needs[k].id.text)) {
                kit_fail(run, "it names [" BASE_FMT "] twice", BASE_ARG(d->needs[i].id.text));
            }
        }
    }
}

static void check_known(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    for (uint32_t i = 0; i < d->need_count; i++) {
        struct berth_str id = d->needs[i].id.text;
        if (d->needs[i].flags & BERTH_NEED_REQUIRED && !kit_capability_is_known(id) &&
            !kit_capability_is_draft(id) && is_id(id)) {
            kit_fail(run, "it requires [" BASE_FMT "], which ABI %u.%u does not have", BASE_ARG(id),
                     BERTH_ABI_MAJOR, BERTH_ABI_MINOR);
        }
    }
}

static void check_drafts(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    for (uint32_t i = 0; i < d->need_count; i++) {
        if (d->needs[i].flags & BERTH_NEED_REQUIRED &&
            kit_capability_is_draft(d->needs[i].id.text)) {
            kit_fail(run, "it requires the draft [" BASE_FMT "]", BASE_ARG(d->needs[i].id.text));
        }
    }
}

static void check_need_flags(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    for (uint32_t i = 0; i < d->need_count; i++) {
        if (d->needs[i].flags & ~BERTH_NEED_REQUIRED || d->needs[i].reserved) {
            kit_fail(run,
                     "[" BASE_FMT "] has flags 0x%" PRIx32 " and reserved %" PRIu32
                     ": of flags only BERTH_NEED_REQUIRED has a meaning",
                     BASE_ARG(d->needs[i].id.text), d->needs[i].flags, d->needs[i].reserved);
        }
    }
}

/* ---- the lifecycle ---- */

static void check_lifecycle(struct kit_run *run) {
    if (!descriptor_of(run)->lifecycle_address) {
        kit_fail(run, "the descriptor has no lifecycle");
    }
}

static void check_lifecycle_size(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    if (d->lifecycle_size < KIT_LIFECYCLE_SIZE_FIRST || !d->lifecycle_bytes) {
        kit_fail(run, "the lifecycle says that it has %" PRIu32 " bytes; %s", d->lifecycle_size,
                 d->lifecycle_bytes ? "the first one that was published has 72"
                                    : "they are not in the file");
    }
}

static void check_lifecycle_tail(struct kit_run *run) {
    const struct kit_descriptor *d = descriptor_of(run);
    if (has_tail(&run->subject->elf, d->lifecycle_address, d->lifecycle_bytes,
                 sizeof(struct berth_lifecycle), d->lifecycle_size)) {
        kit_fail(run,
                 "the lifecycle has %" PRIu32 " bytes, ABI %u.%u knows %zu, and what is "
                 "beyond is not zero",
                 d->lifecycle_size, BERTH_ABI_MAJOR, BERTH_ABI_MINOR,
                 sizeof(struct berth_lifecycle));
    }
}

static void check_calls(struct kit_run *run) {
    static const enum kit_call required[] = {KIT_CALL_create, KIT_CALL_start, KIT_CALL_stop,
                                             KIT_CALL_destroy};
    for (size_t i = 0; i < BASE_COUNT(required); i++) {
        if (!descriptor_of(run)->calls[required[i]]) {
            kit_fail(run, "the lifecycle has no [%s]", kit_call_names[required[i]]);
        }
    }
}

static void check_code(struct kit_run *run) {
    for (uint32_t i = 0; i < KIT_CALL_COUNT; i++) {
        uint64_t address = descriptor_of(run)->calls[i];
        const Elf64_Phdr *p = address ? elf_file_segment_at(&run->subject->elf, address) : NULL;
        if (address && (!p || !(p->p_flags & PF_X))) {
            kit_fail(run, "[%s] leads to 0x%" PRIx64 ", where the file has no code",
                     kit_call_names[i], address);
        }
    }
}

#define HAS_SYMBOL "descriptor.symbol"
#define HAS_SIZE "descriptor.size"
#define HAS_LIFECYCLE "descriptor.lifecycle"
#define INITIALISE "initialise it as plugin/template/template.c does: fields by name, the rest zero"

const struct kit_check kit_descriptor_checks[] = {
    {HAS_SYMBOL, 1, "it exports the constant " BERTH_PLUGIN_SYMBOL,
     "define it with BERTH_EXPORT, and link with plugin.map", "binary.elf binary.machine",
     check_symbol, 0},
    {"descriptor.constant", 1, "the descriptor is constant", "define it const", HAS_SYMBOL,
     check_constant, 0},
    {HAS_SIZE, 3, "the descriptor's size is one that was published, and within the file",
     ".size = sizeof berth_plugin", HAS_SYMBOL, check_size, 0},
    {"descriptor.tail", 3, "what the descriptor has beyond this ABI is zero",
     "build against the ABI of the oldest host that it is to work with", HAS_SIZE, check_tail, 0},
    {"descriptor.major", 2, "it is built for this major ABI", "build it against these headers",
     HAS_SIZE, check_major, 0},
    {"descriptor.floor", 2, "it can do with this minor ABI",
     "build it against these headers, or lower abi_minor_floor and do without what came later",
     HAS_SIZE, check_floor, 0},
    {"descriptor.reserved", 3, "reserved fields and flags are zero", INITIALISE, HAS_SIZE,
     check_reserved, 0},
    {"descriptor.name", 5, "the name is 1 to 64 lower case letters, digits, _ and -",
     "choose such a name, as constant text", HAS_SIZE, check_name, 0},
    {"descriptor.version", 5, "the version is constant UTF-8 text of 1 to 512 bytes",
     "set .version with BERTH_STR_INIT", HAS_SIZE, check_version, 0},
    {"descriptor.description", 5, "the description is absent or constant UTF-8 text",
     "set .description with BERTH_STR_INIT", HAS_SIZE, check_description, 0},
    {"descriptor.component", 5, "the component's name and version are absent or constant UTF-8",
     "set them with BERTH_STR_INIT, or leave them out", HAS_SIZE, check_component, 0},
    {"descriptor.capabilities", 2, "the list of capabilities is in the file, and not too long",
     ".capability_count is the number of elements of a constant array", HAS_SIZE, check_list, 0},
    {"descriptor.capability_ids", 2, "each capability is a name and a revision",
     "use the BERTH_…_ID of the capability's header", "descriptor.capabilities", check_ids, 0},
    {"descriptor.capability_twice", 2, "no capability is named twice", "name it once",
     "descriptor.capabilities", check_twice, 0},
    {"descriptor.capability_known", 2, "each capability that it requires is one of this ABI",
     "make it optional and do without it, or build against an ABI that has it",
     "descriptor.capabilities", check_known, 0},
    {"descriptor.capability_drafts", 2, "it requires no draft",
     "make it optional, or wait until it is published", "descriptor.capabilities", check_drafts, 0},
    {"descriptor.capability_flags", 3, "of a capability's flags only known bits are set",
     INITIALISE, "descriptor.capabilities", check_need_flags, 0},
    {HAS_LIFECYCLE, 1, "the descriptor leads to a constant lifecycle", "set .lifecycle", HAS_SIZE,
     check_lifecycle, 0},
    {"descriptor.lifecycle_size", 3, "the lifecycle's size is one that was published",
     ".size = sizeof lifecycle", HAS_LIFECYCLE, check_lifecycle_size, 0},
    {"descriptor.lifecycle_tail", 3, "what the lifecycle has beyond this ABI is zero",
     "build against the ABI of the oldest host that it is to work with",
     "descriptor.lifecycle_size", check_lifecycle_tail, 0},
    {"descriptor.calls", 1, "create, start, stop and destroy are there",
     "write them, if only to return BERTH_OK", "descriptor.lifecycle_size", check_calls, 0},
    {"descriptor.code", 1, "the lifecycle's functions are code of the file",
     "set each to a function, or to NULL", "descriptor.calls", check_code, 0},
};
const uint32_t kit_descriptor_count = BASE_COUNT(kit_descriptor_checks);
