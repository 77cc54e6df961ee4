/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator of this machine orders without a password: over a socket in the data directory,
 * by SIGHUP, and by putting a plugin's new file in place.
 *
 * The socket is the owner's alone, and root's. A connection is one order as a line of JSON
 * (host/admin/orders.h), and one line of JSON as its answer.
 */
#ifndef HOST_ADMIN_ADMIN_H
#define HOST_ADMIN_ADMIN_H

#include "host/admin/orders.h"

/* Below the data directory. */
#define ADMIN_SOCKET "berth.sock"
/* A line, at most. */
#define ADMIN_LINE_MAX 65536u

struct admin;

/*
 * Begins to listen, on a thread of its own. watch_files: a file that is renamed to the place of a
 * loaded one is loaded. data_path and log are borrowed.
 */
int32_t admin_start(struct plugins *plugins, const char *data_path, bool watch_files,
                    struct log *log, struct admin **out_admin, struct berth_error *error);

/* Finishes the order that is being carried out, and ends. NULL is allowed. */
void admin_stop(struct admin *admin);

/* Has plugins whose files have changed reloaded, later. Any thread. */
void admin_refresh(struct admin *admin);

/*
 * Sends an order, a line without its end, to the node that runs on this data directory, and waits
 * for its answer. UNAVAILABLE: none does.
 */
int32_t admin_ask(const char *data_path, struct berth_str line, struct base_buf *out_answer,
                  struct berth_error *error);

#endif
