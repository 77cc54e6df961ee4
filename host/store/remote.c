/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to the cluster, and waiting until the replica has what was written.
 */
#include "host/store/remote_internal.h"

#include "base/json_write.h"
#include "host/base/condition.h"

#include <stdio.h>
#include <stdlib.h>

/* How long a node may take at its start to get all documents. */
#define START_TIMEOUT_MS (15u * 60 * 1000)
/* A transaction; etcd's own limit, --max-request-bytes, is 1.5 MiB unless it is set. */
#define REQUEST_MAX ((size_t)96 << 20)

/* ---- waiting ---- */

/* Under the lock: takes those out who need wait no longer. */
static struct store_waiter *take_ready(struct remote *remote) {
    struct store_waiter *ready = NULL;
    struct store_waiter **link = &remote->waiters;
    while (*link) {
        struct store_waiter *waiter = *link;
        if (remote->is_ending || waiter->revision <= remote->applied) {
            *link = waiter->next;
            waiter->next = ready;
            ready = waiter;
        } else {
            link = &waiter->next;
        }
    }
    return ready;
}

static void tell_waiters(struct store_waiter *ready) {
    while (ready) {
        struct store_waiter *next = ready->next;
        ready->fn(ready);
        ready = next;
    }
}

void remote_has_applied(struct remote *remote, int64_t revision) {
    (void)pthread_mutex_lock(&remote->lock);
    remote->applied = revision > remote->applied ? revision : remote->applied;
    struct store_waiter *ready = take_ready(remote);
    (void)pthread_cond_broadcast(&remote->changed);
    (void)pthread_mutex_unlock(&remote->lock);
    tell_waiters(ready);
}

void remote_await(struct remote *remote, struct store_waiter *waiter) {
    (void)pthread_mutex_lock(&remote->lock);
    waiter->next = remote->waiters;
    remote->waiters = waiter;
    struct store_waiter *ready = take_ready(remote);
    (void)pthread_mutex_unlock(&remote->lock);
    tell_waiters(ready);
}

void remote_stop_waiting(struct remote *remote) {
    (void)pthread_mutex_lock(&remote->lock);
    remote->is_ending = true;
    struct store_waiter *ready = take_ready(remote);
    (void)pthread_mutex_unlock(&remote->lock);
    tell_waiters(ready);
}

static bool wait_until(struct remote *remote, int64_t revision, uint64_t ms) {
    struct timespec until = condition_in(ms);
    int failed = 0;
    (void)pthread_mutex_lock(&remote->lock);
    while (remote->applied < revision && !failed) {
        failed = pthread_cond_timedwait(&remote->changed, &remote->lock, &until);
    }
    bool has = remote->applied >= revision;
    (void)pthread_mutex_unlock(&remote->lock);
    return has;
}

/* A stream that says nothing of what is there is opened anew, once. */
static bool wait_for(struct remote *remote, int64_t revision) {
    if (wait_until(remote, revision, remote->timeout_ms / 2)) {
        return true;
    }
    etcd_watch_again(remote->watch);
    return wait_until(remote, revision, remote->timeout_ms / 2);
}

/* Asks for the revision of the last write. */
static int32_t ask_last_write(struct remote *remote, uint32_t flags, int64_t *out_revision,
                              struct base_buf *answer, struct berth_error *error) {
    BASE_BUF_AUTO body;
    JSON_DOC_AUTO doc = {0};
    base_buf_init(&body, 4096);
    json_open_object(&body);
    json_key(&body, "key");
    etcd_put_bytes(&body, base_str(remote->prefix, remote->prefix_len));
    json_close_object(&body);
    int32_t code = body.error ? base_error_memory(error)
                              : etcd_ask(remote->etcd, "kv/range", base_buf_view(&body),
                                         flags | ETCD_REPEATABLE, answer, NULL, error);
    struct json_error fault;
    if (!code && !json_parse(&doc, base_buf_view(answer), 0, &fault)) {
        code = json_refuse(&fault, BERTH_E_UNAVAILABLE, "etcd's answer", error);
    }
    if (!code) {
        struct json_value kv = json_at(json_get(json_root(&doc), "kvs"), 0);
        *out_revision = etcd_number(json_get(kv, "mod_revision"));
    }
    return code;
}

