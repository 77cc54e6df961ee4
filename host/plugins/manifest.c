/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/manifest.h"

#include "host/plugins/elf_linking.h"

#include "host/plugins/elf_image.h"

#include <stddef.h>
#include <stdlib.h>

#define ARENA_CHUNK 1024
#define TEXT_MAX 512
#define DRAFT_PREFIX "berth.draft."

/* The sizes of the first published structs: smaller ones never were. */
#define DESCRIPTOR_SIZE_FIRST 120u
#define LIFECYCLE_SIZE_FIRST 72u

struct reading {
    const char *path;
    struct elf_image image;
    uint64_t address; /* of the descriptor */
    struct manifest *manifest;
    struct berth_error *error;
};

const char *manifest_grant_text(enum grant grant) {
    static const char *const texts[] = {
        [GRANT_YES] = "granted",
        [GRANT_UNKNOWN] = "unknown to this host",
        [GRANT_TOO_NEW] = "of a later revision than this host has",
        [GRANT_DRAFT] = "a draft, and drafts are not allowed",
    };
    return texts[grant];
}

/* A text whose struct berth_str stands at an address. */
static int32_t read_text(struct reading *r, uint64_t at, const char *field, bool required,
                         struct berth_str *out) {
    const unsigned char *view = elf_image_at(&r->image, at, sizeof(struct berth_str));
    uint64_t len = 0;
    if (view) {
        memcpy(&len, view + offsetof(struct berth_str, len), sizeof len);
    }
    uint64_t target = elf_image_pointer(&r->image, at);
    if (len == 0 && !required) {
        *out = base_str("", 0);
        return BERTH_OK;
    }
    const unsigned char *text = len <= TEXT_MAX ? elf_image_at(&r->image, target, len) : NULL;
    if (!text || len == 0) {
        return base_error(r->error, BERTH_E_INVALID,
                          "[%s]: the descriptor's [%s] is no constant text of 1 to %d bytes",
                          r->path, field, TEXT_MAX);
    }
    *out = base_arena_dup(&r->manifest->arena, base_str((const char *)text, (size_t)len));
    return out->ptr ? BERTH_OK : base_error_memory(r->error);
}

/* Sizes: the first published one is the least; a larger one than known must end in zeros. */
static int32_t check_size(struct reading *r, uint64_t at, const char *what, uint32_t first,
                          uint32_t known) {
    const unsigned char *bytes = elf_image_at(&r->image, at, sizeof(uint32_t));
    uint32_t size = 0;
    if (bytes) {
        memcpy(&size, bytes, sizeof size);
    }
    if (size < first) {
        return base_error(
            r->error, BERTH_E_INVALID,
            "[%s]: the %s says that it has %u bytes, the first one that was published "
            "has %u",
            r->path, what, size, first);
    }
    bytes = elf_image_at(&r->image, at, size);
    if (!bytes) {
        return base_error(r->error, BERTH_E_INVALID,
                          "[%s]: the %s says that it has %u bytes, which are not in the file",
                          r->path, what, size);
    }
    for (uint64_t i = known; i < size; i++) {
        if (bytes[i] != 0 || (i % 8 == 0 && elf_image_pointer(&r->image, at + i))) {
            return base_error(
                r->error, BERTH_E_UNSUPPORTED,
                "[%s]: the %s has %u bytes, this host knows %u, and what is beyond is "
                "not zero: it uses what came later",
                r->path, what, size, known);
        }
    }
    return BERTH_OK;
}

