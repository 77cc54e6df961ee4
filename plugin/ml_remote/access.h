/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access control of connectors and model groups.
 *
 * It is inactive where its setting is off or where the host has no users; then what only has a
 * meaning with it is refused.
 */
#ifndef ML_REMOTE_ACCESS_H
#define ML_REMOTE_ACCESS_H

#include "plugin/ml_remote/call.h"

/* 400 when a body names access_mode, backend_roles or add_all_backend_roles without effect. */
int32_t ml_access_check_inactive(struct ml_call *call, struct json_value body, const char *what,
                                 const char *setting);

#endif
