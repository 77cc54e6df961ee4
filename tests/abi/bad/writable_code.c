/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.writable_code: It has code that can be written. */
#include "skeleton.h"

__asm__(".section .writable_code,\"awx\",@progbits\n.quad 0\n.text\n");

GOOD_PLUGIN(.create = NULL);
