/* SPDX-License-Identifier: Apache-2.0 */
/* Loading and unloading a plugin, and the host that it is shown. */
#include "kit/host/drive.h"

#include "base/error.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

static const struct {
    struct berth_str id;
    const void *table;
    size_t size;
} capabilities[KIT_TABLES] = {
#define CAPABILITY(name, id) {BERTH_STR_INIT(id), &kit_##name##_v1, sizeof kit_##name##_v1},
    KIT_CAPABILITIES(CAPABILITY)
#undef CAPABILITY
};

/* ---- what the plugin asks for ---- */

static const struct kit_need *need_of(const struct kit_host *host, struct berth_str id) {
    const struct kit_descriptor *d = &host->run->subject->descriptor;
    for (uint32_t i = 0; i < d->need_count; i++) {
        if (base_str_eq(d->needs[i].id.text, id)) {
            return &d->needs[i];
        }
    }
    return NULL;
}

static int32_t get_capability(const struct berth_host *face, struct berth_str id,
                              const void **out_table, struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    const struct kit_config *config = &host->config;
    int32_t code = kit_enter(host, KIT_FN_berth_host_get_capability);
    const struct kit_need *need = need_of(host, id);
    if (!need) {
        kit_blame(KIT_BLAME_UNDECLARED,
                  "it asks for [" BASE_FMT "], which its descriptor does not "
                  "name",
                  BASE_ARG(id));
        code = BERTH_E_DENIED;
    } else if (base_str_eq(id, config->denied)) {
        code = config->denied_code;
    } else if (config->optional_denied && !(need->flags & BERTH_NEED_REQUIRED)) {
        code = BERTH_E_NOT_FOUND;
    }
    for (size_t i = 0; i < KIT_TABLES && !code; i++) {
        if (base_str_eq(capabilities[i].id, id)) {
            *out_table = host->tables[i];
            return BERTH_OK;
        }
    }
    code = code ? code : BERTH_E_NOT_FOUND;
    return base_error(error, code, "the kit does not give [" BASE_FMT "]", BASE_ARG(id));
}

/* A copy, larger by some bytes, whose first word is its size. */
static void *grown(const void *table, size_t size, uint32_t more, uint8_t tail) {
    unsigned char *copy = kit_alloc(size + more);
    uint32_t total = (uint32_t)size + more;
    memcpy(copy, table, size);
    memset(copy + size, tail, more);
    memcpy(copy, &total, sizeof total);
    return copy;
}

static void make_tables(struct kit_host *host) {
    const struct kit_config *config = &host->config;
    uint16_t minor = (uint16_t)(BERTH_ABI_MINOR + config->more_minors);
    struct berth_host face = {.size = sizeof face,
                              .abi_major = BERTH_ABI_MAJOR,
                              .abi_minor = minor,
                              .context = (struct berth_host_context *)(void *)host,
                              .get_capability = get_capability};
    host->face_size = sizeof face + config->grow_host;
    host->face = grown(&face, sizeof face, config->grow_host, config->tail);
    host->face_copy = grown(&face, sizeof face, config->grow_host, config->tail);
    for (size_t i = 0; i < KIT_TABLES; i++) {
        const void *table = capabilities[i].table;
        host->table_sizes[i] = capabilities[i].size + config->grow_tables;
        host->tables[i] = grown(table, capabilities[i].size, config->grow_tables, config->tail);
        host->table_copies[i] =
            grown(table, capabilities[i].size, config->grow_tables, config->tail);
    }
}

static void compare_tables(struct kit_host *host) {
    if (memcmp(host->face, host->face_copy, host->face_size) != 0) {
        kit_blame(KIT_BLAME_HOST, "it has written into its struct berth_host");
    }
    for (size_t i = 0; i < KIT_TABLES; i++) {
        if (memcmp(host->tables[i], host->table_copies[i], host->table_sizes[i]) != 0) {
            kit_blame(KIT_BLAME_TABLE, "it has written into the table of [" BASE_FMT "]",
                      BASE_ARG(capabilities[i].id));
        }
        free(host->tables[i]);
        free(host->table_copies[i]);
    }
    free(host->face);
    free(host->face_copy);
}

/* ---- the file ---- */

