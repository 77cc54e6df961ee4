/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/generation.h"

#include "base/clock.h"
#include "host/plugins/capabilities.h"
#include "host/plugins/probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* While draining, how long between looks at what is in flight. */
#define DRAIN_LOOK_US 1000

const char *generation_state_name(uint32_t state) {
    switch (state) {
#define STATE_NAME(name, number, meaning)                                                          \
    case number:                                                                                   \
        return #name;
        BERTH_STATE_LIST(STATE_NAME)
#undef STATE_NAME
    default:
        return "UNKNOWN";
    }
}

/* ---- the lifecycle table ---- */

enum call {
    CALL_create,
    CALL_start,
    CALL_loop_start,
    CALL_serve,
    CALL_drain,
    CALL_loop_stop,
    CALL_stop,
    CALL_destroy,
    CALL_unload,
};

static const struct {
    uint32_t state;
    enum call call;
    uint32_t after;
} transitions[] = {
#define TRANSITION(from, call, to) {BERTH_STATE_##from, CALL_##call, BERTH_STATE_##to},
    BERTH_LIFECYCLE_TABLE(TRANSITION)
#undef TRANSITION
};

/* The state after a call, or 0 where the table has no row for it. */
static uint32_t state_after(uint32_t state, enum call call) {
    for (size_t i = 0; i < BASE_COUNT(transitions); i++) {
        if (transitions[i].state == state && transitions[i].call == call) {
            return transitions[i].after;
        }
    }
    return 0;
}

static bool may(const struct generation *g, enum call call) {
    return state_after(g->state, call) != 0;
}

static void moved(struct generation *g, enum call call) {
    g->state = state_after(g->state, call);
}

/* ---- loading ---- */

static int32_t io_error(struct berth_error *error, const char *action, const char *path) {
    return base_error(error, errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_IO,
                      "cannot %s the plugin [%s]: %s", action, path, strerror(errno));
}

static int32_t copy_bytes(int from, int to, const char *path, struct berth_error *error) {
    struct stat status;
    if (fstat(from, &status) != 0) {
        return io_error(error, "read", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return base_error(error, BERTH_E_INVALID, "the plugin [%s] is no regular file", path);
    }
    if (status.st_mode & S_IWOTH) {
        return base_error(
            error, BERTH_E_DENIED,
            "the plugin [%s] can be written by everybody (mode %04o): it is code, make "
            "it 0755 or stricter",
            path, (unsigned)status.st_mode & 07777);
    }
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        return base_error(error, BERTH_E_DENIED,
                          "the plugin [%s] belongs to the user %u: it is code, and must belong to "
                          "root or to the user who runs Berth",
                          path, (unsigned)status.st_uid);
    }
    ssize_t n = 0;
    while ((n = sendfile(to, from, NULL, 1 << 20)) > 0) {
    }
    return n < 0 ? io_error(error, "copy", path) : BERTH_OK;
}

/*
 * A name of its own for each generation: the dynamic loader takes a name that it knows for the
 * same code, whatever the file holds.
 */
static int32_t copy_file(struct generation *g, const char *path, uint64_t number,
                         struct berth_error *error) {
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    if (asprintf(&g->file, "%s/%llu-%s", g->services->run_path, (unsigned long long)number, base) <
        0) {
        g->file = NULL;
        return base_error_memory(error);
    }
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return io_error(error, "open", path);
    }
    int to = open(g->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
    int32_t code = to < 0 ? io_error(error, "copy", path) : copy_bytes(from, to, path, error);
    if (to >= 0) {
        (void)close(to);
    }
    (void)close(from);
    return code;
}

static int32_t map_code(struct generation *g, const char *path, struct berth_error *error) {
    g->handle = dlopen(g->file, RTLD_NOW | RTLD_LOCAL);
    if (!g->handle) {
        const char *reason = dlerror();
        return base_error(error, BERTH_E_INVALID, "cannot load the plugin [%s]: %s", path,
                          reason ? reason : "unknown reason");
    }
    const struct berth_plugin_descriptor *descriptor = dlsym(g->handle, BERTH_PLUGIN_SYMBOL);
    if (!descriptor) {
        return base_error(error, BERTH_E_INVALID, "the plugin [%s] lost its descriptor", path);
    }
    g->lifecycle = descriptor->lifecycle;
    return BERTH_OK;
}

/* Which file it was that is refused, whatever its path leads to by now. */
static void add_checksum(const struct generation *g, struct berth_error *error) {
    char sha256[FILE_SHA256_LENGTH + 1];
    if (error && error->code != BERTH_E_NO_MEMORY && !file_sha256(g->file, sha256, NULL)) {
        size_t len = strlen(error->message);
        (void)snprintf(error->message + len, sizeof error->message - len, " (sha256 %s)", sha256);
    }
}

