/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two tables of functions share. Internal to process*.c.
 */
#ifndef ML_REMOTE_PROCESS_INTERNAL_H
#define ML_REMOTE_PROCESS_INTERNAL_H

#include "plugin/ml_remote/call.h"
#include "plugin/ml_remote/process.h"

/* The name of the function that a text stands for: itself, or what a known script does. */
struct berth_str ml_process_name(struct berth_str text);

/* INVALID for a text that stands for no function. field: the member that holds it. */
int32_t ml_process_unknown(const char *field, struct berth_str text, bool is_post,
                           struct berth_error *error);

void ml_pre_each(void (*fn)(void *user, const char *name, bool is_post), void *user);
void ml_post_each(void (*fn)(void *user, const char *name, bool is_post), void *user);

#endif
