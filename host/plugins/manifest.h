/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plugin says of itself, read from its file, and whether this host can take it.
 *
 * Every refusal names the file, the field, what was expected and what was found.
 */
#ifndef HOST_PLUGINS_MANIFEST_H
#define HOST_PLUGINS_MANIFEST_H

#include <berth/plugin.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_write.h"
#include "host/base/file.h"

/* Capabilities that one plugin may name. */
#define MANIFEST_CAPABILITIES_MAX 64u

enum grant { GRANT_YES, GRANT_UNKNOWN, GRANT_TOO_NEW, GRANT_DRAFT };

struct manifest_capability {
    struct berth_str id;
    bool required;
    enum grant grant;
};

struct manifest {
    struct berth_str path;
    char sha256[FILE_SHA256_LENGTH + 1];
    uint16_t abi_major;
    uint16_t abi_minor;
    uint16_t abi_minor_floor;
    struct berth_str name;
    struct berth_str version;
    struct berth_str description;
    struct berth_str component;
    struct berth_str component_version;
    struct manifest_capability capabilities[MANIFEST_CAPABILITIES_MAX];
    uint32_t capability_count;
    struct base_arena arena;
};

/* The ids that a host grants. */
struct manifest_offer {
    const struct berth_str *ids;
    uint32_t count;
};

/*
 * Reads and judges file, which may be a copy of path; path is what messages name. NOT_FOUND,
 * INVALID, UNSUPPORTED (made for another host), DENIED.
 */
int32_t manifest_read(const char *file, const char *path, const struct manifest_offer *offer,
                      struct manifest *out_manifest, struct berth_error *error);
void manifest_deinit(struct manifest *manifest);

/* "granted", "unknown", … */
const char *manifest_grant_text(enum grant grant);

/* Whether an id was asked for and granted. */
bool manifest_grants(const struct manifest *manifest, struct berth_str id);

#endif
