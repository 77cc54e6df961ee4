/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: a line for each request that changes something or is refused, with who made it,
 * from where, and what came of it. It holds no bodies, headers or query strings. On the loop.
 */
#ifndef HOST_ROUTER_AUDIT_H
#define HOST_ROUTER_AUDIT_H

#include "host/router/rest_request.h"

/* Writes the line of a request that is about to be answered, where there is an audit log. */
void audit_request(const struct berth_request *request, uint32_t status);

#endif