int32_t generation_load(const struct plugin_services *services, const char *path, uint64_t number,
                        uint64_t probe_ms, struct generation **out_generation,
                        struct berth_error *error) {
    struct generation *g = calloc(1, sizeof *g);
    if (!g) {
        return base_error_memory(error);
    }
    g->services = services;
    (void)pthread_mutex_init(&g->jobs_lock, NULL);
    (void)pthread_cond_init(&g->jobs_done, NULL);
    g->state = BERTH_STATE_LOADED;
    struct manifest_offer offer = capabilities_offer();
    int32_t code = copy_file(g, path, number, error);
    if (!code) {
        code = manifest_read(g->file, path, &offer, &g->manifest, error);
        code = code || !probe_ms ? code : probe_plugin(g->file, probe_ms, error);
        code = code ? code : map_code(g, path, error);
        if (code) {
            add_checksum(g, error);
        }
    }
    if (code) {
        (void)generation_unload(g);
        return code;
    }
    (void)snprintf(g->owner, sizeof g->owner, BASE_FMT "#%llu", BASE_ARG(g->manifest.name),
                   (unsigned long long)number);
    g->route_owner.name = g->owner;
    route_set_init(&g->routes, &g->route_owner);
    g->face = (struct berth_host){.size = sizeof g->face,
                                  .abi_major = BERTH_ABI_MAJOR,
                                  .abi_minor = BERTH_ABI_MINOR,
                                  .context = (struct berth_host_context *)(void *)g,
                                  .get_capability = capabilities_get};
    *out_generation = g;
    return BERTH_OK;
}

/* dlclose tells nothing: what is loaded is what the process has mapped. */
static bool is_mapped(const char *file) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[PATH_MAX + 128];
    bool found = false;
    while (maps && !found && fgets(line, sizeof line, maps)) {
        found = strstr(line, file) != NULL;
    }
    if (maps) {
        (void)fclose(maps);
    }
    return found;
}

bool generation_unload(struct generation *g) {
    bool is_gone = true;
    if (!g) {
        return true;
    }
    if (g->handle) {
        (void)dlclose(g->handle);
        char real[PATH_MAX];
        is_gone = !is_mapped(realpath(g->file, real) ? real : g->file);
    }
    if (g->file) {
        (void)unlink(g->file);
        free(g->file);
    }
    route_set_deinit(&g->routes);
    manifest_deinit(&g->manifest);
    (void)pthread_cond_destroy(&g->jobs_done);
    (void)pthread_mutex_destroy(&g->jobs_lock);
    free(g);
    return is_gone;
}

/* ---- up ---- */

int32_t generation_failed(struct generation *g, const char *call, int32_t code,
                          struct berth_error *error) {
    char reason[BERTH_ERROR_MESSAGE_MAX];
    (void)snprintf(reason, sizeof reason, "%s",
                   error->message[0] ? error->message : "it gave no reason");
    return base_error(error, code < 0 ? code : BERTH_E_INTERNAL,
                      "the plugin [" BASE_FMT "] failed in %s: %.700s", BASE_ARG(g->manifest.name),
                      call, reason);
}

int32_t generation_start(struct generation *g, struct berth_error *error) {
    error->message[0] = '\0';
    if (!may(g, CALL_create)) {
        return base_error(error, BERTH_E_STATE, "create is not allowed in state %s",
                          generation_state_name(g->state));
    }
    int32_t code = g->lifecycle->create(&g->face, &g->instance, error);
    if (code) {
        g->state = BERTH_STATE_DESTROYED;
        return generation_failed(g, "create", code, error);
    }
    moved(g, CALL_create);
    code = g->lifecycle->start(g->instance, error);
    if (code) {
        code = generation_failed(g, "start", code, error);
        generation_stop(g);
        return code;
    }
    moved(g, CALL_start);
    return BERTH_OK;
}

struct loops_call {
    struct generation *generation;
    struct berth_error *error;
    int32_t codes[LOOPS_MAX];
    struct berth_error errors[LOOPS_MAX];
};

static void start_loop(struct loop *loop, void *arg) {
    struct loops_call *call = arg;
    struct generation *g = call->generation;
    uint32_t i = loop_index(loop);
    call->errors[i] = (struct berth_error)BASE_ERROR_INIT;
    g->loop_started[i] = true;
    call->codes[i] = g->lifecycle->loop_start
                         ? g->lifecycle->loop_start(
                               g->instance, i, &g->route_owner.loop_contexts[i], &call->errors[i])
                         : BERTH_OK;
    g->loop_started[i] = call->codes[i] == BERTH_OK;
}

int32_t generation_start_loops(struct generation *g, struct berth_error *error) {
    struct loops_call *call = calloc(1, sizeof *call);
    if (!call) {
        generation_stop(g);
        return base_error_memory(error);
    }
    call->generation = g;
    settings_notify(g->services->settings, g->owner);
    loop_run_on_all(g->services->loops, start_loop, call);
    int32_t code = BERTH_OK;
    for (uint32_t i = 0; i < loop_group_count(g->services->loops) && !code; i++) {
        if (call->codes[i]) {
            *error = call->errors[i];
            code = generation_failed(g, "loop_start", call->codes[i], error);
        }
    }
    free(call);
    if (code) {
        generation_stop(g);
    }
    return code;
}

