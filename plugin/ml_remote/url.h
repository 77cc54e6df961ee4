/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a URL, and what errors say of one: what may be a secret in it, a user's password or
 * a key in the query, is left out.
 */
#ifndef ML_REMOTE_URL_H
#define ML_REMOTE_URL_H

#include "base/str.h"

/* Between "://", or "//" at the start, and the path; empty where there is none. */
struct berth_str ml_url_authority(struct berth_str url);
/* The authority without a user: host, or host:port. */
struct berth_str ml_url_host(struct berth_str url);
/* Up to the end of the authority: "https://host:port"; empty where there is none. */
struct berth_str ml_url_origin(struct berth_str url);
/* Up to the query or fragment; of a URL with a user the host alone. */
struct berth_str ml_url_shown(struct berth_str url);

#endif
