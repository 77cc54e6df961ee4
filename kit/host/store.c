/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/host.h"

#include "base/error.h"
#include "base/json_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int32_t failed(struct berth_error *error, int32_t code) {
    return code ? base_error(error, code, "the kit's store fails with %s", base_error_name(code))
                : BERTH_OK;
}

/* Under the lock. */
static struct kit_document **find(struct kit_host *host, struct berth_str index,
                                  struct berth_str id) {
    struct kit_document **at = &host->documents;
    while (*at && !(base_str_is(index, (*at)->index) && base_str_is(id, (*at)->id))) {
        at = &(*at)->next;
    }
    return at;
}

/* ---- what is handed out ---- */

static struct berth_document *new_document(struct kit_host *host, const struct kit_document *d) {
    size_t size = sizeof(struct berth_document) + host->config.grow_objects;
    size_t texts = strlen(d->index) + strlen(d->id) + strlen(d->source) + 3;
    unsigned char *bytes = kit_alloc(size + texts);
    struct berth_document *document = (struct berth_document *)(void *)bytes;
    memset(bytes + sizeof *document, host->config.tail, host->config.grow_objects);
    char *text = (char *)bytes + size;
    document->size = (uint32_t)size;
    document->version = d->version;
    document->seq_no = d->seq_no;
    document->primary_term = 1;
    struct berth_str *views[] = {&document->index, &document->id, &document->source};
    const char *const from[] = {d->index, d->id, d->source};
    for (size_t i = 0; i < BASE_COUNT(views); i++) {
        size_t len = strlen(from[i]);
        memcpy(text, from[i], len + 1);
        *views[i] = base_str(text, len);
        text += len + 1;
    }
    return document;
}

/* ---- reading ---- */

static int32_t declare_index(const struct berth_host *face, const struct berth_index *index,
                             struct berth_error *error) {
    int32_t code = kit_enter(kit_host_of(face), KIT_FN_berth_store_v1_declare_index);
    if (!code && index->size < sizeof *index) {
        code = BERTH_E_INVALID;
    }
    return failed(error, code);
}

static int32_t index_info(const struct berth_host *face, struct berth_str index,
                          struct berth_index_info *out_info, struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_store_v1_index_info);
    if (code) {
        return failed(error, code);
    }
    (void)pthread_mutex_lock(&host->lock);
    out_info->document_count = 0;
    for (struct kit_document *d = host->documents; d; d = d->next) {
        out_info->document_count += base_str_is(index, d->index);
    }
    (void)pthread_mutex_unlock(&host->lock);
    out_info->exists = out_info->document_count > 0;
    return BERTH_OK;
}

static void generate_id(const struct berth_host *face, char *out_id) {
    struct kit_host *host = kit_host_of(face);
    (void)kit_enter(host, KIT_FN_berth_store_v1_generate_id);
    (void)pthread_mutex_lock(&host->lock);
    uint64_t id = ++host->ids;
    (void)pthread_mutex_unlock(&host->lock);
    (void)snprintf(out_id, BERTH_ID_LENGTH + 1, "kit-%016" PRIx64, id);
}

static int32_t get(const struct berth_host *face, struct berth_str index, struct berth_str id,
                   const struct berth_document **out_document, struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_store_v1_get);
    if (code) {
        return failed(error, code);
    }
    (void)pthread_mutex_lock(&host->lock);
    struct kit_document *d = *find(host, index, id);
    struct berth_document *document = d ? new_document(host, d) : NULL;
    (void)pthread_mutex_unlock(&host->lock);
    if (!document) {
        return base_error(error, BERTH_E_NOT_FOUND, "there is no such document");
    }
    kit_handle_add(host, document, KIT_BLAME_HELD_DOCUMENT);
    *out_document = document;
    return BERTH_OK;
}

static void document_release(const struct berth_document *document) {
    if (document) {
        kit_handle_release(document, KIT_FN_berth_store_v1_document_release, "document");
    }
}

/* Copies, so that the lock is not held while the plugin looks at them. */
static struct berth_document **snapshot(struct kit_host *host, struct berth_str index,
                                        size_t *out_count) {
    (void)pthread_mutex_lock(&host->lock);
    size_t all = 0;
    for (struct kit_document *d = host->documents; d; d = d->next) {
        all++;
    }
    struct berth_document **list = kit_alloc((all + 1) * sizeof(struct berth_document *));
    *out_count = 0;
    for (struct kit_document *d = host->documents; d; d = d->next) {
        if (base_str_is(index, d->index)) {
            list[(*out_count)++] = new_document(host, d);
        }
    }
    (void)pthread_mutex_unlock(&host->lock);
    return list;
}

