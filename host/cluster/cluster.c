/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cluster/cluster.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "host/base/condition.h"
#include "host/cluster/members.h"
#include "host/etcd/etcd_watch.h"
#include "host/version.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY_MAX 256u
#define ANSWER_MAX ((size_t)1 << 20)
/* A lease is prolonged this often in its time. */
#define BEATS 3u
/* While etcd is away, looks whether it is back. */
#define PROBE_MS 500u
/* Until the node sees itself; then it goes on without. */
#define JOIN_MS 10000u

struct cluster {
    struct cluster_options options;
    struct nodes *nodes;  /* NULL before it has joined */
    char prefix[KEY_MAX]; /* <prefix>nodes/ */
    char key[KEY_MAX + 64];
    struct etcd_watch *watch;
    struct members *members; /* of the watch's thread; its settings under lock */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_ending; /* under lock, likewise the next four */
    bool is_told;   /* there is something new to say */
    bool has_seen_itself;
    uint64_t settings;       /* revision that is in force here */
    uint64_t settings_least; /* and everywhere */
    /* Until when the lease holds, if it is not prolonged; base_monotonic_ns. A process that was
     * paused for longer knows by it, before it has asked. */
    _Atomic uint64_t good_until;
    struct base_buf seen; /* the nodes, as the log tells of them; of the watch's thread */
    /* Of the thread: */
    int64_t lease;
    struct base_buf told; /* what the key says */
};

/* ---- what this node says ---- */

static void put_self(struct cluster *cluster, struct base_buf *out) {
    const struct berth_node *node = nodes_local(cluster->nodes);
    (void)pthread_mutex_lock(&cluster->lock);
    uint64_t settings = cluster->settings;
    (void)pthread_mutex_unlock(&cluster->lock);
    json_open_object(out);
    json_member_string(out, "name", node->name);
    json_member_string(out, "address", node->address);
    json_member_cstr(out, "version", BERTH_VERSION);
    json_key(out, "roles");
    json_put_strings(out, node->roles, node->role_count);
    json_key(out, "attributes");
    json_open_object(out);
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        json_key_str(out, node->attributes[i].name);
        json_put_string(out, node->attributes[i].value);
    }
    json_close_object(out);
    json_member_u64(out, "settings", settings);
    if (cluster->options.describe) {
        cluster->options.describe(cluster->options.user, out);
    }
    json_close_object(out);
}

static int32_t ask(struct cluster *cluster, const char *path, struct base_buf *body,
                   struct base_buf *answer, struct json_doc *doc, struct berth_error *error) {
    struct json_error fault;
    int32_t code = body->error ? base_error_memory(error)
                               : etcd_ask(cluster->options.etcd, path, base_buf_view(body),
                                          ETCD_PROBE | ETCD_REPEATABLE, answer, NULL, error);
    return code || json_parse(doc, base_buf_view(answer), 0, &fault)
               ? code
               : json_refuse(&fault, BERTH_E_UNAVAILABLE, "etcd's answer", error);
}

static int32_t grant_lease(struct cluster *cluster, struct berth_error *error) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    JSON_DOC_AUTO doc = {0};
    base_buf_init(&body, 256);
    base_buf_init(&answer, ANSWER_MAX);
    json_open_object(&body);
    json_member_u64(&body, "TTL", (cluster->options.lease_ms + 999) / 1000);
    json_close_object(&body);
    int32_t code = ask(cluster, "lease/grant", &body, &answer, &doc, error);
    cluster->lease = code ? 0 : etcd_number(json_get(json_root(&doc), "ID"));
    return code || cluster->lease ? code
                                  : base_error(error, BERTH_E_UNAVAILABLE, "etcd gave no lease");
}

/* Prolongs the lease; it is 0 afterwards where it has run out. */
static int32_t keep_lease(struct cluster *cluster, struct berth_error *error) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    JSON_DOC_AUTO doc = {0};
    base_buf_init(&body, 256);
    base_buf_init(&answer, ANSWER_MAX);
    json_open_object(&body);
    json_member_i64(&body, "ID", cluster->lease);
    json_close_object(&body);
    int32_t code = ask(cluster, "lease/keepalive", &body, &answer, &doc, error);
    if (!code && etcd_number(json_get(json_get(json_root(&doc), "result"), "TTL")) <= 0) {
        cluster->lease = 0;
    }
    return code;
}

static int32_t put_key(struct cluster *cluster, struct berth_str said, struct berth_error *error) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    JSON_DOC_AUTO doc = {0};
    base_buf_init(&body, ANSWER_MAX);
    base_buf_init(&answer, ANSWER_MAX);
    json_open_object(&body);
    json_key(&body, "key");
    etcd_put_bytes(&body, base_cstr(cluster->key));
    json_key(&body, "value");
    etcd_put_bytes(&body, said);
    json_member_i64(&body, "lease", cluster->lease);
    json_close_object(&body);
    return ask(cluster, "kv/put", &body, &answer, &doc, error);
}

