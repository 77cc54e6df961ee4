/* SPDX-License-Identifier: Apache-2.0 */
/* @check descriptor.code: The address of its serve is that of a variable. */
#define GOOD_SERVE no_code
void no_code(void *plugin) __asm__("bad_variable");
static int variable __asm__("bad_variable") __attribute__((used)) = 1;
#include "skeleton.h"

GOOD_PLUGIN(.create = NULL);
