/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All documents of a store as lines of JSON, and back: how they come from one engine to another.
 *
 * The first line is {"berth_documents":1}; each other one {"index","id","source"}. Secrets stay
 * sealed: they open where the master key is the same. What a store is itself (the id of the
 * cluster, the check of its key) and transient settings are left out.
 */
#ifndef HOST_STORE_TRANSFER_H
#define HOST_STORE_TRANSFER_H

#include <stdio.h>

#include "host/store/store.h"

/* Writes all documents. IO where the file takes no more. */
int32_t transfer_export(struct store *store, FILE *out, uint64_t *out_count,
                        struct berth_error *error);

/*
 * Writes what the file holds over what the store has; other documents stay. A line that is none
 * ends it with PARSE and its number: those before it are written, and can be again. What the store
 * refuses is told with the numbers of the lines that were to be written together; IO where the
 * file ends before its end.
 */
int32_t transfer_import(struct store *store, FILE *in, uint64_t *out_count,
                        struct berth_error *error);

#endif
