/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_host.h"

#include <stdio.h>
#include <stdlib.h>

#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/workers.h"

/* The host is the first member of its struct. */
static struct fake_host *fake(const struct berth_host *host) {
    return (struct fake_host *)(uintptr_t)host;
}

/* ---- settings ---- */

static struct fake_setting *find_setting(const struct berth_settings_view *view,
                                         struct berth_str key) {
    for (uint32_t i = 0; i < view->count; i++) {
        if (base_str_eq(view->list[i].declared.key, key)) {
            return (struct fake_setting *)(uintptr_t)&view->list[i];
        }
    }
    return NULL;
}

static int32_t declare(const struct berth_host *host, const struct berth_setting *settings,
                       uint32_t count, struct berth_error *error) {
    struct berth_settings_view *view = &fake(host)->settings;
    for (uint32_t i = 0; i < count; i++) {
        if (view->count == FAKE_SETTINGS_MAX || find_setting(view, settings[i].key)) {
            return base_error(error, BERTH_E_EXISTS, "twice, or too many");
        }
        struct fake_setting *s = &view->list[view->count++];
        *s = (struct fake_setting){.declared = settings[i], .count = settings[i].default_count};
        s->values = settings[i].default_values;
        if (settings[i].type != BERTH_SETTING_LIST) {
            s->one = settings[i].default_values[0]; /* the caller's array ends with the call */
            s->values = &s->one;
        }
    }
    return BERTH_OK;
}

static int32_t observe(const struct berth_host *host, berth_settings_validate_fn validate,
                       berth_settings_changed_fn changed, void *user) {
    struct fake_host *h = fake(host);
    h->validate = validate;
    h->changed = changed;
    h->observer = user;
    return BERTH_OK;
}

static int32_t get_int(const struct berth_settings_view *view, struct berth_str key,
                       int64_t *out_value) {
    const struct fake_setting *s = find_setting(view, key);
    if (!s) {
        return BERTH_E_NOT_FOUND;
    }
    if (s->declared.type == BERTH_SETTING_BOOL) {
        *out_value = base_str_is(s->values[0], "true");
        return BERTH_OK;
    }
    return base_str_i64(s->values[0], out_value) ? BERTH_OK : BERTH_E_INVALID;
}

static int32_t get_text(const struct berth_settings_view *view, struct berth_str key,
                        struct berth_str *out_value) {
    const struct fake_setting *s = find_setting(view, key);
    if (!s) {
        return BERTH_E_NOT_FOUND;
    }
    *out_value = s->values[0];
    return BERTH_OK;
}

static int32_t get_list(const struct berth_settings_view *view, struct berth_str key,
                        const struct berth_str **out_values, uint32_t *out_count) {
    const struct fake_setting *s = find_setting(view, key);
    if (!s) {
        return BERTH_E_NOT_FOUND;
    }
    *out_values = s->values;
    *out_count = s->count;
    return BERTH_OK;
}

static const struct berth_settings_v1 settings_v1 = {
    .size = sizeof settings_v1,
    .declare = declare,
    .observe = observe,
    .get_int = get_int,
    .get_text = get_text,
    .get_list = get_list,
};

/* A key that was not declared is a fault of the test: it must not pass unseen. */
static struct fake_setting *must_find(struct fake_host *h, const char *key) {
    struct fake_setting *s = find_setting(&h->settings, base_cstr(key));
    if (!s) {
        (void)fprintf(stderr, "no setting %s\n", key);
        abort();
    }
    return s;
}

void fake_host_set(struct fake_host *h, const char *key, const char *value) {
    struct fake_setting *s = must_find(h, key);
    s->one = base_cstr(value);
    s->values = &s->one;
    s->count = 1;
}

void fake_host_set_list(struct fake_host *h, const char *key, const struct berth_str *values,
                        uint32_t count) {
    struct fake_setting *s = must_find(h, key);
    s->values = values;
    s->count = count;
}