void generation_serve(struct generation *g) {
    if (may(g, CALL_serve)) {
        g->started_ms = base_wall_ms();
        moved(g, CALL_serve);
        if (g->lifecycle->serve) {
            g->lifecycle->serve(g->instance);
        }
    }
}

/* ---- down ---- */

static void stop_loop(struct loop *loop, void *arg) {
    struct generation *g = arg;
    uint32_t i = loop_index(loop);
    if (g->loop_started[i] && g->lifecycle->loop_stop) {
        g->lifecycle->loop_stop(g->instance, i, g->route_owner.loop_contexts[i]);
    }
    /* Also where loop_start failed: it may have made a timer before it did. */
    g->loop_started[i] = false;
    g->route_owner.loop_contexts[i] = NULL;
    uint32_t swept = capabilities_sweep_loop(g, i);
    if (swept) {
        LOG(g->services->log, BERTH_LOG_WARN, "plugin_left_handles",
            LOG_FIELD("plugin", base_cstr(g->owner)));
    }
}

static void wait_for_jobs(struct generation *g) {
    (void)pthread_mutex_lock(&g->jobs_lock);
    while (g->jobs > 0) {
        (void)pthread_cond_wait(&g->jobs_done, &g->jobs_lock);
    }
    (void)pthread_mutex_unlock(&g->jobs_lock);
}

static uint64_t wait_for_requests(struct generation *g, uint64_t deadline_ms) {
    uint64_t end = base_monotonic_ns() + deadline_ms * BASE_NS_PER_MS;
    uint64_t left = 0;
    while ((left = router_in_flight(g->services->router, &g->route_owner)) > 0 &&
           base_monotonic_ns() < end) {
        (void)usleep(DRAIN_LOOK_US);
    }
    return left;
}

uint64_t generation_drain(struct generation *g, uint64_t deadline_ms) {
    if (may(g, CALL_drain)) {
        moved(g, CALL_drain);
        if (g->lifecycle->drain) {
            g->lifecycle->drain(g->instance);
        }
    }
    return g->state == BERTH_STATE_DRAINING ? wait_for_requests(g, deadline_ms) : 0;
}

void generation_stop(struct generation *g) {
    const struct plugin_services *services = g->services;
    bool is_started = may(g, CALL_stop);
    if (is_started) {
        loop_run_on_all(services->loops, stop_loop, g);
    }
    store_unwatch(services->store, g->owner);
    nodes_unwatch(services->nodes, g->owner);
    if (is_started) {
        g->lifecycle->stop(g->instance);
        wait_for_jobs(g);
        moved(g, CALL_stop);
    }
    settings_forget(services->settings, g->owner);
    if (may(g, CALL_destroy)) {
        g->lifecycle->destroy(g->instance);
        moved(g, CALL_destroy);
    }
}

/* ---- for the capabilities ---- */

/*
 * A call that the headers do not allow: counted and logged by the caller. In a build with
 * BERTH_STRICT (the preset debug) the process ends here, where the plugin's author finds the stack.
 */
static void be_strict(void) {
#ifdef BERTH_STRICT
    abort();
#endif
}

int32_t generation_check(struct generation *g, uint32_t states, const char *call,
                         struct berth_error *error) {
    uint32_t state = g->state;
    if (states & (1u << state)) {
        return BERTH_OK;
    }
    g->refused_calls++;
    LOG(g->services->log, BERTH_LOG_ERROR, "plugin_call_refused",
        LOG_FIELD("plugin", base_cstr(g->owner)), LOG_FIELD("call", base_cstr(call)),
        LOG_FIELD("state", base_cstr(generation_state_name(state))));
    be_strict();
    return base_error(error, BERTH_E_STATE, "%s is not allowed in state %s", call,
                      generation_state_name(state));
}

int32_t generation_check_blocking(struct generation *g, uint32_t states, const char *call,
                                  struct berth_error *error) {
    if (!loop_current()) {
        return generation_check(g, states, call, error);
    }
    g->refused_calls++;
    LOG(g->services->log, BERTH_LOG_ERROR, "plugin_call_refused",
        LOG_FIELD("plugin", base_cstr(g->owner)), LOG_FIELD("call", base_cstr(call)),
        LOG_FIELD("thread", BERTH_STR("loop")));
    be_strict();
    return base_error(error, BERTH_E_STATE, "%s may block and is not allowed on a loop", call);
}

void generation_job_begin(struct generation *g) {
    (void)pthread_mutex_lock(&g->jobs_lock);
    g->jobs++;
    (void)pthread_mutex_unlock(&g->jobs_lock);
}

void generation_job_end(struct generation *g) {
    (void)pthread_mutex_lock(&g->jobs_lock);
    if (--g->jobs == 0) {
        (void)pthread_cond_broadcast(&g->jobs_done);
    }
    (void)pthread_mutex_unlock(&g->jobs_lock);
}
