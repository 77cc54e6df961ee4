/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the process a plugin could leave changed: descriptors, threads, signals, environment,
 * working directory, mask of file modes, locale.
 */
#ifndef KIT_HOST_PROCESS_H
#define KIT_HOST_PROCESS_H

#include <signal.h>

#include "kit/host/ledger.h"

#define KIT_FDS_MAX 512

struct kit_process {
    bool fds[KIT_FDS_MAX];
    uint32_t threads;
    struct sigaction signals[NSIG];
    sigset_t mask;
    uint64_t environment;
    uint64_t directory;
    uint64_t locale;
    uint32_t umask;
};

void kit_process_look(struct kit_process *out_process);

/* Blames what has changed since. */
void kit_process_compare(const struct kit_process *before);

#endif