static bool copy_bytes(int from, int to) {
    ssize_t n = 0;
    while ((n = sendfile(to, from, NULL, (size_t)1 << 24)) > 0) {
    }
    return n == 0;
}

/* A copy under a name of its own: the dynamic loader takes a known name for the same code. */
static char *copy_file(const char *path) {
    const char *folder = getenv("TMPDIR");
    char *name = kit_alloc(PATH_MAX);
    (void)snprintf(name, PATH_MAX, "%s/berth-abi-XXXXXX.so", folder ? folder : "/tmp");
    int to = mkstemps(name, 3);
    FILE *from = fopen(path, "re");
    bool copied = to >= 0 && from && copy_bytes(fileno(from), to);
    if (from) {
        (void)fclose(from);
    }
    if (to >= 0) {
        (void)close(to);
    }
    if (!copied) {
        free(name);
        return NULL;
    }
    return name;
}

static bool load(struct kit_host *host) {
    struct kit_run *run = host->run;
    host->file =
        host->config.copy ? copy_file(run->subject->path) : realpath(run->subject->path, NULL);
    if (!host->file) {
        kit_fail(run, "the file cannot be copied or found");
        return false;
    }
    kit_phase(run, "dlopen, with its constructors");
    host->code = dlopen(host->file, RTLD_NOW | RTLD_LOCAL);
    if (host->config.copy) {
        (void)unlink(host->file);
    }
    const struct berth_plugin_descriptor *d =
        host->code ? dlsym(host->code, BERTH_PLUGIN_SYMBOL) : NULL;
    struct link_map *map = NULL;
    if (!d || dlinfo(host->code, RTLD_DI_LINKMAP, &map) != 0) {
        const char *reason = dlerror();
        kit_fail(run, "it cannot be loaded: %s", reason ? reason : "the descriptor is gone");
        return false;
    }
    host->lifecycle = d->lifecycle;
    if (!kit_memory_patch(&run->subject->elf, map->l_addr)) {
        kit_fail(run, "its table of functions cannot be made writable");
        return false;
    }
    return true;
}

/* Whether code of the file is mapped: its bytes are, since the kit reads them. */
static bool is_mapped(const char *file) {
    char line[PATH_MAX + 256];
    bool mapped = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps)) {
        mapped = mapped || (strstr(line, file) && strstr(line, " r-xp "));
    }
    if (maps) {
        (void)fclose(maps);
    }
    return mapped;
}

static void unload(struct kit_host *host) {
    if (host->code) {
        kit_phase(host->run, "dlclose, with its destructors");
        (void)dlclose(host->code);
        if (is_mapped(host->file)) {
            kit_blame(KIT_BLAME_CODE_LEFT, "it is still mapped after it was unloaded");
        }
    }
    free(host->file);
}

/* ---- the host ---- */

struct kit_host *kit_host_open(struct kit_run *run, const struct kit_config *config) {
    struct kit_host *host = kit_alloc(sizeof *host);
    host->run = run;
    host->config = *config;
    atomic_store(&host->state, BERTH_STATE_LOADED);
    (void)pthread_mutex_init(&host->lock, NULL);
    (void)pthread_mutex_init(&host->feed, NULL);
    (void)pthread_cond_init(&host->changed, NULL);
    (void)kit_role_set(KIT_ROLE_CONTROL, 0);
    make_tables(host);
    if (!kit_loops_open(host) || !kit_workers_open(host)) {
        kit_fail(run, "the kit could not start its threads");
        return NULL; /* the process ends with the check */
    }
    if (!load(host)) {
        return NULL;
    }
    return host;
}

void kit_host_close(struct kit_host *host) {
    if (!host) {
        return;
    }
    kit_loops_close(host);
    kit_workers_close(host);
    unload(host);
    kit_handles_free(host);
    kit_memory_account();
    compare_tables(host);
    kit_requests_free(host);
    kit_routes_free(host);
    kit_settings_free(host);
    kit_store_free(host);
    kit_state_free(host);
    (void)pthread_cond_destroy(&host->changed);
    (void)pthread_mutex_destroy(&host->feed);
    (void)pthread_mutex_destroy(&host->lock);
    free(host);
}
