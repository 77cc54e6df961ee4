/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

#include "host/base/id.h"

#include <stdlib.h>

/* LOADED is the state while create runs, from which the store may be used as well. */
#define IN_USE (IN_STATE(LOADED) | IN_ALIVE)

static int32_t declare_index(const struct berth_host *host, const struct berth_index *index,
                             struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_STATE(CREATED), "store.declare_index", error);
    return code ? code : store_declare_index(g->services->store, index, error);
}

static int32_t index_info(const struct berth_host *host, struct berth_str index,
                          struct berth_index_info *out_info, struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_USE, "store.index_info", error);
    return code ? code : store_index_info(g->services->store, index, out_info, error);
}

static void generate_id(const struct berth_host *host, char *out_id) {
    (void)host;
    id_generate(out_id, BERTH_ID_LENGTH);
}

static int32_t get(const struct berth_host *host, struct berth_str index, struct berth_str id,
                   const struct berth_document **out_document, struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_USE, "store.get", error);
    return code ? code : store_get(g->services->store, index, id, out_document, error);
}

static int32_t write_group(const struct berth_host *host, const struct berth_write *writes,
                           uint32_t count, struct berth_write_result *out_results,
                           struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_USE, "store.write", error);
    return code ? code : store_write(g->services->store, writes, count, out_results, error);
}

static int32_t scan(const struct berth_host *host, struct berth_str index, berth_scan_fn fn,
                    void *user, struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_USE, "store.scan", error);
    return code ? code : store_scan(g->services->store, index, fn, user, error);
}

static int32_t search(const struct berth_host *host, const struct berth_search *wanted,
                      const struct berth_text **out_text, struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_USE, "store.search", error);
    if (code) {
        return code;
    }
    struct base_buf answer;
    base_buf_init(&answer, BASE_BUF_MAX_DEFAULT);
    code = store_search(g->services->store, wanted, &answer, error);
    struct berth_text *text = code ? NULL : malloc(sizeof *text);
    if (!text) {
        base_buf_deinit(&answer);
        return code ? code : base_error_memory(error);
    }
    size_t len = answer.len;
    *text =
        (struct berth_text){.size = sizeof *text, .text = base_str(base_buf_take(&answer), len)};
    *out_text = text;
    return BERTH_OK;
}

static void text_release(const struct berth_text *text) {
    if (text) {
        free((void *)(uintptr_t)text->text.ptr);
        free((void *)(uintptr_t)text);
    }
}

static int32_t watch(const struct berth_host *host, struct berth_str index, berth_watch_fn fn,
                     void *user, struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_STATE(CREATED), "store.watch", error);
    if (!code && !fn) {
        code = base_error(error, BERTH_E_INVALID, "a watch needs a function");
    }
    return code ? code : store_watch(g->services->store, g->owner, index, fn, user, error);
}

const struct berth_store_v1 cap_store = {
    .size = sizeof cap_store,
    .declare_index = declare_index,
    .index_info = index_info,
    .generate_id = generate_id,
    .get = get,
    .document_release = store_document_release,
    .write = write_group,
    .scan = scan,
    .search = search,
    .text_release = text_release,
    .watch = watch,
};
