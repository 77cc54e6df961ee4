/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as OpenSearch writes it back where it keeps an object as text: members in the order of a
 * Java hash map. Clients see that text, and compare it.
 */
#ifndef ML_REMOTE_JAVA_ORDER_H
#define ML_REMOTE_JAVA_ORDER_H

#include "base/json_write.h"

/* Appends the value without white space, its objects' members in that order, at every depth. */
void ml_put_java_ordered(struct json_value value, struct base_buf *out);

#endif
