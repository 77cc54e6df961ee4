/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.code: It opens its own file, and so is never unloaded. */
#include "skeleton.h"

#include <dlfcn.h>

static void served(struct good *good) {
    Dl_info info;
    if (dladdr(&exported, &info)) {
        good->own = dlopen(info.dli_fname, RTLD_NOW);
    }
}

GOOD_PLUGIN(.serve = served);
