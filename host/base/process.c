/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/process.h"

#include "host/base/file.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number behind "name:" in a file such as /proc/self/status, in KiB there, in bytes here. */
static uint64_t kib_field(const char *path, const char *name) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, 65536);
    if (file_read(path, &text, NULL)) {
        return 0;
    }
    base_buf_char(&text, '\0');
    const char *at = text.error ? NULL : strstr(text.ptr, name);
    return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static uint32_t count_entries(const char *path) {
    uint32_t count = 0;
    DIR *directory = opendir(path);
    while (directory && readdir(directory)) {
        count++;
    }
    if (directory) {
        (void)closedir(directory);
    }
    return count > 2 ? count - 2 : 0; /* without . and .. */
}

void process_read(struct process_info *out_info) {
    *out_info = (struct process_info){.rss_bytes = kib_field("/proc/self/status", "\nVmRSS:"),
                                      .virtual_bytes = kib_field("/proc/self/status", "\nVmSize:"),
                                      .threads = count_entries("/proc/self/task"),
                                      .open_fds = count_entries("/proc/self/fd")};
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        out_info->cpu_seconds = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        out_info->max_fds = limit.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)limit.rlim_cur;
    }
}

void machine_read(struct machine_info *out_info) {
    *out_info = (struct machine_info){.memory_bytes = kib_field("/proc/meminfo", "MemTotal:"),
                                      .memory_available_bytes =
                                          kib_field("/proc/meminfo", "MemAvailable:")};
    (void)getloadavg(out_info->load, 3);
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        out_info->processors = (uint32_t)CPU_COUNT(&set);
    }
    if (out_info->processors == 0) {
        out_info->processors = 1;
    }
}
