/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's configuration: berth.yml, in the style of opensearch.yml, and -E on the command line.
 */
#ifndef HOST_CLI_CONFIG_H
#define HOST_CLI_CONFIG_H

#include "host/settings/settings.h"

/* A configuration file is at most this large, and nested this deep. */
#define CONFIG_FILE_MAX ((size_t)1 << 20)
#define CONFIG_DEPTH_MAX 8

/*
 * Reads a file into a layer: keys flat or nested, values texts or lists of them. Anchors, tags,
 * several documents and a key twice are refused. Messages name file and line.
 */
int32_t config_read(const char *path, struct settings_layer *layer, struct berth_error *error);

/* Sets "key=value" in the layer, over what is there. A value [a, b] is a list. */
int32_t config_override(struct settings_layer *layer, const char *assignment,
                        struct berth_error *error);

#endif