int32_t fake_host_apply(struct fake_host *h, struct berth_error *error) {
    int32_t code = h->validate(h->observer, &h->settings, error);
    if (!code) {
        h->changed(h->observer, &h->settings);
    }
    return code;
}

/* ---- store ---- */

static struct fake_document *find_document(const struct fake_host *h, struct berth_str index,
                                           struct berth_str id) {
    for (size_t i = 0; i < FAKE_DOCUMENTS_MAX; i++) {
        const struct fake_document *d = &h->documents[i];
        if (d->text && base_str_eq(d->view.index, index) && base_str_eq(d->view.id, id)) {
            return (struct fake_document *)(uintptr_t)d;
        }
    }
    return NULL;
}

static struct berth_str put_text(char **at, struct berth_str text) {
    struct berth_str copy = base_str(*at, BASE_LEN(text));
    if (text.len) {
        memcpy(*at, text.ptr, BASE_LEN(text));
    }
    *at += text.len;
    *(*at)++ = '\0';
    return copy;
}

/* A document with its texts behind it in one allocation, so that one free ends it. */
static void fill_document(struct berth_document *out, char *text, struct berth_str index,
                          struct berth_str id, struct berth_str source) {
    *out = (struct berth_document){.size = sizeof *out, .primary_term = 1};
    out->index = put_text(&text, index);
    out->id = put_text(&text, id);
    out->source = put_text(&text, source);
}

static int32_t declare_index(const struct berth_host *host, const struct berth_index *index,
                             struct berth_error *error) {
    struct fake_host *h = fake(host);
    if (h->index_count == FAKE_INDICES_MAX) {
        return base_error(error, BERTH_E_NO_MEMORY, "too many indices");
    }
    (void)snprintf(h->indices[h->index_count++], sizeof h->indices[0], BASE_FMT,
                   BASE_ARG(index->name));
    return BERTH_OK;
}

static void generate_id(const struct berth_host *host, char *out_id) {
    (void)snprintf(out_id, BERTH_ID_LENGTH + 1, "id-%u", ++fake(host)->ids);
}

static int32_t get(const struct berth_host *host, struct berth_str index, struct berth_str id,
                   const struct berth_document **out_document, struct berth_error *error) {
    struct fake_host *h = fake(host);
    const struct fake_document *d = find_document(h, index, id);
    if (h->store_fails) {
        return base_error(error, h->store_fails, "the store fails");
    }
    if (!d) {
        return base_error(error, BERTH_E_NOT_FOUND, "none");
    }
    const struct berth_document *v = &d->view;
    struct berth_document *copy =
        malloc(sizeof *copy + BASE_LEN(v->index) + BASE_LEN(v->id) + BASE_LEN(v->source) + 3);
    if (!copy) {
        return base_error_memory(error);
    }
    fill_document(copy, (char *)(copy + 1), v->index, v->id, v->source);
    copy->version = v->version;
    copy->seq_no = v->seq_no;
    *out_document = copy;
    return BERTH_OK;
}

static void document_release(const struct berth_document *document) {
    free((void *)(uintptr_t)document);
}

static int32_t check_write(const struct fake_host *h, const struct berth_write *write,
                           struct berth_error *error) {
    const struct fake_document *d = find_document(h, write->index, write->id);
    if (write->op == BERTH_WRITE_CREATE && d) {
        return base_error(error, BERTH_E_EXISTS, "it is there");
    }
    bool conflicts =
        (write->flags & BERTH_WRITE_IF_SEQ_NO) && (!d || d->view.seq_no != write->if_seq_no);
    return conflicts ? base_error(error, BERTH_E_CONFLICT, "it was changed") : BERTH_OK;
}

static struct fake_document *take_slot(struct fake_host *h) {
    for (size_t i = 0; i < FAKE_DOCUMENTS_MAX; i++) {
        if (!h->documents[i].text) {
            return &h->documents[i];
        }
    }
    (void)fprintf(stderr, "too many documents\n");
    abort();
}