static void end_lease(struct cluster *cluster) {
    BASE_BUF_AUTO body;
    BASE_BUF_AUTO answer;
    base_buf_init(&body, 256);
    base_buf_init(&answer, ANSWER_MAX);
    json_open_object(&body);
    json_member_i64(&body, "ID", cluster->lease);
    json_close_object(&body);
    if (cluster->lease && !body.error) {
        (void)etcd_ask(cluster->options.etcd, "lease/revoke", base_buf_view(&body), 0, &answer,
                       NULL, NULL);
    }
}

/* One beat: the lease lives on or is made anew, and the key says what is so. */
static int32_t beat(struct cluster *cluster, struct berth_error *error) {
    BASE_BUF_AUTO said;
    base_buf_init(&said, ANSWER_MAX);
    int32_t code = cluster->lease ? keep_lease(cluster, error) : BERTH_OK;
    bool is_new = !code && !cluster->lease;
    code = code || !is_new ? code : grant_lease(cluster, error);
    if (code) {
        return code;
    }
    put_self(cluster, &said);
    if (said.error) {
        return base_error_memory(error);
    }
    if (is_new || !base_str_eq(base_buf_view(&said), base_buf_view(&cluster->told))) {
        code = put_key(cluster, base_buf_view(&said), error);
        if (code) {
            cluster->lease = is_new ? 0 : cluster->lease;
            return code;
        }
        base_buf_clear(&cluster->told);
        base_buf_str(&cluster->told, base_buf_view(&said));
    }
    if (is_new) {
        LOG(cluster->options.log, BERTH_LOG_INFO, "node_registered",
            LOG_FIELD("key", base_cstr(cluster->key)));
    }
    return BERTH_OK;
}

static void *work(void *user) {
    struct cluster *cluster = user;
    (void)pthread_setname_np(pthread_self(), "membership");
    (void)pthread_mutex_lock(&cluster->lock);
    while (!cluster->is_ending) {
        cluster->is_told = false;
        (void)pthread_mutex_unlock(&cluster->lock);
        struct berth_error error = BASE_ERROR_INIT;
        uint64_t began = base_monotonic_ns();
        int32_t code = beat(cluster, &error);
        if (!code) {
            cluster->good_until = began + cluster->options.lease_ms * BASE_NS_PER_MS;
        }
        struct timespec until = condition_in(code ? PROBE_MS : cluster->options.lease_ms / BEATS);
        (void)pthread_mutex_lock(&cluster->lock);
        while (!cluster->is_ending && !cluster->is_told &&
               pthread_cond_timedwait(&cluster->changed, &cluster->lock, &until) == 0) {
        }
    }
    (void)pthread_mutex_unlock(&cluster->lock);
    end_lease(cluster);
    return NULL;
}

/* ---- what the others say ---- */

/* Tells the log who is there, where that is news. */
static void tell_nodes(struct cluster *cluster, const struct berth_node *all, uint32_t count) {
    BASE_BUF_AUTO names;
    struct berth_str elected = {"", 0};
    base_buf_init(&names, ANSWER_MAX);
    for (uint32_t i = 0; i < count; i++) {
        base_buf_cstr(&names, i ? "," : "");
        base_buf_str(&names, all[i].name);
        elected = all[i].is_elected ? all[i].name : elected;
    }
    size_t len = names.len;
    base_buf_cstr(&names, "*");
    base_buf_str(&names, elected);
    if (names.error || len == 0 ||
        base_str_eq(base_buf_view(&names), base_buf_view(&cluster->seen))) {
        return; /* before this node has registered there may be none */
    }
    LOG(cluster->options.log, BERTH_LOG_INFO, "nodes_changed",
        LOG_FIELD("nodes", base_str_slice(base_buf_view(&names), 0, len)),
        LOG_FIELD("elected", elected));
    base_buf_clear(&cluster->seen);
    base_buf_str(&cluster->seen, base_buf_view(&names));
}

static int32_t publish(struct cluster *cluster, struct berth_error *error) {
    uint32_t count = 0;
    uint64_t least = 0;
    const struct berth_node *all = members_list(cluster->members, &count, &least);
    if (!all || nodes_set_all(cluster->nodes, all, count)) {
        return base_error_memory(error);
    }
    tell_nodes(cluster, all, count);
    bool has_self = members_have(cluster->members, nodes_local(cluster->nodes)->id);
    (void)pthread_mutex_lock(&cluster->lock);
    cluster->settings_least = least;
    cluster->has_seen_itself = has_self;
    (void)pthread_cond_broadcast(&cluster->changed);
    (void)pthread_mutex_unlock(&cluster->lock);
    return BERTH_OK;
}

static int32_t changed(void *user, const struct etcd_pair *changes, uint32_t count,
                       int64_t revision, struct berth_error *error) {
    struct cluster *cluster = user;
    (void)revision;
    for (uint32_t i = 0; i < count; i++) {
        if (members_change(cluster->members, &changes[i])) {
            return base_error_memory(error);
        }
    }
    return count ? publish(cluster, error) : BERTH_OK;
}