/* Answers a question that was asked after this was called; several share one. */
static int32_t learn_last_write(struct remote *remote, int64_t *out_revision) {
    (void)pthread_mutex_lock(&remote->lock);
    uint64_t mine = remote->asked + 1;
    while (remote->answered < mine) {
        if (remote->is_asking) {
            (void)pthread_cond_wait(&remote->changed, &remote->lock);
            continue;
        }
        remote->is_asking = true;
        uint64_t number = ++remote->asked;
        (void)pthread_mutex_unlock(&remote->lock);
        int64_t revision = -1;
        BASE_BUF_AUTO answer;
        base_buf_init(&answer, 65536);
        int32_t code = ask_last_write(remote, 0, &revision, &answer, NULL);
        (void)pthread_mutex_lock(&remote->lock);
        remote->is_asking = false;
        remote->answered = number;
        remote->last_write = code ? -1 : revision;
        remote->last_code = code;
        (void)pthread_cond_broadcast(&remote->changed);
    }
    *out_revision = remote->last_write;
    int32_t code = remote->last_code;
    (void)pthread_mutex_unlock(&remote->lock);
    return code;
}

int32_t remote_catch_up(struct remote *remote, struct berth_error *error) {
    int64_t revision = -1;
    if (feed_is_current()) {
        return BERTH_OK;
    }
    int32_t code =
        etcd_is_up(remote->etcd) ? learn_last_write(remote, &revision) : BERTH_E_UNAVAILABLE;
    remote->is_stale = code || !wait_for(remote, revision);
    return code == BERTH_E_NO_MEMORY ? base_error_memory(error) : BERTH_OK;
}

bool remote_is_stale(const struct remote *remote) {
    return remote->is_stale;
}

/* ---- writing ---- */

static void put_key(struct remote *remote, const struct berth_write *w, struct base_buf *scratch,
                    struct base_buf *out) {
    base_buf_clear(scratch);
    base_buf_append(scratch, remote->prefix, remote->prefix_len);
    base_buf_str(scratch, w->index);
    base_buf_char(scratch, '/');
    base_buf_str(scratch, w->id);
    json_key(out, "key");
    etcd_put_bytes(out, base_buf_view(scratch));
    out->error = out->error ? out->error : scratch->error;
}

static bool is_conditional(const struct berth_write *w) {
    return w->op == BERTH_WRITE_CREATE || w->flags & BERTH_WRITE_IF_SEQ_NO;
}

static void put_condition(struct remote *remote, const struct berth_write *w,
                          struct base_buf *scratch, struct base_buf *out) {
    if (w->op == BERTH_WRITE_CREATE) {
        json_open_object(out);
        put_key(remote, w, scratch, out);
        json_member_cstr(out, "target", "VERSION");
        json_member_cstr(out, "version", "0");
        json_close_object(out);
    }
    if (w->flags & BERTH_WRITE_IF_SEQ_NO) {
        json_open_object(out);
        put_key(remote, w, scratch, out);
        json_member_cstr(out, "target", "MOD");
        /* 0 is what etcd gives a key that is not there; no document has it, or so many. */
        bool can_be = w->if_seq_no > 0 && w->if_seq_no <= INT64_MAX;
        json_member_i64(out, "mod_revision", can_be ? (int64_t)w->if_seq_no : -1);
        json_close_object(out);
    }
}

static void put_operation(struct remote *remote, const struct berth_write *w,
                          struct base_buf *scratch, struct base_buf *out) {
    bool is_delete = w->op == BERTH_WRITE_DELETE;
    json_open_object(out);
    json_key(out, is_delete ? "request_delete_range" : "request_put");
    json_open_object(out);
    put_key(remote, w, scratch, out);
    if (!is_delete) {
        base_buf_clear(scratch);
        base_buf_char(scratch, w->flags & BERTH_WRITE_REFRESH_LATER ? REMOTE_LATER : REMOTE_NOW);
        base_buf_str(scratch, w->source);
        json_key(out, "value");
        etcd_put_bytes(out, base_buf_view(scratch));
    }
    json_member_bool(out, "prev_kv", true);
    json_close_object(out);
    json_close_object(out);
}

