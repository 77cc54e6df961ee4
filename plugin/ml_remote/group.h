/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model groups: names that are unique, and numbers for the versions in them.
 */
#ifndef ML_REMOTE_GROUP_H
#define ML_REMOTE_GROUP_H

#include "plugin/ml_remote/documents.h"

/* What a registration does to a group: the writes to be made with that of the model. */
struct ml_group_use {
    char id[BERTH_ID_MAX + 1];
    int64_t version; /* the number that the model gets */
    struct berth_write writes[2];
    uint32_t write_count;
};

/*
 * Takes the next version of a group. With group_id absent, of the group of that name, which is
 * made where there is none. The memory of the writes is the call's.
 */
int32_t ml_group_take_version(struct ml_call *call, struct berth_str group_id,
                              struct berth_str name, struct berth_str description,
                              struct ml_group_use *out_use);

/*
 * The id of the document that holds a name for a group: the name's SHA-256, in hexadecimal, so
 * that no two groups can have the same name, however long it is.
 */
#define ML_NAME_ID_LENGTH 64
int32_t ml_group_name_id(struct berth_str name, char out_id[ML_NAME_ID_LENGTH + 1],
                         struct berth_error *error);

/* The document itself, in the call's arena; ptr NULL without memory. */
struct berth_str ml_group_name_source(struct ml_call *call, struct berth_str name,
                                      struct berth_str group_id);

#endif
