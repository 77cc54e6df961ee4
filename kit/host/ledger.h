/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin under check has done that a rule forbids, as the kit's host sees it.
 *
 * There is one ledger for a process, since a check has its process to itself, and since what is
 * put in the place of malloc and free has no argument that would lead to one.
 */
#ifndef KIT_HOST_LEDGER_H
#define KIT_HOST_LEDGER_H

#include "kit/check.h"

enum kit_blame {
    KIT_BLAME_NONE,
    /* lifecycle and capabilities */
    KIT_BLAME_FAILED,
    KIT_BLAME_CODE,
    KIT_BLAME_ERROR_OBJECT,
    KIT_BLAME_STATE,
    KIT_BLAME_AFTER_STOP,
    KIT_BLAME_THREAD,
    KIT_BLAME_UNDECLARED,
    KIT_BLAME_TABLE,
    KIT_BLAME_HOST,
    KIT_BLAME_LOG,
    KIT_BLAME_METRICS,
    KIT_BLAME_HOOKS,
    KIT_BLAME_QUESTION,
    KIT_BLAME_FORWARDED,
    /* routes */
    KIT_BLAME_ROUTE_FORM,
    KIT_BLAME_ROUTE_SIZE,
    KIT_BLAME_ROUTE_TWICE,
    KIT_BLAME_NO_REPLY,
    KIT_BLAME_REPLY_TWICE,
    KIT_BLAME_AFTER_REPLY,
    KIT_BLAME_REPLY_STATUS,
    KIT_BLAME_REPLY_SIZE,
    KIT_BLAME_REPLY_HEADERS,
    KIT_BLAME_REPLY_JSON,
    KIT_BLAME_REPLY_PARTS,
    KIT_BLAME_QUERY,
    KIT_BLAME_STREAM_ORDER,
    KIT_BLAME_STREAM_FLOW,
    /* settings */
    KIT_BLAME_SETTING_KEY,
    KIT_BLAME_SETTING_TYPE,
    KIT_BLAME_SETTING_SIZE,
    KIT_BLAME_SETTING_DEFAULT,
    KIT_BLAME_SETTING_BOUNDS,
    KIT_BLAME_SETTING_TWICE,
    KIT_BLAME_SETTING_READ,
    KIT_BLAME_SETTING_VIEW,
    KIT_BLAME_SETTING_REFUSAL,
    /* memory */
    KIT_BLAME_LEAK_CREATE,
    KIT_BLAME_LEAK_START,
    KIT_BLAME_LEAK_LOOPS,
    KIT_BLAME_LEAK_REQUESTS,
    KIT_BLAME_LEAK_SETTINGS,
    KIT_BLAME_LEAK_STOP,
    KIT_BLAME_DOUBLE_FREE,
    KIT_BLAME_FOREIGN_FREE,
    KIT_BLAME_HELD_DOCUMENT,
    KIT_BLAME_HELD_TEXT,
    KIT_BLAME_HELD_SECRET,
    KIT_BLAME_MAPPED_BYTES,
    /* what is left */
    KIT_BLAME_TIMER_LEFT,
    KIT_BLAME_WATCH_LEFT,
    KIT_BLAME_FD_LEFT,
    KIT_BLAME_THREAD_LEFT,
    KIT_BLAME_CODE_LEFT,
    KIT_BLAME_PROCESS,
    KIT_BLAME_BLOCKED,
    KIT_BLAME_COUNT,
};

/* The first text of each kind is kept. */
__attribute__((format(printf, 2, 3))) void kit_blame(enum kit_blame kind, const char *format, ...);

/* NULL: nothing of that kind. */
const char *kit_blamed(enum kit_blame kind);

/* Fails the check with the text of a kind, if there is one. */
void kit_judge(struct kit_run *run, enum kit_blame kind);

#endif