static void put_look(struct remote *remote, const struct berth_write *w, struct base_buf *scratch,
                     struct base_buf *out) {
    if (is_conditional(w)) {
        json_open_object(out);
        json_key(out, "request_range");
        json_open_object(out);
        put_key(remote, w, scratch, out);
        json_member_bool(out, "keys_only", true);
        json_close_object(out);
        json_close_object(out);
    }
}

static void put_transaction(struct remote *remote, const struct store_change *group, uint32_t count,
                            struct base_buf *out) {
    static void (*const pieces[])(struct remote *, const struct berth_write *, struct base_buf *,
                                  struct base_buf *) = {put_condition, put_operation, put_look};
    static const char *const names[] = {"compare", "success", "failure"};
    BASE_BUF_AUTO scratch;
    base_buf_init_private(&scratch, REQUEST_MAX);
    json_open_object(out);
    for (size_t piece = 0; piece < BASE_COUNT(pieces); piece++) {
        json_key(out, names[piece]);
        json_open_array(out);
        for (uint32_t i = 0; i < count; i++) {
            pieces[piece](remote, group[i].write, &scratch, out);
        }
        if (pieces[piece] == put_operation) {
            json_open_object(out);
            json_key(out, "request_put");
            json_open_object(out);
            json_key(out, "key");
            etcd_put_bytes(out, base_str(remote->prefix, remote->prefix_len));
            json_close_object(out);
            json_close_object(out);
        }
        json_close_array(out);
    }
    json_close_object(out);
}

/* Which condition did not hold. */
static int32_t explain(const struct store_change *group, uint32_t count, struct json_value looked,
                       struct berth_error *error) {
    struct json_value look = json_first(looked);
    for (uint32_t i = 0; i < count && json_present(look); i++) {
        const struct berth_write *w = group[i].write;
        if (!is_conditional(w)) {
            continue;
        }
        struct json_value kv = json_at(json_get(json_get(look, "response_range"), "kvs"), 0);
        int64_t found = etcd_number(json_get(kv, "mod_revision"));
        if (w->op == BERTH_WRITE_CREATE && found) {
            return store_refuse_create(w, error);
        }
        if (w->flags & BERTH_WRITE_IF_SEQ_NO && (!found || (uint64_t)found != w->if_seq_no)) {
            return store_refuse_seq_no(w, found != 0, found, error);
        }
        look = json_next(looked, look);
    }
    return base_error(error, BERTH_E_CONFLICT, "what is written was changed meanwhile");
}

static void read_results(struct store_change *group, uint32_t count, struct json_value responses,
                         int64_t revision) {
    struct json_value response = json_first(responses);
    for (uint32_t i = 0; i < count && json_present(response); i++) {
        struct berth_write_result *result = &group[i].result;
        bool is_delete = group[i].write->op == BERTH_WRITE_DELETE;
        struct json_value said =
            json_get(response, is_delete ? "response_delete_range" : "response_put");
        struct json_value before =
            is_delete ? json_at(json_get(said, "prev_kvs"), 0) : json_get(said, "prev_kv");
        bool was_there = json_present(before);
        result->version = (uint64_t)etcd_number(json_get(before, "version")) + 1;
        result->seq_no = (uint64_t)revision;
        result->primary_term = 1;
        result->result = is_delete   ? was_there ? BERTH_WRITE_DELETED : BERTH_WRITE_NOT_FOUND
                         : was_there ? BERTH_WRITE_UPDATED
                                     : BERTH_WRITE_CREATED;
        response = json_next(responses, response);
    }
}

