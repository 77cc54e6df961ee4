/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a shared object was linked, judged before it is loaded: what would weaken the process, or
 * keep the object from being unloaded.
 */
#ifndef HOST_PLUGINS_ELF_LINKING_H
#define HOST_PLUGINS_ELF_LINKING_H

#include "host/plugins/elf_image.h"

/*
 * INVALID, with the reason, for a stack or data that can be executed, code that is changed when it
 * is loaded, static thread-local storage, a search path of its own, flags that keep it from being
 * unloaded or put it before others, and for exports besides the one that is allowed.
 */
int32_t elf_linking_judge(const struct elf_image *image, const char *path, const char *allowed,
                          struct berth_error *error);

#endif
