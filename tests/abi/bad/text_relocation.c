/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.text_relocations: There is an address in its code. */
#include "skeleton.h"

__asm__(".text\n.balign 8\n.quad " BERTH_PLUGIN_SYMBOL "\n");

GOOD_PLUGIN(.create = NULL);