static void tell_watchers(struct fake_host *h, const struct berth_write *write,
                          const struct fake_document *d) {
    struct berth_change change = {.size = sizeof change,
                                  .index = write->index,
                                  .id = write->id,
                                  .document = d ? &d->view : NULL,
                                  .seq_no = h->seq_no};
    for (uint32_t i = 0; i < h->watcher_count; i++) {
        if (base_str_eq(h->watchers[i].index, write->index)) {
            h->watchers[i].fn(h->watchers[i].user, &change, 1);
        }
    }
}

/* text: memory for the new document's texts; unused in a deletion. */
static void apply_write(struct fake_host *h, const struct berth_write *write, char *text,
                        struct berth_write_result *out_result) {
    struct fake_document *d = find_document(h, write->index, write->id);
    uint64_t version = d ? d->view.version + 1 : 1;
    uint32_t result = d ? BERTH_WRITE_UPDATED : BERTH_WRITE_CREATED;
    h->seq_no++;
    if (d) {
        free(d->text);
        d->text = NULL;
    }
    if (write->op == BERTH_WRITE_DELETE) {
        result = d ? BERTH_WRITE_DELETED : BERTH_WRITE_NOT_FOUND;
        d = NULL;
    } else {
        d = d ? d : take_slot(h);
        d->text = text;
        fill_document(&d->view, text, write->index, write->id, write->source);
        d->view.version = version;
        d->view.seq_no = h->seq_no;
    }
    if (out_result) {
        *out_result =
            (struct berth_write_result){sizeof *out_result, result, version, h->seq_no, 1};
    }
    tell_watchers(h, write, d);
}

