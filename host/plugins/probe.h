/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trying a plugin's code in a process of its own, where it can crash or hang.
 */
#ifndef HOST_PLUGINS_PROBE_H
#define HOST_PLUGINS_PROBE_H

#include "base/error.h"

/*
 * Has a child process create and start the plugin in the file, on an empty store, and stop it
 * again. INVALID with what the child said, or how it ended; TIMEOUT. May block.
 */
int32_t probe_plugin(const char *file, uint64_t timeout_ms, struct berth_error *error);

#endif
