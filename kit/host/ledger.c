/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/ledger.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static struct {
    pthread_mutex_t lock;
    bool written[KIT_BLAME_COUNT];
    char texts[KIT_BLAME_COUNT][512];
} ledger = {.lock = PTHREAD_MUTEX_INITIALIZER};

void kit_blame(enum kit_blame kind, const char *format, ...) {
    (void)pthread_mutex_lock(&ledger.lock);
    if (!ledger.written[kind]) {
        va_list list;
        va_start(list, format);
        (void)vsnprintf(ledger.texts[kind], sizeof ledger.texts[kind], format, list);
        va_end(list);
        ledger.written[kind] = true;
    }
    (void)pthread_mutex_unlock(&ledger.lock);
}

const char *kit_blamed(enum kit_blame kind) {
    (void)pthread_mutex_lock(&ledger.lock);
    const char *text = ledger.written[kind] ? ledger.texts[kind] : NULL;
    (void)pthread_mutex_unlock(&ledger.lock);
    return text;
}

void kit_judge(struct kit_run *run, enum kit_blame kind) {
    const char *text = kit_blamed(kind);
    if (text) {
        kit_fail(run, "%s", text);
    }
}
