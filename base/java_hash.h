/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which a Java hash map or hash set gives its members: OpenSearch shows it to clients,
 * which compare it.
 */
#ifndef BASE_JAVA_HASH_H
#define BASE_JAVA_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* String.hashCode over UTF-16 units, spread as a hash map spreads it. text is UTF-8. */
uint32_t base_java_hash(struct berth_str text);

/* How many places a map of so many members has: members come by hash modulo this, a power of two.
 */
uint32_t base_java_places(size_t count);

#endif
