/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/found.h"

static int32_t read_hits(struct berth_str answer, ml_found_fn fn, void *user, uint32_t *out_count,
                         struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 1024);
    if (!json_parse(&doc, answer, 0, NULL)) {
        return base_error_memory(error);
    }
    struct json_value hits = json_get(json_get(json_root(&doc), "hits"), "hits");
    uint32_t count = 0;
    for (struct json_value v = json_first(hits); json_present(v); v = json_next(hits, v)) {
        struct berth_str id;
        if (!json_string(json_get(v, "_id"), &arena, &id)) {
            return base_error_memory(error);
        }
        fn(user, id, json_get(v, "_source"));
        count++;
    }
    *out_count = count;
    return BERTH_OK;
}

int32_t ml_find(struct ml_plugin *plugin, const struct ml_finding *finding, ml_found_fn fn,
                void *user, uint32_t *out_count, struct berth_error *error) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    base_buf_format(&body, "{\"size\":%u,\"sort\":[{\"%s\":\"asc\"}],\"query\":", finding->max,
                    finding->sort);
    base_buf_str(&body, finding->query);
    base_buf_char(&body, '}');
    const struct berth_search search = {.size = sizeof search,
                                        .flags = BERTH_SEARCH_REFRESH,
                                        .index = ml_index(finding->kind),
                                        .body = base_buf_view(&body)};
    const struct berth_text *answer = NULL;
    *out_count = 0;
    int32_t code = body.error || !finding->query.ptr
                       ? base_error_memory(error)
                       : plugin->store->search(plugin->host, &search, &answer, error);
    if (!code) {
        code = read_hits(answer->text, fn, user, out_count, error);
        plugin->store->text_release(answer);
    }
    return code;
}