static int32_t send(struct remote *remote, struct berth_str body, struct base_buf *answer,
                    struct berth_error *error) {
    bool is_certain = true;
    struct berth_error why = BASE_ERROR_INIT;
    int32_t code = etcd_ask(remote->etcd, "kv/txn", body, 0, answer, &is_certain, &why);
    if (!code) {
        return BERTH_OK;
    }
    return base_error(error, code,
                      is_certain ? "nothing was written: %.700s"
                                 : "whether this was written is not known: %.700s",
                      why.message);
}

int32_t remote_write(struct remote *remote, struct store_change *group, uint32_t count,
                     struct berth_error *error) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    base_buf_init_private(&body, REQUEST_MAX);
    base_buf_init_private(&answer, REQUEST_MAX);
    put_transaction(remote, group, count, &body);
    int32_t code =
        body.error ? base_error_memory(error) : send(remote, base_buf_view(&body), &answer, error);
    if (code) {
        return code;
    }
    if (!json_parse(&doc, base_buf_view(&answer), 0, &fault)) {
        code = json_refuse(&fault, BERTH_E_UNAVAILABLE, "etcd's answer", NULL);
        return base_error(error, code,
                          "whether this was written is not known: etcd's answer cannot be read");
    }
    struct json_value responses = json_get(json_root(&doc), "responses");
    if (!json_is(json_get(json_root(&doc), "succeeded"), JSON_TRUE)) {
        return explain(group, count, responses, error);
    }
    int64_t revision = etcd_revision(json_root(&doc));
    read_results(group, count, responses, revision);
    if (!wait_for(remote, revision)) {
        return base_error(error, BERTH_E_UNAVAILABLE,
                          "this was written, but this node has not been told of it in %llu ms",
                          (unsigned long long)remote->timeout_ms);
    }
    if (remote->settle) {
        remote->settle(remote->settle_user, revision);
    }
    return BERTH_OK;
}

/* ---- opening ---- */

static int32_t read_cluster(struct store *store, int64_t *out_cluster, struct berth_error *error) {
    sqlite3_stmt *get = database_statement(store->writer, SQL_CLUSTER_GET);
    int32_t code = database_step(store->writer, get, error);
    *out_cluster = code == 1 ? database_i64(get, 0) : 0;
    if (get) {
        (void)sqlite3_reset(get);
    }
    return code < 0 ? code : BERTH_OK;
}

/* From here on the file is a replica of this cluster, of which it has nothing that is known. */
static int32_t set_cluster(struct store *store, int64_t cluster, struct berth_error *error) {
    sqlite3_stmt *forget = database_statement(store->writer, SQL_SEQ_SET);
    database_bind_i64(forget, 1, -1);
    int32_t code = database_run(store->writer, forget, error);
    sqlite3_stmt *set = database_statement(store->writer, SQL_CLUSTER_SET);
    database_bind_i64(set, 1, cluster);
    store->seq_no = code ? store->seq_no : -1;
    return code ? code : database_run(store->writer, set, error);
}

int32_t remote_check_file(struct store *store, const struct store_options *options,
                          struct berth_error *error) {
    int64_t cluster = 0;
    int32_t code = read_cluster(store, &cluster, error);
    if (code) {
        return code;
    }
    if (!options->etcd && cluster) {
        return base_error(error, BERTH_E_INVALID,
                          "[%s] holds a replica of a cluster's documents: start it with "
                          "cluster.engine: etcd, or give this node another directory and bring the "
                          "documents there by berth export and berth import",
                          options->data_path);
    }
    if (options->etcd && !cluster && store->seq_no >= 0) {
        return base_error(error, BERTH_E_INVALID,
                          "[%s] holds documents of a node of its own: give this one another "
                          "directory, and bring the documents into the cluster by berth export and "
                          "berth import",
                          options->data_path);
    }
    return BERTH_OK;
}

