/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's interface: JSON Schemas that its input and its output must satisfy.
 */
#ifndef ML_REMOTE_INTERFACE_H
#define ML_REMOTE_INTERFACE_H

#include "plugin/ml_remote/call.h"
#include "plugin/ml_remote/input.h"

struct ml_interface;

/* Reads a client's object, and appends it as it is stored: each schema as a text. */
int32_t ml_interface_normalise(struct ml_call *call, struct json_value object,
                               struct base_buf *out);

/* Makes the schemas of a stored one, in the arena; NULL where there are none. */
int32_t ml_interface_load(struct json_value stored, struct base_arena *arena,
                          const struct ml_interface **out_interface, struct berth_error *error);

bool ml_interface_has_output(const struct ml_interface *interface);

/* 400 status_exception saying what does not fit. NULL allows everything. */
int32_t ml_interface_check_input(const struct ml_interface *interface, const struct ml_input *input,
                                 struct berth_error *error);
/* output: the whole answer. */
int32_t ml_interface_check_output(const struct ml_interface *interface, struct berth_str output,
                                  struct berth_error *error);

#endif
