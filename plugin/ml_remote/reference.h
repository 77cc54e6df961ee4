/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connectors that models refer to are not deleted meanwhile.
 *
 * Who registers a model finds its connector there, and writes the model; who deletes a connector
 * finds no model that refers to it, and deletes it. On two nodes at once both would be right, and
 * the model would refer to nothing. So each connector that models refer to has a document beside
 * it, which both of them write in the group of their own writes, on the condition that it is as it
 * was before they looked: one of the two is refused with CONFLICT or EXISTS, and looks again.
 *
 * A group of models needs none: a registration changes the group itself.
 */
#ifndef ML_REMOTE_REFERENCE_H
#define ML_REMOTE_REFERENCE_H

#include "plugin/ml_remote/documents.h"

/*
 * Reads a connector's document, before the connector itself is read. The write belongs into the
 * group that writes the model. id: valid as long as the write.
 */
int32_t ml_reference_take(struct ml_call *call, struct berth_str id, struct berth_write *out_write);

/* The same for who deletes the connector, before models are looked for: its document goes too. */
int32_t ml_reference_end(struct ml_call *call, struct berth_str id, struct berth_write *out_write);

#endif