static int32_t check_versions(struct reading *r) {
    struct manifest *m = r->manifest;
    const unsigned char *d = elf_image_at(&r->image, r->address, DESCRIPTOR_SIZE_FIRST);
    memcpy(&m->abi_major, d + offsetof(struct berth_plugin_descriptor, abi_major), 2);
    memcpy(&m->abi_minor, d + offsetof(struct berth_plugin_descriptor, abi_minor), 2);
    memcpy(&m->abi_minor_floor, d + offsetof(struct berth_plugin_descriptor, abi_minor_floor), 2);
    if (m->abi_major != BERTH_ABI_MAJOR) {
        return base_error(r->error, BERTH_E_UNSUPPORTED,
                          "[%s] is built for ABI %u.%u, this host has %u.%u: a different major "
                          "number is another ABI",
                          r->path, m->abi_major, m->abi_minor, BERTH_ABI_MAJOR, BERTH_ABI_MINOR);
    }
    if (m->abi_minor_floor > BERTH_ABI_MINOR) {
        return base_error(r->error, BERTH_E_UNSUPPORTED,
                          "[%s] needs a host of ABI %u.%u or later, this one has %u.%u", r->path,
                          m->abi_major, m->abi_minor_floor, BERTH_ABI_MAJOR, BERTH_ABI_MINOR);
    }
    return BERTH_OK;
}

/* "name/3" split into its name and 3. */
static struct berth_str split_id(struct berth_str id, int64_t *out_revision) {
    uint64_t slash = base_str_find(id, '/');
    if (!base_str_i64(base_str_from(id, slash + 1), out_revision)) {
        *out_revision = 0;
    }
    return base_str_slice(id, 0, slash);
}

static enum grant judge(const struct manifest_offer *offer, struct berth_str id) {
    int64_t wanted = 0;
    struct berth_str name = split_id(id, &wanted);
    enum grant grant = GRANT_UNKNOWN;
    for (uint32_t i = 0; i < offer->count; i++) {
        int64_t revision = 0;
        if (base_str_eq(offer->ids[i], id)) {
            return GRANT_YES;
        }
        if (base_str_eq(split_id(offer->ids[i], &revision), name) && wanted > revision) {
            grant = GRANT_TOO_NEW;
        }
    }
    return grant == GRANT_UNKNOWN && base_str_starts(id, BERTH_STR(DRAFT_PREFIX)) ? GRANT_DRAFT
                                                                                  : grant;
}

static int32_t read_capabilities(struct reading *r, const struct manifest_offer *offer) {
    struct manifest *m = r->manifest;
    uint64_t at = r->address + offsetof(struct berth_plugin_descriptor, capability_count);
    memcpy(&m->capability_count, elf_image_at(&r->image, at, 4), 4);
    if (m->capability_count > MANIFEST_CAPABILITIES_MAX) {
        return base_error(r->error, BERTH_E_INVALID,
                          "[%s]: the descriptor names %u capabilities, allowed are %u", r->path,
                          m->capability_count, MANIFEST_CAPABILITIES_MAX);
    }
    uint64_t list = elf_image_pointer(
        &r->image, r->address + offsetof(struct berth_plugin_descriptor, capabilities));
    for (uint32_t i = 0; i < m->capability_count; i++) {
        struct manifest_capability *c = &m->capabilities[i];
        uint64_t need = list + i * sizeof(struct berth_capability_need);
        int32_t code = read_text(r, need, "capabilities", true, &c->id);
        const unsigned char *flags =
            elf_image_at(&r->image, need + offsetof(struct berth_capability_need, flags), 4);
        if (code || !flags) {
            return code ? code
                        : base_error(r->error, BERTH_E_INVALID,
                                     "[%s]: the list of capabilities is not in the file", r->path);
        }
        uint32_t value = 0;
        memcpy(&value, flags, sizeof value);
        c->required = value & BERTH_NEED_REQUIRED;
        c->grant = judge(offer, c->id);
        if (c->required && c->grant != GRANT_YES) {
            return base_error(r->error, BERTH_E_UNSUPPORTED,
                              "[%s] requires the capability [" BASE_FMT "], which is %s", r->path,
                              BASE_ARG(c->id), manifest_grant_text(c->grant));
        }
    }
    return BERTH_OK;
}

