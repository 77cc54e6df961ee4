/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of the ABI, as their comments in the headers describe them: on which threads and
 * in which states each may be called.
 */
#ifndef KIT_HOST_FUNCTIONS_H
#define KIT_HOST_FUNCTIONS_H

#include "base/str.h"

/* KIT_FN_berth_routes_v1_add and so on; those of callbacks' types as KIT_FN__berth_timer_fn. */
enum kit_fn {
#define HEADER(name)
#define NUMBER(name)
#define TEXT(name)
#define STRUCT(name)
#define FIELD(structure, name, type, count)
#define FUNCTION(structure, name, type, threads, states, owner, errors) KIT_FN_##structure##_##name,
#include "kit/abi_tables.inc"
#undef HEADER
#undef NUMBER
#undef TEXT
#undef STRUCT
#undef FIELD
#undef FUNCTION
    KIT_FN_COUNT,
    KIT_FN_NONE = KIT_FN_COUNT,
};

struct kit_function {
    const char *structure;
    const char *name;
    const char *threads;
    const char *states;
    const char *errors;
};
extern const struct kit_function kit_functions[KIT_FN_COUNT];

/* Whether a word stands in a list of words, or the list is "any". */
bool kit_words_have(const char *words, const char *word);

/* "CREATED", … */
const char *kit_state_name(uint32_t state);

/* Whether a code is 0 or one of the closed list. */
bool kit_code_is_known(int32_t code);

#endif