static int32_t scan(const struct berth_host *face, struct berth_str index, berth_scan_fn fn,
                    void *user, struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_store_v1_scan);
    if (code) {
        return failed(error, code);
    }
    size_t count = 0;
    struct berth_document **list = snapshot(host, index, &count);
    bool over = false;
    for (size_t i = 0; i < count; i++) {
        over = over || fn(user, list[i]) != 0;
        free(list[i]);
    }
    free(list);
    return BERTH_OK;
}

static void put_hit(struct base_buf *buf, const struct berth_document *d) {
    json_open_object(buf);
    json_member_string(buf, "_index", d->index);
    json_member_string(buf, "_id", d->id);
    json_member_u64(buf, "_version", d->version);
    json_member_u64(buf, "_seq_no", d->seq_no);
    json_member_u64(buf, "_primary_term", d->primary_term);
    json_member_raw(buf, "_score", BERTH_STR("1.0"));
    json_member_raw(buf, "_source", d->source);
    json_close_object(buf);
}

static void put_answer(struct kit_host *host, struct base_buf *buf, struct berth_str index) {
    size_t count = 0;
    struct berth_document **list = snapshot(host, index, &count);
    base_buf_cstr(buf, "{\"took\":1,\"timed_out\":false,\"_shards\":{\"total\":1,\"successful\":1,"
                       "\"skipped\":0,\"failed\":0},\"hits\":{\"total\":{\"value\":");
    base_buf_u64(buf, count);
    base_buf_cstr(buf, ",\"relation\":\"eq\"},\"max_score\":1.0,\"hits\":[");
    for (size_t i = 0; i < count; i++) {
        put_hit(buf, list[i]);
        free(list[i]);
    }
    base_buf_cstr(buf, "]}}");
    free(list);
}

/* Gives every document of the index, whatever was asked for. */
static int32_t search(const struct berth_host *face, const struct berth_search *wanted,
                      const struct berth_text **out_text, struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_store_v1_search);
    if (code) {
        return failed(error, code);
    }
    BASE_BUF_AUTO buf;
    base_buf_init(&buf, BASE_BUF_MAX_DEFAULT);
    put_answer(host, &buf, wanted->index);
    size_t size = sizeof(struct berth_text) + host->config.grow_objects;
    unsigned char *bytes = kit_alloc(size + buf.len);
    struct berth_text *text = (struct berth_text *)(void *)bytes;
    memset(bytes + sizeof *text, host->config.tail, host->config.grow_objects);
    memcpy(bytes + size, buf.ptr, buf.len);
    text->size = (uint32_t)size;
    text->text = base_str((char *)bytes + size, buf.len);
    kit_handle_add(host, text, KIT_BLAME_HELD_TEXT);
    *out_text = text;
    return BERTH_OK;
}

static void text_release(const struct berth_text *text) {
    if (text) {
        kit_handle_release(text, KIT_FN_berth_store_v1_text_release, "text");
    }
}

/* ---- writing ---- */

static int32_t check_write(struct kit_host *host, const struct berth_write *w) {
    const struct kit_document *d = *find(host, w->index, w->id);
    if (w->size < sizeof *w || w->op < BERTH_WRITE_PUT || w->op > BERTH_WRITE_DELETE) {
        return BERTH_E_INVALID;
    }
    if (w->op == BERTH_WRITE_CREATE && d) {
        return BERTH_E_EXISTS;
    }
    bool conflicts = w->flags & BERTH_WRITE_IF_SEQ_NO && (!d || d->seq_no != w->if_seq_no);
    return conflicts ? BERTH_E_CONFLICT : BERTH_OK;
}

static void free_document(struct kit_document *d) {
    free(d->index);
    free(d->id);
    free(d->source);
    free(d);
}