/* A number for the cluster and the prefix in it; never 0. */
static int64_t cluster_of(const struct remote *remote, struct berth_str answer) {
    JSON_DOC_AUTO doc = {0};
    if (!json_parse(&doc, answer, 0, NULL)) {
        return 1;
    }
    struct berth_str id = json_inner(json_get(json_get(json_root(&doc), "header"), "cluster_id"));
    uint64_t hash =
        base_str_hash(id) * 31 + base_str_hash(base_str(remote->prefix, remote->prefix_len));
    return (int64_t)(hash >> 1) | 1;
}

/* Where to follow the cluster from: -1 where the file is nothing of it. */
static int32_t begin(struct remote *remote, int64_t *out_from, int64_t *out_last_write,
                     struct berth_error *error) {
    struct store *store = remote->store;
    BASE_BUF_AUTO answer;
    JSON_DOC_AUTO doc = {0};
    int64_t known = 0;
    base_buf_init(&answer, 65536);
    *out_from = store->seq_no;
    *out_last_write = -1;
    int32_t code = read_cluster(store, &known, error);
    if (code) {
        return code;
    }
    code = ask_last_write(remote, ETCD_PROBE, out_last_write, &answer, error);
    if (code && known && code == BERTH_E_UNAVAILABLE) {
        LOG(remote->log, BERTH_LOG_WARN, "replica_starts_alone",
            LOG_FIELD("reason", base_cstr(error ? error->message : "")));
        remote->is_stale = true;
        return BERTH_OK;
    }
    if (code) {
        return code;
    }
    int64_t cluster = cluster_of(remote, base_buf_view(&answer));
    (void)json_parse(&doc, base_buf_view(&answer), 0, NULL);
    if (cluster != known || etcd_revision(json_root(&doc)) < store->seq_no) {
        *out_from = -1;
        return set_cluster(store, cluster, error);
    }
    return BERTH_OK;
}

static struct remote *make_remote(struct store *store, const struct store_options *options) {
    struct remote *remote = calloc(1, sizeof *remote);
    if (!remote) {
        return NULL;
    }
    condition_init(&remote->changed);
    (void)pthread_mutex_init(&remote->lock, NULL);
    remote->store = store;
    remote->etcd = options->etcd;
    remote->log = options->log;
    remote->timeout_ms = options->timeout_ms;
    remote->settle = options->settle;
    remote->settle_user = options->settle_user;
    int len = snprintf(remote->prefix, sizeof remote->prefix, BASE_FMT "docs/",
                       BASE_ARG(options->prefix));
    remote->prefix_len = (size_t)len < sizeof remote->prefix ? (size_t)len : 0;
    return remote;
}

int32_t remote_open(struct store *store, const struct store_options *options,
                    struct remote **out_remote, struct berth_error *error) {
    struct remote *remote = make_remote(store, options);
    int64_t last_write = -1;
    struct etcd_watch_options watch = {
        .etcd = options->etcd, .name = "replica", .hooks = replica_hooks};
    if (!remote) {
        return base_error_memory(error);
    }
    int32_t code = remote->prefix_len
                       ? begin(remote, &watch.revision, &last_write, error)
                       : base_error(error, BERTH_E_INVALID, "cluster.prefix has more than %u bytes",
                                    REMOTE_PREFIX_MAX - 8);
    remote->applied = watch.revision;
    watch.prefix = base_str(remote->prefix, remote->prefix_len);
    watch.hooks.user = remote;
    code = code ? code : etcd_watch_start(&watch, &remote->watch, error);
    /* At least listed, where it is new. */
    if (!code && !remote->is_stale &&
        !wait_until(remote, last_write > 0 ? last_write : 0, START_TIMEOUT_MS)) {
        code = base_error(error, BERTH_E_UNAVAILABLE,
                          "the documents of the cluster did not all come in %u minutes",
                          START_TIMEOUT_MS / 60000);
    }
    if (code) {
        remote_close(remote);
        return code;
    }
    *out_remote = remote;
    return BERTH_OK;
}

void remote_close(struct remote *remote) {
    if (remote) {
        remote_stop_waiting(remote);
        etcd_watch_stop(remote->watch);
        (void)pthread_cond_destroy(&remote->changed);
        (void)pthread_mutex_destroy(&remote->lock);
        free(remote);
    }
}
