/* SPDX-License-Identifier: Apache-2.0 */
/* @check reload.process: It sets a variable of the environment. */
#include "skeleton.h"

#include <dlfcn.h>

/* Looked up at run time, so that the file does not tell. */
typedef int set_fn(const char *name, const char *value, int overwrite);

static void served(struct good *good) {
    static int serial;
    char value[16];
    set_fn *set = NULL;
    *(void **)&set = dlsym(RTLD_DEFAULT, "setenv");
    (void)snprintf(value, sizeof value, "%p-%d", (void *)good, serial++);
    (void)set("GOOD_INSTANCE", value, 1);
}

GOOD_PLUGIN(.serve = served);
