/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest plugin, and what can be wrong with one: every FIXTURE_ macro is a value of the
 * descriptor or of the lifecycle, and stands for what it would be in a plugin without fault.
 */
#include <berth/plugin.h>
#include <berth/routes.h>
#include <stdio.h>

#ifndef FIXTURE_MAJOR
#define FIXTURE_MAJOR BERTH_ABI_MAJOR
#endif
#ifndef FIXTURE_MINOR
#define FIXTURE_MINOR BERTH_ABI_MINOR
#endif
#ifndef FIXTURE_FLOOR
#define FIXTURE_FLOOR 0
#endif
#ifndef FIXTURE_SIZE
#define FIXTURE_SIZE sizeof(struct berth_plugin_descriptor)
#endif
#ifndef FIXTURE_TAIL_NUMBER
#define FIXTURE_TAIL_NUMBER 0
#endif
#ifndef FIXTURE_TAIL_POINTER
#define FIXTURE_TAIL_POINTER NULL
#endif
#ifndef FIXTURE_NAME
#define FIXTURE_NAME "fixture"
#endif
#ifndef FIXTURE_VERSION
#define FIXTURE_VERSION "1.2.3"
#endif
#ifndef FIXTURE_CAPABILITY
#define FIXTURE_CAPABILITY BERTH_ROUTES_ID
#endif
#ifndef FIXTURE_NEED
#define FIXTURE_NEED BERTH_NEED_REQUIRED
#endif
#ifndef FIXTURE_CAPABILITY_COUNT
#define FIXTURE_CAPABILITY_COUNT 1
#endif
#ifndef FIXTURE_LIFECYCLE
#define FIXTURE_LIFECYCLE &lifecycle
#endif
#ifndef FIXTURE_LIFECYCLE_SIZE
#define FIXTURE_LIFECYCLE_SIZE sizeof(struct berth_lifecycle)
#endif
#ifndef FIXTURE_CREATE
#define FIXTURE_CREATE create
#endif
#ifndef FIXTURE_START
#define FIXTURE_START start
#endif
#ifndef FIXTURE_STOP
#define FIXTURE_STOP stop
#endif
#ifndef FIXTURE_DESTROY
#define FIXTURE_DESTROY destroy
#endif

/* Each build uses some of these. */
#define SOME __attribute__((unused))

static int instance;

SOME static int32_t create(const struct berth_host *host, void **out_plugin,
                           struct berth_error *error) {
    (void)host;
    (void)error;
    *out_plugin = &instance;
    return BERTH_OK;
}

SOME static int32_t create_fails(const struct berth_host *host, void **out_plugin,
                                 struct berth_error *error) {
    (void)host;
    (void)out_plugin;
    (void)snprintf(error->message, sizeof error->message, "the moon is in the wrong phase");
    return BERTH_E_UNAVAILABLE;
}

SOME static int32_t create_fails_mute(const struct berth_host *host, void **out_plugin,
                                      struct berth_error *error) {
    (void)host;
    (void)out_plugin;
    (void)error;
    return 7; /* not even a code of the list */
}

SOME static int32_t start(void *plugin, struct berth_error *error) {
    (void)plugin;
    (void)error;
    return BERTH_OK;
}

SOME static int32_t start_fails(void *plugin, struct berth_error *error) {
    (void)plugin;
    (void)snprintf(error->message, sizeof error->message, "there is nothing to start");
    return BERTH_E_INVALID;
}

SOME static void stop(void *plugin) {
    (void)plugin;
}

SOME static void destroy(void *plugin) {
    (void)plugin;
}

SOME static const struct berth_lifecycle lifecycle = {
    .size = FIXTURE_LIFECYCLE_SIZE,
    .create = FIXTURE_CREATE,
    .start = FIXTURE_START,
    .stop = FIXTURE_STOP,
    .destroy = FIXTURE_DESTROY,
};

#ifdef FIXTURE_STATIC_TLS
static __thread int counter __attribute__((tls_model("initial-exec"), used));
extern int *fixture_counter(void);
__attribute__((visibility("hidden"))) int *fixture_counter(void) {
    return &counter;
}
#endif
#ifdef FIXTURE_TEXT_RELOCATION
__asm__(".text\n.balign 8\n.quad " BERTH_PLUGIN_SYMBOL "\n");
#endif
#ifdef FIXTURE_WRITABLE_CODE
__asm__(".section .writable_code,\"awx\",@progbits\n.quad 0\n.text\n");
#endif
#ifdef FIXTURE_EXPORTS_MORE
extern BERTH_EXPORT int more(void);
int more(void) {
    return 1;
}
#endif

static const struct berth_capability_need needs[] = {
    {.id = BERTH_STR_INIT(FIXTURE_CAPABILITY), .flags = FIXTURE_NEED},
};

/* A descriptor as a later minor might have grown it. */
struct grown_descriptor {
    struct berth_plugin_descriptor known;
    uint64_t number;
    const void *pointer;
};

#ifdef FIXTURE_HIDDEN
#define SYMBOL "not_berth_plugin"
#else
#define SYMBOL BERTH_PLUGIN_SYMBOL
#endif

extern BERTH_EXPORT const struct grown_descriptor grown __asm__(SYMBOL);
const struct grown_descriptor grown = {
    .known =
        {
            .size = FIXTURE_SIZE,
            .abi_major = FIXTURE_MAJOR,
            .abi_minor = FIXTURE_MINOR,
            .abi_minor_floor = FIXTURE_FLOOR,
            .name = BERTH_STR_INIT(FIXTURE_NAME),
            .version = BERTH_STR_INIT(FIXTURE_VERSION),
            .description = BERTH_STR_INIT("What the loader is tested with"),
            .capabilities = needs,
            .capability_count = FIXTURE_CAPABILITY_COUNT,
            .lifecycle = FIXTURE_LIFECYCLE,
        },
    .number = FIXTURE_TAIL_NUMBER,
    .pointer = FIXTURE_TAIL_POINTER,
};
