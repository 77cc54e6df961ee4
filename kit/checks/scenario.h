/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several groups of checks do with a plugin.
 */
#ifndef KIT_CHECKS_SCENARIO_H
#define KIT_CHECKS_SCENARIO_H

#include "kit/checks/groups.h"
#include "kit/host/drive.h"

/* Without these a plugin gives no occasion for what is looked for in its life. */
#define KIT_LIVES "lifecycle.cycle lifecycle.codes"

/* The same for lives that end early because something fails. */
#define KIT_CUTS                                                                                   \
    "lifecycle.never_started lifecycle.no_loops lifecycle.some_loops lifecycle.never_served"

#define KIT_REPLIES KIT_LIVES " routes.reply"

#define KIT_USUAL ((struct kit_config){.fail_fn = KIT_FN_NONE})

/* Shapes of requests: the plain one is the first. */
extern const struct kit_shape kit_plain;

/* One request of a shape to each route, on each loop in turn, and waits for the replies. */
void kit_serve_routes(struct kit_host *host, const struct kit_shape *shape);

/* Tries other values of each setting that can be changed. */
void kit_change_settings(struct kit_host *host);

/* A whole life with requests, and changes that are not its own; then its host is closed. Gives the
 * first failure. */
int32_t kit_live(struct kit_run *run, const struct kit_config *config);

/* A whole life in which nothing is asked of it. */
int32_t kit_live_idle(struct kit_run *run, const struct kit_config *config);

#endif
