/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's own allocations: counted, made to fail, and looked for when it is gone.
 *
 * The addresses of malloc and its kin are replaced in the plugin's table of functions alone: what
 * libraries allocate for themselves is not the plugin's fault. This also works where the process's
 * allocator is a sanitizer's.
 */
#ifndef KIT_HOST_MEMORY_H
#define KIT_HOST_MEMORY_H

#include "kit/host/ledger.h"

/* What the plugin was doing when it allocated. */
enum kit_era {
    KIT_ERA_CREATE,
    KIT_ERA_START,
    KIT_ERA_LOOPS,
    KIT_ERA_REQUESTS,
    KIT_ERA_SETTINGS,
    KIT_ERA_STOP,
    KIT_ERA_COUNT,
};

/* Puts itself into a loaded plugin. base: where it is loaded. */
bool kit_memory_patch(const struct elf_file *elf, uint64_t base);

void kit_memory_era(enum kit_era era);

/* Has the n-th allocation from now on fail, once; 0: none. */
void kit_memory_fail(uint64_t nth);
/* How many have failed so. */
uint64_t kit_memory_failures(void);

/* Blames what is still allocated, by its era, and forgets it. */
void kit_memory_account(void);

/* Memory of the kit's host that the plugin is given and must not free. */
void kit_memory_own(const void *pointer);
void kit_memory_disown(const void *pointer);

#endif
