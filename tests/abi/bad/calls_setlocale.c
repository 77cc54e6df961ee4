/* SPDX-License-Identifier: Apache-2.0 */
/* @check binary.locale: It sets the locale. */
#include "skeleton.h"

#include <locale.h>

static void stopped(struct good *good) {
    if (good->own) {
        (void)setlocale(LC_ALL, "C");
    }
}

GOOD_PLUGIN(.stop = stopped);
