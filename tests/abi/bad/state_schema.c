/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.state: It writes a schema that it does not read. */
#define GOOD_SCHEMA 0
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
