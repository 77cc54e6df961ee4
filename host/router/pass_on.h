/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a request another node is given that is to answer it in this one's place: what is the
 * plugin's of it. The rest is this node's: it has dealt with it, or does so with the answer.
 */
#ifndef HOST_ROUTER_PASS_ON_H
#define HOST_ROUTER_PASS_ON_H

#include "base/buf.h"
#include "base/error.h"

struct berth_request;

/* Appends path and query as they are sent; of the query the parameters that the route registered.
 */
void pass_on_put_target(const struct berth_request *request, struct base_buf *out);

/* Appends each header as "name: value" and a zero; returns how many. */
uint32_t pass_on_put_headers(const struct berth_request *request, struct base_buf *out);

#endif
