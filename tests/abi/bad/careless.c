/* SPDX-License-Identifier: Apache-2.0 */
/* @check capabilities.required_denied: It does not look whether it was given what it requires. */
#include "skeleton.h"

GOOD_PLUGIN(.careless = true);
