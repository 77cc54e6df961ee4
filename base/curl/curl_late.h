/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when it is first needed: with the libraries that it needs itself it is a quarter
 * of the memory of a node, and most nodes need neither a proxy nor a cluster. Its functions are
 * defined here under their own names, so that what calls them is written as ever.
 */
#ifndef BASE_CURL_CURL_LATE_H
#define BASE_CURL_CURL_LATE_H

#include <stdbool.h>

/*
 * Loads and initialises it, once in a process; it stays loaded. False where it is not installed.
 * Any thread. Before this nothing of it may be called but what frees NULL.
 */
bool base_curl_load(void);

#endif
