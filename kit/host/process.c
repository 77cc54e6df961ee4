/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The entries of a folder of /proc that are numbers. */
static uint32_t numbers(const char *folder, bool *out_seen, size_t count) {
    uint32_t found = 0;
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir))) {
        char *end = NULL;
        unsigned long number = strtoul(entry->d_name, &end, 10);
        if (end == entry->d_name || *end) {
            continue;
        }
        found++;
        if (out_seen && number < count && (int)number != dirfd(dir)) {
            out_seen[number] = true;
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
    return found;
}

static uint64_t hash_environment(void) {
    uint64_t hash = 0;
    for (char **variable = environ; variable && *variable; variable++) {
        hash = hash * 31 + base_str_hash(base_cstr(*variable));
    }
    return hash;
}

static uint64_t hash_directory(void) {
    char path[PATH_MAX];
    return getcwd(path, sizeof path) ? base_str_hash(base_cstr(path)) : 0;
}

void kit_process_look(struct kit_process *out_process) {
    struct kit_process *p = out_process;
    memset(p, 0, sizeof *p);
    (void)numbers("/proc/self/fd", p->fds, KIT_FDS_MAX);
    p->threads = numbers("/proc/self/task", NULL, 0);
    for (int i = 1; i < NSIG; i++) {
        (void)sigaction(i, NULL, &p->signals[i]);
    }
    (void)pthread_sigmask(SIG_SETMASK, NULL, &p->mask);
    p->environment = hash_environment();
    p->directory = hash_directory();
    p->locale = base_str_hash(base_cstr(setlocale(LC_ALL, NULL)));
    p->umask = umask(0);
    (void)umask(p->umask);
}

static void compare_fds(const struct kit_process *before, const struct kit_process *now) {
    for (int i = 0; i < KIT_FDS_MAX; i++) {
        if (now->fds[i] && !before->fds[i]) {
            char link[64];
            char target[256];
            (void)snprintf(link, sizeof link, "/proc/self/fd/%d", i);
            ssize_t len = readlink(link, target, sizeof target - 1);
            target[len > 0 ? len : 0] = '\0';
            kit_blame(KIT_BLAME_FD_LEFT, "the descriptor %d (%s) is open after unload", i, target);
        }
    }
}

void kit_process_compare(const struct kit_process *before) {
    struct kit_process now;
    kit_process_look(&now);
    compare_fds(before, &now);
    if (now.threads > before->threads) {
        kit_blame(KIT_BLAME_THREAD_LEFT,
                  "there are %" PRIu32 " threads after unload, and were %" PRIu32 " before it was "
                  "loaded",
                  now.threads, before->threads);
    }
    for (int i = 1; i < NSIG; i++) {
        if (memcmp(&now.signals[i].sa_handler, &before->signals[i].sa_handler,
                   sizeof now.signals[i].sa_handler) != 0) {
            kit_blame(KIT_BLAME_PROCESS, "the handler of signal %d has changed", i);
        }
    }
    const struct {
        const char *name;
        bool same;
    } parts[] = {
        {"mask of signals", memcmp(&now.mask, &before->mask, sizeof now.mask) == 0},
        {"environment", now.environment == before->environment},
        {"working directory", now.directory == before->directory},
        {"locale", now.locale == before->locale},
        {"mask of file modes", now.umask == before->umask},
    };
    for (size_t i = 0; i < BASE_COUNT(parts); i++) {
        if (!parts[i].same) {
            kit_blame(KIT_BLAME_PROCESS, "the %s has changed", parts[i].name);
        }
    }
}