/* Under the lock. Gives a copy of the new document for the watches; NULL when it was deleted. */
static struct berth_document *apply(struct kit_host *host, const struct berth_write *w,
                                    struct berth_write_result *out_result) {
    struct kit_document **at = find(host, w->index, w->id);
    struct kit_document *old = *at;
    uint64_t version = old ? old->version + 1 : 1;
    struct berth_document *copy = NULL;
    uint32_t result = old ? BERTH_WRITE_UPDATED : BERTH_WRITE_CREATED;
    host->seq_no++;
    if (old) {
        *at = old->next;
    }
    if (w->op == BERTH_WRITE_DELETE) {
        result = old ? BERTH_WRITE_DELETED : BERTH_WRITE_NOT_FOUND;
    } else {
        struct kit_document *d = kit_alloc(sizeof *d);
        *d = (struct kit_document){host->documents, kit_copy(w->index),
                                   kit_copy(w->id), kit_copy(w->source),
                                   version,         host->seq_no};
        host->documents = d;
        copy = new_document(host, d);
    }
    if (old) {
        free_document(old);
    }
    if (out_result) {
        *out_result =
            (struct berth_write_result){sizeof *out_result, result, version, host->seq_no, 1};
    }
    return copy;
}

static void tell_watches(struct kit_host *host, const struct berth_write *w,
                         const struct berth_document *document) {
    struct berth_change change = {.size = sizeof change,
                                  .index = w->index,
                                  .id = w->id,
                                  .document = document,
                                  .seq_no = document ? document->seq_no : host->seq_no};
    uint32_t loop = kit_role_loop();
    for (struct kit_watch *watch = host->watches; watch; watch = watch->next) {
        if (base_str_is(w->index, watch->index)) {
            enum kit_role before = kit_role_set(KIT_ROLE_FEED, 0);
            watch->fn(watch->user, &change, 1);
            (void)kit_role_set(before, loop);
        }
    }
}

static int32_t write_all(const struct berth_host *face, const struct berth_write *writes,
                         uint32_t count, struct berth_write_result *out_results,
                         struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_store_v1_write);
    struct berth_document *copies[BERTH_WRITES_MAX] = {NULL};
    if (!code && (count == 0 || count > BERTH_WRITES_MAX)) {
        code = BERTH_E_INVALID;
    }
    if (code) {
        return failed(error, code);
    }
    (void)pthread_mutex_lock(&host->feed);
    (void)pthread_mutex_lock(&host->lock);
    for (uint32_t i = 0; i < count && !code; i++) {
        code = check_write(host, &writes[i]);
    }
    for (uint32_t i = 0; i < count && !code; i++) {
        copies[i] = apply(host, &writes[i], out_results ? &out_results[i] : NULL);
    }
    (void)pthread_mutex_unlock(&host->lock);
    for (uint32_t i = 0; i < count && !code; i++) {
        tell_watches(host, &writes[i], copies[i]);
        free(copies[i]);
    }
    (void)pthread_mutex_unlock(&host->feed);
    return failed(error, code);
}

void kit_store_put(struct kit_host *host, const char *index, const char *id,
                   struct berth_str source) {
    struct berth_write write = {.size = sizeof write,
                                .op = source.ptr ? BERTH_WRITE_PUT : BERTH_WRITE_DELETE,
                                .index = base_cstr(index),
                                .id = base_cstr(id),
                                .source = source};
    (void)pthread_mutex_lock(&host->feed);
    (void)pthread_mutex_lock(&host->lock);
    struct berth_document *copy = apply(host, &write, NULL);
    (void)pthread_mutex_unlock(&host->lock);
    tell_watches(host, &write, copy);
    (void)pthread_mutex_unlock(&host->feed);
    free(copy);
}

static int32_t watch_index(const struct berth_host *face, struct berth_str index, berth_watch_fn fn,
                           void *user, struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_store_v1_watch);
    if (!code && !fn) {
        code = BERTH_E_INVALID;
    }
    if (!code) {
        struct kit_watch *watch = kit_alloc(sizeof *watch);
        *watch = (struct kit_watch){host->watches, kit_copy(index), fn, user};
        host->watches = watch;
    }
    return failed(error, code);
}

void kit_store_free(struct kit_host *host) {
    while (host->documents) {
        struct kit_document *d = host->documents;
        host->documents = d->next;
        free_document(d);
    }
    while (host->watches) {
        struct kit_watch *w = host->watches;
        host->watches = w->next;
        free(w->index);
        free(w);
    }
}

const struct berth_store_v1 kit_store_v1 = {
    .size = sizeof kit_store_v1,
    .declare_index = declare_index,
    .index_info = index_info,
    .generate_id = generate_id,
    .get = get,
    .document_release = document_release,
    .write = write_all,
    .scan = scan,
    .search = search,
    .text_release = text_release,
    .watch = watch_index,
};
