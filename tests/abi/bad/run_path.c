/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.run_path: It looks for libraries beside itself. */
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