static int32_t listed(void *user, const struct etcd_pair *pairs, uint32_t count, bool is_first,
                      bool is_last, int64_t revision, struct berth_error *error) {
    struct cluster *cluster = user;
    if (is_first) {
        members_clear(cluster->members);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (members_change(cluster->members, &pairs[i])) {
            return base_error_memory(error);
        }
    }
    (void)revision;
    return is_last ? publish(cluster, error) : BERTH_OK;
}

/* ---- joining and leaving ---- */

int32_t cluster_create(const struct cluster_options *options, struct cluster **out_cluster,
                       struct berth_error *error) {
    if (options->prefix.len > KEY_MAX - 16) {
        return base_error(error, BERTH_E_INVALID, "cluster.prefix has more than %u bytes",
                          KEY_MAX - 16);
    }
    struct cluster *cluster = calloc(1, sizeof *cluster);
    if (!cluster) {
        return base_error_memory(error);
    }
    cluster->options = *options;
    condition_init(&cluster->changed);
    (void)pthread_mutex_init(&cluster->lock, NULL);
    base_buf_init(&cluster->told, ANSWER_MAX);
    base_buf_init(&cluster->seen, ANSWER_MAX);
    (void)snprintf(cluster->prefix, sizeof cluster->prefix, BASE_FMT "nodes/",
                   BASE_ARG(options->prefix));
    cluster->members = members_create(cluster->prefix);
    if (!cluster->members) {
        cluster_destroy(cluster);
        return base_error_memory(error);
    }
    *out_cluster = cluster;
    return BERTH_OK;
}

void cluster_destroy(struct cluster *cluster) {
    if (cluster) {
        cluster_leave(cluster);
        members_destroy(cluster->members);
        base_buf_deinit(&cluster->told);
        base_buf_deinit(&cluster->seen);
        (void)pthread_cond_destroy(&cluster->changed);
        (void)pthread_mutex_destroy(&cluster->lock);
        free(cluster);
    }
}

static void wait_until_seen(struct cluster *cluster) {
    struct timespec until = condition_in(JOIN_MS);
    int failed = 0;
    (void)pthread_mutex_lock(&cluster->lock);
    while (!cluster->has_seen_itself && !failed && etcd_is_up(cluster->options.etcd)) {
        failed = pthread_cond_timedwait(&cluster->changed, &cluster->lock, &until);
    }
    (void)pthread_mutex_unlock(&cluster->lock);
}

int32_t cluster_join(struct cluster *cluster, struct nodes *nodes, struct berth_error *error) {
    cluster->nodes = nodes;
    (void)snprintf(cluster->key, sizeof cluster->key, "%s" BASE_FMT, cluster->prefix,
                   BASE_ARG(nodes_local(nodes)->id));
    struct etcd_watch_options watch = {
        .etcd = cluster->options.etcd,
        .name = "members",
        .prefix = base_cstr(cluster->prefix),
        .revision = -1,
        .hooks = {.user = cluster, .listed = listed, .changed = changed}};
    int32_t code = etcd_watch_start(&watch, &cluster->watch, error);
    if (!code && pthread_create(&cluster->thread, NULL, work, cluster) != 0) {
        code = base_error(error, BERTH_E_NO_MEMORY, "cannot start a thread");
    }
    cluster->has_thread = !code;
    if (code) {
        cluster_leave(cluster);
        return code;
    }
    wait_until_seen(cluster);
    return BERTH_OK;
}

void cluster_leave(struct cluster *cluster) {
    if (!cluster) {
        return;
    }
    if (cluster->has_thread) {
        (void)pthread_mutex_lock(&cluster->lock);
        cluster->is_ending = true;
        (void)pthread_cond_broadcast(&cluster->changed);
        (void)pthread_mutex_unlock(&cluster->lock);
        (void)pthread_join(cluster->thread, NULL);
        cluster->has_thread = false;
    }
    etcd_watch_stop(cluster->watch);
    cluster->watch = NULL;
}

bool cluster_is_whole(const struct cluster *cluster) {
    return base_monotonic_ns() < cluster->good_until && etcd_is_up(cluster->options.etcd);
}

/* ---- settings ---- */

void cluster_settings_applied(struct cluster *cluster, uint64_t revision) {
    (void)pthread_mutex_lock(&cluster->lock);
    cluster->settings = revision > cluster->settings ? revision : cluster->settings;
    cluster->is_told = true;
    (void)pthread_cond_broadcast(&cluster->changed);
    (void)pthread_mutex_unlock(&cluster->lock);
}

bool cluster_wait_settings(struct cluster *cluster, uint64_t revision, uint64_t timeout_ms) {
    struct timespec until = condition_in(timeout_ms);
    int failed = 0;
    (void)pthread_mutex_lock(&cluster->lock);
    while (cluster->settings_least < revision && !failed) {
        failed = pthread_cond_timedwait(&cluster->changed, &cluster->lock, &until);
    }
    bool all = cluster->settings_least >= revision;
    (void)pthread_mutex_unlock(&cluster->lock);
    return all;
}
