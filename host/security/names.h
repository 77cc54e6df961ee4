/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of names, as users' and roles' files hold them, and patterns that names are held against.
 */
#ifndef HOST_SECURITY_NAMES_H
#define HOST_SECURITY_NAMES_H

#include "base/str.h"

/* The longest name, in bytes. */
#define NAME_LENGTH_MAX 512u

struct name_list {
    struct berth_str *items;
    uint32_t count;
};

/* Whether a text may be a name: not empty, not too long, and nothing that would forge lines of a
 * log. */
bool name_is_clean(struct berth_str text);

bool name_list_has(const struct name_list *list, struct berth_str name);

/*
 * Orders the names as a Java hash set holds them, and drops those that are there twice: OpenSearch
 * shows users' roles in that order.
 */
void name_list_order(struct name_list *list);

/* Whether one of the patterns matches the whole name; * is any text, ? any one character. */
bool name_list_matches(const struct name_list *patterns, struct berth_str name);

#endif
