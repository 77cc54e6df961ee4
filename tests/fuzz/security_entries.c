/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/security: files of users, roles and mappings. What is taken has clean names, and is taken
 * again; what is refused says why.
 *
 * Input: a file.
 */
#include "host/security/entries.h"
#include "tests/fuzz/fuzz.h"

struct entry {
    struct berth_str text;
    bool flag;
    struct name_list list;
    struct entry_pairs pairs;
};

static int32_t add(void *context, struct berth_str name, void *entry, struct berth_error *error) {
    const struct entry *e = entry;
    (void)error;
    (*(uint32_t *)context)++;
    FUZZ_CHECK(name.len > 0 && name.len <= ENTRIES_NAME_MAX);
    FUZZ_CHECK(base_str_find(name, '\n') == name.len && base_str_find(name, '\0') == name.len);
    FUZZ_CHECK(e->text.len <= ENTRIES_NAME_MAX);
    for (uint32_t i = 0; i < e->list.count; i++) {
        FUZZ_CHECK(e->list.items[i].ptr);
    }
    for (uint32_t i = 0; i < e->pairs.count; i++) {
        FUZZ_CHECK(e->pairs.items[i].name.ptr && e->pairs.items[i].value.ptr);
    }
    return BERTH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct entry_field fields[] = {
        {"hash", ENTRY_TEXT, offsetof(struct entry, text)},
        {"reserved", ENTRY_FLAG, offsetof(struct entry, flag)},
        {"backend_roles", ENTRY_LIST, offsetof(struct entry, list)},
        {"attributes", ENTRY_PAIRS, offsetof(struct entry, pairs)},
        {"index_permissions", ENTRY_IGNORED, 0},
    };
    static const struct entry_form form = {"internalusers", fields, BASE_COUNT(fields),
                                           sizeof(struct entry), add};
    struct berth_error error = BASE_ERROR_INIT;
    uint32_t counts[2] = {0, 0};
    int32_t codes[2];
    for (int i = 0; i < 2; i++) {
        BASE_ARENA_AUTO arena;
        base_arena_init(&arena, 4096);
        codes[i] = entries_read(&form, "file", fuzz_text(data, size), &arena, &counts[i], &error);
    }
    FUZZ_CHECK(codes[0] == codes[1] && counts[0] == counts[1]);
    FUZZ_CHECK(!codes[0] || error.message[0]);
    return 0;
}