static int32_t check_lifecycle(struct reading *r) {
    static const struct {
        const char *name;
        size_t offset;
    } required[] = {{"create", offsetof(struct berth_lifecycle, create)},
                    {"start", offsetof(struct berth_lifecycle, start)},
                    {"stop", offsetof(struct berth_lifecycle, stop)},
                    {"destroy", offsetof(struct berth_lifecycle, destroy)}};
    uint64_t at = elf_image_pointer(
        &r->image, r->address + offsetof(struct berth_plugin_descriptor, lifecycle));
    if (!at) {
        return base_error(r->error, BERTH_E_INVALID, "[%s]: the descriptor has no lifecycle",
                          r->path);
    }
    int32_t code =
        check_size(r, at, "lifecycle", LIFECYCLE_SIZE_FIRST, sizeof(struct berth_lifecycle));
    for (size_t i = 0; i < BASE_COUNT(required) && !code; i++) {
        if (!elf_image_pointer(&r->image, at + required[i].offset)) {
            code = base_error(r->error, BERTH_E_INVALID,
                              "[%s]: the lifecycle has no [%s], which is required", r->path,
                              required[i].name);
        }
    }
    return code;
}

static bool is_name(struct berth_str name) {
    for (uint64_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) {
            return false;
        }
    }
    return name.len > 0 && name.len <= 64;
}

static int32_t read_descriptor(struct reading *r, const struct manifest_offer *offer) {
    struct manifest *m = r->manifest;
    uint64_t size = 0;
    if (!elf_image_symbol(&r->image, BERTH_PLUGIN_SYMBOL, &r->address, &size)) {
        return base_error(r->error, BERTH_E_INVALID, "[%s] is no plugin: it exports no symbol [%s]",
                          r->path, BERTH_PLUGIN_SYMBOL);
    }
    int32_t code = check_size(r, r->address, "descriptor", DESCRIPTOR_SIZE_FIRST,
                              sizeof(struct berth_plugin_descriptor));
    code = code ? code : check_versions(r);
    const struct {
        const char *name;
        size_t offset;
        bool required;
        struct berth_str *out;
    } texts[] = {
        {"name", offsetof(struct berth_plugin_descriptor, name), true, &m->name},
        {"version", offsetof(struct berth_plugin_descriptor, version), true, &m->version},
        {"description", offsetof(struct berth_plugin_descriptor, description), false,
         &m->description},
        {"component", offsetof(struct berth_plugin_descriptor, component), false, &m->component},
        {"component_version", offsetof(struct berth_plugin_descriptor, component_version), false,
         &m->component_version},
    };
    for (size_t i = 0; i < BASE_COUNT(texts) && !code; i++) {
        code = read_text(r, r->address + texts[i].offset, texts[i].name, texts[i].required,
                         texts[i].out);
    }
    if (!code && !is_name(m->name)) {
        code = base_error(r->error, BERTH_E_INVALID,
                          "[%s]: the name [" BASE_FMT
                          "] is not 1 to 64 lower case letters, digits, _ and -",
                          r->path, BASE_ARG(m->name));
    }
    code = code ? code : check_lifecycle(r);
    return code ? code : read_capabilities(r, offer);
}

int32_t manifest_read(const char *file, const char *path, const struct manifest_offer *offer,
                      struct manifest *out_manifest, struct berth_error *error) {
    struct reading r = {.path = path, .manifest = out_manifest, .error = error};
    *out_manifest = (struct manifest){0};
    base_arena_init(&out_manifest->arena, ARENA_CHUNK);
    int32_t code = elf_image_open(file, path, &r.image, error);
    code = code ? code : file_sha256(file, out_manifest->sha256, error);
    if (!code) {
        out_manifest->path = base_arena_dup(&out_manifest->arena, base_cstr(path));
        code = out_manifest->path.ptr ? BERTH_OK : base_error_memory(error);
    }
    code = code ? code : read_descriptor(&r, offer);
    code = code ? code : elf_linking_judge(&r.image, path, BERTH_PLUGIN_SYMBOL, error);
    elf_image_close(&r.image);
    if (code) {
        manifest_deinit(out_manifest);
    }
    return code;
}

void manifest_deinit(struct manifest *manifest) {
    base_arena_deinit(&manifest->arena);
}

bool manifest_grants(const struct manifest *manifest, struct berth_str id) {
    for (uint32_t i = 0; i < manifest->capability_count; i++) {
        if (base_str_eq(manifest->capabilities[i].id, id)) {
            return manifest->capabilities[i].grant == GRANT_YES;
        }
    }
    return false;
}
