/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/functions.h"

#include <berth/lifecycle.h>

const struct kit_function kit_functions[KIT_FN_COUNT] = {
#define HEADER(name)
#define NUMBER(name)
#define TEXT(name)
#define STRUCT(name)
#define FIELD(structure, name, type, count)
#define FUNCTION(structure, name, type, threads, states, owner, errors)                            \
    {#structure, #name, threads, states, errors},
#include "kit/abi_tables.inc"
};

bool kit_words_have(const char *words, const char *word) {
    struct berth_str rest = base_cstr(words);
    struct berth_str one = {NULL, 0};
    while (base_str_split(&rest, ' ', &one)) {
        if (base_str_is(one, word) || base_str_is(one, "any")) {
            return true;
        }
    }
    return false;
}

const char *kit_state_name(uint32_t state) {
    static const char *const names[] = {
#define STATE_NAME(name, number, meaning) [number] = #name,
        BERTH_STATE_LIST(STATE_NAME)
#undef STATE_NAME
    };
    return state < BASE_COUNT(names) && names[state] ? names[state] : "none";
}

bool kit_code_is_known(int32_t code) {
    switch (code) {
    case BERTH_OK:
#define KNOWN_CODE(name, number, status, type, meaning) case number:
        BERTH_ERROR_LIST(KNOWN_CODE)
#undef KNOWN_CODE
        return true;
    default:
        return false;
    }
}
