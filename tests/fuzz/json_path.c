/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path in the first line, a document behind it: whatever a path gives must be JSON.
 */
#include "plugin/ml_remote/json_path.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static int32_t count_match(const struct ml_path_match *match, void *user) {
    require(json_present(match->value));
    ++*(uint64_t *)user;
    return BERTH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str input = base_str((const char *)data, size);
    uint64_t line = base_str_find(input, '\n');
    BASE_ARENA_AUTO arena;
    BASE_BUF_AUTO out;
    JSON_DOC_AUTO doc = {0};
    struct berth_error error = BASE_ERROR_INIT;
    struct ml_path path;
    uint64_t count = 0;
    base_arena_init(&arena, 4096);
    base_buf_init(&out, 1u << 20);
    int32_t code = ml_path_compile(base_str_slice(input, 0, line), &arena, &path, &error);
    if (code) {
        require(code == BERTH_E_INVALID && error.message[0] != '\0');
        return 0;
    }
    if (!json_parse(&doc, base_str_from(input, line + 1), 0, NULL)) {
        return 0;
    }
    int32_t selected = ml_path_select(&path, json_root(&doc), count_match, &count);
    require(selected == BERTH_OK || selected == BERTH_E_NOT_FOUND || selected == BERTH_E_LIMIT);
    require(!ml_path_is_definite(&path) || count == (selected == BERTH_OK));
    int32_t written = ml_path_write(&path, json_root(&doc), &out);
    if (written) {
        require(written == selected || out.error);
        require(out.len == 0);
    } else {
        require(selected == BERTH_OK && json_check(base_buf_view(&out), 0, NULL));
    }
    return 0;
}
