/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says of this process and this machine.
 */
#ifndef HOST_BASE_PROCESS_H
#define HOST_BASE_PROCESS_H

#include <stdint.h>

struct process_info {
    uint64_t rss_bytes;
    uint64_t virtual_bytes;
    double cpu_seconds; /* user and system */
    uint32_t threads;
    uint32_t open_fds;
    uint32_t max_fds;
};

/* What cannot be read is 0. */
void process_read(struct process_info *out_info);

struct machine_info {
    uint64_t memory_bytes;
    uint64_t memory_available_bytes;
    double load[3];      /* 1, 5, 15 minutes */
    uint32_t processors; /* that this process may run on */
};

void machine_read(struct machine_info *out_info);

#endif
