/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one symbol that a plugin exports, and the host as the plugin sees it.
 *
 * A plugin is a shared object that exports `berth_plugin`, a const descriptor, and nothing else;
 * it links no symbol of the host. The host reads the descriptor from the file, without running
 * it, decides whether the two fit, and answers for each capability that the plugin names: granted,
 * too old, unknown, denied. Only then is the file loaded.
 */
#ifndef BERTH_PLUGIN_H
#define BERTH_PLUGIN_H

#include "error.h"
#include "lifecycle.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

/*
 * A different major is refused. The minor counts additions: a plugin built against minor N works
 * with hosts from its abi_minor_floor on, and is refused by older ones.
 */
#define BERTH_ABI_MAJOR 1
#define BERTH_ABI_MINOR 0

/* The name of the exported descriptor. */
#define BERTH_PLUGIN_SYMBOL "berth_plugin"

/* berth_capability_need.flags */
#define BERTH_NEED_REQUIRED 1u
#define BERTH_NEED_OPTIONAL 0u

/* A capability that the plugin asks for, by id and revision, such as "berth.routes/1". */
struct berth_capability_need {
    struct berth_str id;
    uint32_t flags;
    uint32_t reserved;
};
BERTH_ASSERT_SIZE(struct berth_capability_need, 24);
BERTH_ASSERT_OFFSET(struct berth_capability_need, flags, 16);

/*
 * What a plugin says of itself. Constant data: every pointer in it leads to constant data of the
 * same file, so that it can be read from the file without running any of its code.
 */
struct berth_plugin_descriptor {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint16_t abi_minor_floor;
    uint16_t reserved0;
    uint32_t flags;
    struct berth_str name;
    struct berth_str version;
    struct berth_str description;
    /* What listings for clients of another system call it; absent: name and version. */
    struct berth_str component;
    struct berth_str component_version;
    const struct berth_capability_need *capabilities;
    uint32_t capability_count;
    uint32_t reserved1;
    const struct berth_lifecycle *lifecycle;
};
BERTH_ASSERT_SIZE(struct berth_plugin_descriptor, 120);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, abi_major, 4);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, abi_minor, 6);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, abi_minor_floor, 8);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, flags, 12);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, name, 16);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, version, 32);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, description, 48);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, component, 64);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, component_version, 80);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, capabilities, 96);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, capability_count, 104);
BERTH_ASSERT_OFFSET(struct berth_plugin_descriptor, lifecycle, 112);

/* The host, as one generation of one plugin sees it; the first argument of every capability. */
struct berth_host {
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    struct berth_host_context *context;

    /*
     * Gives the table of a capability that the descriptor names. The pointer leads to a constant
     * struct of the capability's header, which begins with its size.
     * @thread any
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the host owns the table; it is valid until destroy has returned
     * @errors NOT_FOUND DENIED STATE
     */
    int32_t (*get_capability)(const struct berth_host *host, struct berth_str id,
                              const void **out_table, struct berth_error *error);
};
BERTH_ASSERT_SIZE(struct berth_host, 24);
BERTH_ASSERT_OFFSET(struct berth_host, abi_major, 4);
BERTH_ASSERT_OFFSET(struct berth_host, abi_minor, 6);
BERTH_ASSERT_OFFSET(struct berth_host, context, 8);
BERTH_ASSERT_OFFSET(struct berth_host, get_capability, 16);

/* A plugin defines this, as: BERTH_EXPORT const struct berth_plugin_descriptor berth_plugin = … */
extern BERTH_EXPORT const struct berth_plugin_descriptor berth_plugin;

BERTH_EXTERN_C_END

#endif