static int32_t write_all(const struct berth_host *host, const struct berth_write *writes,
                         uint32_t count, struct berth_write_result *out_results,
                         struct berth_error *error) {
    struct fake_host *h = fake(host);
    char *texts[BERTH_WRITES_MAX] = {NULL};
    int32_t code = h->store_fails ? base_error(error, h->store_fails, "the store fails") : BERTH_OK;
    for (uint32_t i = 0; i < count && !code; i++) {
        code = check_write(h, &writes[i], error);
        size_t size = BASE_LEN(writes[i].index) + BASE_LEN(writes[i].id);
        if (!code && writes[i].op != BERTH_WRITE_DELETE) {
            texts[i] = malloc(size + BASE_LEN(writes[i].source) + 3);
            code = texts[i] ? BERTH_OK : base_error_memory(error);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (code) {
            free(texts[i]);
        } else {
            apply_write(h, &writes[i], texts[i], out_results ? &out_results[i] : NULL);
        }
    }
    return code;
}

static int32_t scan(const struct berth_host *host, struct berth_str index, berth_scan_fn fn,
                    void *user, struct berth_error *error) {
    struct fake_host *h = fake(host);
    if (h->store_fails) {
        return base_error(error, h->store_fails, "the store fails");
    }
    for (size_t i = 0; i < FAKE_DOCUMENTS_MAX; i++) {
        if (h->documents[i].text && base_str_eq(h->documents[i].view.index, index) &&
            fn(user, &h->documents[i].view)) {
            break;
        }
    }
    return BERTH_OK;
}

static int32_t search(const struct berth_host *host, const struct berth_search *wanted,
                      const struct berth_text **out_text, struct berth_error *error) {
    struct fake_host *h = fake(host);
    if (h->store_fails) {
        return base_error(error, h->store_fails, "the store fails");
    }
    base_buf_clear(&h->search_body);
    base_buf_str(&h->search_body, wanted->body);
    struct berth_text *text = calloc(1, sizeof *text);
    if (!text || h->search_body.error) {
        free(text);
        return base_error_memory(error);
    }
    text->text = base_cstr(h->search_answer);
    *out_text = text;
    return BERTH_OK;
}

static void text_release(const struct berth_text *text) {
    free((void *)(uintptr_t)text);
}

static int32_t watch(const struct berth_host *host, struct berth_str index, berth_watch_fn fn,
                     void *user, struct berth_error *error) {
    struct fake_host *h = fake(host);
    if (h->watcher_count == FAKE_WATCHERS_MAX) {
        return base_error_memory(error);
    }
    h->watchers[h->watcher_count].index = index;
    h->watchers[h->watcher_count].fn = fn;
    h->watchers[h->watcher_count++].user = user;
    return BERTH_OK;
}

static const struct berth_store_v1 store_v1 = {
    .size = sizeof store_v1,
    .declare_index = declare_index,
    .generate_id = generate_id,
    .get = get,
    .document_release = document_release,
    .write = write_all,
    .scan = scan,
    .search = search,
    .text_release = text_release,
    .watch = watch,
};

const char *fake_host_source(const struct fake_host *h, const char *index, const char *id) {
    const struct fake_document *d = find_document(h, base_cstr(index), base_cstr(id));
    return d ? d->view.source.ptr : "";
}

void fake_host_put(struct fake_host *h, const char *index, const char *id, const char *source) {
    struct berth_write write = {.size = sizeof write,
                                .op = BERTH_WRITE_PUT,
                                .index = base_cstr(index),
                                .id = base_cstr(id),
                                .source = base_cstr(source)};
    if (write_all(&h->host, &write, 1, NULL, NULL)) {
        abort();
    }
}

/* ---- nodes, secrets, log, worker ---- */

static int32_t read_nodes(const struct berth_host *host, berth_nodes_fn fn, void *user) {
    fn(user, fake(host)->nodes, fake(host)->node_count);
    return BERTH_OK;
}

static const struct berth_nodes_v1 nodes_v1 = {.size = sizeof nodes_v1, .read = read_nodes};

#define SEAL "sealed:"

static int32_t new_secret(struct berth_str head, struct berth_str tail,
                          const struct berth_secret **out_secret, struct berth_error *error) {
    size_t len = BASE_LEN(head) + BASE_LEN(tail);
    struct berth_secret *secret = malloc(sizeof *secret + len + 1);
    if (!secret) {
        return base_error_memory(error);
    }
    char *text = (char *)(secret + 1);
    (void)snprintf(text, len + 1, BASE_FMT BASE_FMT, BASE_ARG(head), BASE_ARG(tail));
    *secret = (struct berth_secret){.size = sizeof *secret, .text = base_str(text, len)};
    *out_secret = secret;
    return BERTH_OK;
}

static int32_t seal(const struct berth_host *host, struct berth_str context, struct berth_str plain,
                    const struct berth_secret **out_sealed, struct berth_error *error) {
    char head[1024];
    int len = snprintf(head, sizeof head, SEAL BASE_FMT ":", BASE_ARG(context));
    (void)host;
    return new_secret(base_str(head, (size_t)len), plain, out_sealed, error);
}

static int32_t open_(const struct berth_host *host, struct berth_str context,
                     struct berth_str sealed, const struct berth_secret **out_plain,
                     struct berth_error *error) {
    char head[1024];
    int len = snprintf(head, sizeof head, SEAL BASE_FMT ":", BASE_ARG(context));
    (void)host;
    if (!base_str_starts(sealed, base_str(head, (size_t)len))) {
        return base_error(error, BERTH_E_CORRUPT, "not sealed here");
    }
    return new_secret(base_str_from(sealed, (uint64_t)len), base_str("", 0), out_plain, error);
}

static void release_secret(const struct berth_secret *secret) {
    free((void *)(uintptr_t)secret);
}

static const struct berth_secrets_v1 secrets_v1 = {
    .size = sizeof secrets_v1, .seal = seal, .open = open_, .release = release_secret};

static void write_log(const struct berth_host *host, uint32_t level, struct berth_str event,
                      const struct berth_log_field *fields, uint32_t field_count) {
    struct fake_host *h = fake(host);
    (void)level;
    (void)fields;
    (void)field_count;
    h->log_lines++;
    (void)snprintf(h->last_event, sizeof h->last_event, BASE_FMT, BASE_ARG(event));
}

static const struct berth_log_v1 log_v1 = {.size = sizeof log_v1, .write = write_log};

static int32_t submit(const struct berth_host *host, berth_worker_fn fn, void *user) {
    struct fake_host *h = fake(host);
    if (h->worker_refuses || h->job_count == FAKE_JOBS_MAX) {
        return BERTH_E_LIMIT;
    }
    h->jobs[h->job_count].fn = fn;
    h->jobs[h->job_count++].user = user;
    return BERTH_OK;
}

static const struct berth_worker_v1 worker_v1 = {.size = sizeof worker_v1, .submit = submit};

void fake_host_run_jobs(struct fake_host *h) {
    for (uint32_t i = 0; i < h->job_count; i++) {
        h->jobs[i].fn(h->jobs[i].user);
    }
    h->job_count = 0;
}

/* ---- requests ---- */

static int32_t reply(struct berth_request *request, const struct berth_reply *given) {
    request->replies++;
    request->status = given->status;
    for (uint32_t i = 0; i < given->part_count; i++) {
        base_buf_str(&request->body, given->parts[i]);
    }
    if (given->release) {
        given->release(given->owner);
    }
    return BERTH_OK;
}

static int32_t reply_error(struct berth_request *request, const struct berth_error *error) {
    request->replies++;
    request->status = base_error_status(error);
    request->error = *error;
    return BERTH_OK;
}

static int32_t on_cancel(struct berth_request *request, berth_request_fn fn, void *user) {
    if (request->is_cancelled && fn) {
        fn(user);
        return BERTH_OK;
    }
    request->on_cancel = fn;
    request->cancel_user = user;
    return BERTH_OK;
}

static int32_t stream_open(struct berth_request *request, const struct berth_reply *given) {
    if (!request->open_fails) {
        request->is_open = true;
        request->status = given->status;
    }
    return request->open_fails;
}

static int32_t stream_write(struct berth_request *request, struct berth_str bytes,
                            uint64_t *out_queued) {
    *out_queued = 0;
    if (!request->write_fails) {
        base_buf_str(&request->body, bytes);
    }
    return request->write_fails;
}

static int32_t stream_close(struct berth_request *request, uint32_t complete) {
    if (!request->is_open) {
        return BERTH_E_STATE;
    }
    request->replies++;
    request->is_open = false;
    request->is_cut = !complete;
    return BERTH_OK;
}

/* Its requests bring no headers. */
static int32_t header(struct berth_request *request, struct berth_str name,
                      struct berth_str *out_value) {
    (void)request;
    (void)name;
    (void)out_value;
    return BERTH_E_NOT_FOUND;
}

static const struct berth_routes_v1 routes_v1 = {
    .size = sizeof routes_v1,
    .header = header,
    .reply = reply,
    .reply_error = reply_error,
    .on_cancel = on_cancel,
    .stream_open = stream_open,
    .stream_write = stream_write,
    .stream_close = stream_close,
};

/* ---- the host ---- */

static const struct berth_str roles[] = {BERTH_STR_INIT("data"), BERTH_STR_INIT("ml")};
static const struct berth_node local_node = {.size = sizeof local_node,
                                             .is_local = 1,
                                             .id = BERTH_STR_INIT("node-1"),
                                             .name = BERTH_STR_INIT("n1"),
                                             .roles = roles,
                                             .role_count = BASE_COUNT(roles)};

/* ---- identity ---- */

static int32_t identity_user(struct berth_request *request, const struct berth_user **out_user) {
    if (!request->user) {
        return BERTH_E_NOT_FOUND;
    }
    *out_user = request->user;
    return BERTH_OK;
}

static int32_t identity_may(struct berth_request *request, struct berth_str permission) {
    (void)request;
    (void)permission;
    return BERTH_OK;
}

static const struct berth_identity_v1 identity_v1 = {
    .size = sizeof identity_v1,
    .user = identity_user,
    .may = identity_may,
};

/* ---- the host ---- */

void fake_host_init(struct fake_host *h) {
    memset(h, 0, sizeof *h);
    h->host = (struct berth_host){.size = sizeof h->host,
                                  .abi_major = BERTH_ABI_MAJOR,
                                  .abi_minor = BERTH_ABI_MINOR,
                                  .context = (struct berth_host_context *)(void *)&h->loop};
    h->nodes = &local_node;
    h->node_count = 1;
    h->search_answer = "{\"hits\":{\"total\":{\"value\":0},\"hits\":[]}}";
    base_buf_init(&h->search_body, BASE_BUF_MAX_DEFAULT);
    struct ml_plugin *p = &h->plugin;
    p->host = &h->host;
    p->routes = &routes_v1;
    p->settings_api = &settings_v1;
    p->nodes = &nodes_v1;
    p->store = &store_v1;
    p->loop = &fake_loop_v1;
    p->worker = &worker_v1;
    p->secrets = &secrets_v1;
    p->log = &log_v1;
    p->identity = &identity_v1;
    (void)pthread_mutex_init(&p->settings_lock, NULL);
    (void)pthread_mutex_init(&p->references_lock, NULL);
    (void)pthread_mutex_init(&p->auto_deploy_lock, NULL);
    base_arena_init(&p->arena, 2048);
    /* NULL where a test has that allocation fail: such a test makes no exchange. */
    p->gate = ml_gate_create();
    p->upstreams = ml_upstreams_create();
    (void)ml_workers_create(p, &p->workers, NULL);
}

void fake_host_deinit(struct fake_host *h) {
    for (size_t i = 0; i < FAKE_DOCUMENTS_MAX; i++) {
        free(h->documents[i].text);
    }
    base_buf_deinit(&h->search_body);
    ml_usages_deinit(&h->plugin.usages);
    ml_upstreams_destroy(h->plugin.upstreams);
    ml_workers_destroy(h->plugin.workers);
    ml_gate_unref(h->plugin.gate);
    ml_settings_release(h->plugin.settings);
    base_arena_deinit(&h->plugin.arena);
    (void)pthread_mutex_destroy(&h->plugin.settings_lock);
    (void)pthread_mutex_destroy(&h->plugin.references_lock);
    (void)pthread_mutex_destroy(&h->plugin.auto_deploy_lock);
}

void fake_host_start(struct fake_host *h) {
    if (ml_settings_declare(&h->plugin, NULL)) {
        abort();
    }
    h->changed(h->observer, &h->settings);
}

void fake_call_begin(struct fake_call *c, struct fake_host *h, const char *body) {
    memset(c, 0, sizeof *c);
    c->view = (struct berth_request_view){.size = sizeof c->view, .body = base_cstr(body)};
    c->call = (struct ml_call){.plugin = &h->plugin, .request = &c->request, .view = &c->view};
    c->call.error = (struct berth_error)BASE_ERROR_INIT;
    c->call.settings = h->plugin.settings ? ml_settings_acquire(&h->plugin) : NULL;
    base_arena_init(&c->call.arena, 4096);
    base_buf_init(&c->call.out, BASE_BUF_MAX_DEFAULT);
    if (json_parse(&c->call.doc, c->view.body, 0, NULL)) {
        c->call.body = json_root(&c->call.doc);
    }
}

void fake_call_end(struct fake_call *c) {
    base_buf_deinit(&c->request.body);
    base_buf_deinit(&c->call.out);
    json_doc_deinit(&c->call.doc);
    base_arena_deinit(&c->call.arena);
    ml_settings_release(c->call.settings);
}
