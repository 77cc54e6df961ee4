/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text, handles and the compile-time checks that every ABI header uses.
 *
 * The rules of the ABI, with the reason of each, stand in docs/abi/rules.md. In short, for what
 * is declared here: layouts hold fixed-width integers, pointers and structs of these, with
 * explicit padding, so that two compilers agree on every offset; text is pointer and length,
 * UTF-8, not terminated, and absent is {NULL, 0}.
 */
#ifndef BERTH_TYPES_H
#define BERTH_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define BERTH_STATIC_ASSERT(condition, text) static_assert(condition, text)
#define BERTH_EXTERN_C_BEGIN extern "C" {
#define BERTH_EXTERN_C_END }
#else
#define BERTH_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define BERTH_EXTERN_C_BEGIN
#define BERTH_EXTERN_C_END
#endif

/* Every published struct has its size and offsets checked with these, in the header itself. */
#define BERTH_ASSERT_SIZE(type, bytes)                                                             \
    BERTH_STATIC_ASSERT(sizeof(type) == (bytes), "the size of " #type " is part of the ABI")
#define BERTH_ASSERT_OFFSET(type, member, bytes)                                                   \
    BERTH_STATIC_ASSERT(offsetof(type, member) == (bytes),                                         \
                        "the offset of " #type "." #member " is part of the ABI")

/* The one symbol that a plugin exports is marked with this; all else is hidden. */
#define BERTH_EXPORT __attribute__((visibility("default")))

/* The ABI is defined for 64-bit little-endian machines; others need a layout of their own. */
BERTH_STATIC_ASSERT(sizeof(void *) == 8, "the Berth ABI is defined for 64-bit machines");
BERTH_STATIC_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
                    "the Berth ABI is defined for little-endian machines");

/* A view of UTF-8 text or bytes. Its owner and lifetime are stated wherever one is passed. */
struct berth_str {
    const char *ptr;
    uint64_t len;
};
BERTH_ASSERT_SIZE(struct berth_str, 16);
BERTH_ASSERT_OFFSET(struct berth_str, len, 8);

/* A literal as a view, for initialisers (BERTH_STR_INIT) and for expressions (BERTH_STR). */
#define BERTH_STR_INIT(literal) {(literal), sizeof(literal) - 1}
#ifdef __cplusplus
#define BERTH_STR(literal) (berth_str{(literal), sizeof(literal) - 1})
#else
#define BERTH_STR(literal) ((struct berth_str){(literal), sizeof(literal) - 1})
#endif

/* Opaque: what the host knows of one generation of one plugin, and the loops that it runs. */
struct berth_host_context;
struct berth_request;

#endif
