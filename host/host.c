/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_internal.h"

#include "base/clock.h"
#include "host/base/file.h"
#include "host/base/process.h"
#include "host/store/cluster_identity.h"
#include "host/store/cluster_key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

/* ---- the parts, in order ---- */

static int32_t start_settings(struct host *host, struct settings_layer *file,
                              struct berth_error *error) {
    int32_t code = settings_create(&host->settings, error);
    if (code) {
        settings_layer_destroy(file);
        return code;
    }
    settings_set_file(host->settings, file);
    code = node_settings_declare(host->settings, error);
    if (code) {
        return code;
    }
    /*
     * The host's own settings are not dynamic: the texts that the view leads to are those of the
     * file and the defaults, which stay as they are.
     */
    const struct berth_settings_view *view = settings_acquire(host->settings);
    if (!view) {
        return base_error_memory(error);
    }
    code = node_settings_read(view, &host->node, error);
    settings_release(host->settings, view);
    if (!code) {
        host->log->level = log_level_from(host->node.log_level);
        (void)prctl(PR_SET_DUMPABLE, host->node.core_dumps ? 1 : 0);
    }
    return code;
}

/* One process at a time uses a data directory. */
static int32_t lock_data(struct host *host, struct berth_error *error) {
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/berth.lock", host->data_path);
    host->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (host->lock_fd < 0) {
        return base_error(error, BERTH_E_IO, "cannot open [%s]: %s", path, strerror(errno));
    }
    if (flock(host->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return base_error(error, BERTH_E_UNAVAILABLE,
                          "the data directory [%s] is in use by another Berth", host->data_path);
    }
    return BERTH_OK;
}

/* Copies of plugins that an earlier process left. */
static int32_t clean_run_directory(struct host *host, struct berth_error *error) {
    (void)snprintf(host->run_path, sizeof host->run_path, "%.*s/run", PATH_MAX - 8,
                   host->data_path);
    int32_t code = file_make_directory(host->run_path, error);
    DIR *directory = code ? NULL : opendir(host->run_path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
        }
    }
    if (directory) {
        (void)closedir(directory);
    }
    return code;
}

static int32_t start_data(struct host *host, struct berth_error *error) {
    (void)snprintf(host->data_path, sizeof host->data_path, BASE_FMT,
                   BASE_ARG(host->node.data_path));
    int32_t code = file_make_directory(host->data_path, error);
    code = code ? code : lock_data(host, error);
    code = code ? code : clean_run_directory(host, error);
    code = code ? code : secrets_open(host->data_path, &host->secrets, error);
    struct store_options options = {.data_path = host->data_path,
                                    /* One more for the feed, and one for a read within a scan. */
                                    .readers = host->node.worker_threads + PEER_WORKERS + 2,
                                    .sync_full = host->node.store_sync_full,
                                    .refresh_interval_ms = host->node.store_refresh_interval_ms,
                                    .etcd = host->etcd,
                                    .prefix = base_cstr(host->prefix),
                                    .timeout_ms = REPLICA_TIMEOUT_MS,
                                    .settle = host_settle,
                                    .settle_user = host,
                                    .log = host->log};
    code = code ? code : store_open(&options, &host->store, error);
    code = code ? code : cluster_identity_open(host->store, host->cluster_uuid, error);
    code = code || !host->etcd
               ? code
               : cluster_key_check(host->store, host->secrets, host->data_path, error);
    host->cluster_settings = (struct cluster_settings){
        .settings = host->settings, .applied = host_settings_applied, .user = host};
    return code ? code : cluster_settings_open(host->store, &host->cluster_settings, error);
}

static int32_t start_nodes(struct host *host, struct berth_error *error) {
    struct berth_node_attribute attributes[NODE_ATTRIBUTES_MAX];
    uint32_t count = 0;
    char machine[256] = "berth";
    (void)gethostname(machine, sizeof machine - 1);
    struct settings_layer *file = settings_layer_in_force(host->settings, SETTINGS_FILE);
    if (!file) {
        return base_error_memory(error);
    }
    struct berth_str prefix = BERTH_STR("node.attr.");
    for (size_t i = 0; i < settings_layer_count(file) && count < BASE_COUNT(attributes); i++) {
        const struct setting_value *value = settings_layer_at(file, i);
        if (base_str_starts(value->key, prefix) && value->count == 1) {
            attributes[count++] = (struct berth_node_attribute){
                base_str_from(value->key, prefix.len), value->texts[0]};
        }
    }
    struct nodes_options options = {.data_path = host->data_path,
                                    .name = host->node.node_name.len ? host->node.node_name
                                                                     : base_cstr(machine),
                                    .roles = host->node.roles,
                                    .role_count = host->node.role_count,
                                    .attributes = attributes,
                                    .attribute_count = count,
                                    .in_cluster = host->cluster != NULL};
    int32_t code = nodes_create(&options, &host->nodes, error);
    settings_layer_destroy(file);
    return code;
}

static int32_t start_tokens(const struct node_settings *node, struct jwt_verifier **out_verifier,
                            struct berth_error *error) {
    char file[PATH_MAX];
    struct jwt_options options = {.key_file = file,
                                  .subject = node->jwt_subject,
                                  .roles = node->jwt_roles,
                                  .audience = node->jwt_audience,
                                  .issuer = node->jwt_issuer,
                                  .leeway_ms = node->jwt_leeway_ms};
    (void)snprintf(file, sizeof file, BASE_FMT, BASE_ARG(node->jwt_key));
    return node->jwt_key.len ? jwt_verifier_create(&options, out_verifier, error) : BERTH_OK;
}

static int32_t start_security(struct host *host, struct berth_error *error) {
    char directory[PATH_MAX];
    (void)snprintf(directory, sizeof directory, BASE_FMT, BASE_ARG(host->node.security_directory));
    if (!directory[0]) {
        return BERTH_OK;
    }
    const struct node_settings *node = &host->node;
    struct security_options options = {
        .directory = directory,
        .loops = host->loops,
        .workers = host->workers,
        .cache_ms = node->security_cache_ms,
        .allowed_tries = node->security_allowed_tries,
        .tries_window_ms = node->security_tries_window_ms,
        .admin_names = {(struct berth_str *)(uintptr_t)node->admin_names, node->admin_name_count},
        .certificate_users =
            base_str_is(node->certificate_users, "cn")   ? SECURITY_CERTIFICATES_BY_CN
            : base_str_is(node->certificate_users, "dn") ? SECURITY_CERTIFICATES_BY_DN
                                                         : SECURITY_CERTIFICATES_OFF};
    int32_t code = stored_users_open(host->store, host->log, &host->stored_users, error);
    code = code ? code : start_tokens(node, &options.jwt, error);
    if (code) {
        return code;
    }
    options.overlay = stored_users_overlay(host->stored_users);
    code = security_create(&options, &host->security, error);
    return code ? code : stored_users_follow(host->stored_users, host->security, error);
}

static int open_audit(const struct host *host) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, BASE_FMT, BASE_ARG(host->node.audit_file));
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int32_t start_audit(struct host *host, struct berth_error *error) {
    if (host->node.audit_file.len == 0) {
        return BERTH_OK;
    }
    host->audit_fd = open_audit(host);
    if (host->audit_fd < 0) {
        return base_error(error, BERTH_E_IO, "the audit log [" BASE_FMT "] cannot be written: %s",
                          BASE_ARG(host->node.audit_file), strerror(errno));
    }
    log_init(&host->audit, host->audit_fd, BERTH_LOG_INFO);
    return BERTH_OK;
}

static int32_t start_threads(struct host *host, struct berth_error *error) {
    struct machine_info machine;
    machine_read(&machine);
    uint32_t loops = host->node.loops ? host->node.loops : machine.processors;
    int32_t code = loop_group_create(loops > LOOPS_MAX ? LOOPS_MAX : loops, &host->loops, error);
    code = code ? code
                : worker_pool_create("worker", host->node.worker_threads, host->node.worker_queue,
                                     &host->workers, error);
    code = code || !host->etcd ? code
                               : worker_pool_create("peer-worker", PEER_WORKERS, PEER_QUEUE,
                                                    &host->peer_workers, error);
    code = code ? code : start_security(host, error);
    code = code ? code : start_audit(host, error);
    struct router_options options = {.loops = host->loops,
                                     .workers = host->workers,
                                     .peer_workers = host->peer_workers,
                                     .security = host->security,
                                     .peer_secrets = host->etcd ? host->secrets : NULL,
                                     .is_stale = host->etcd ? host_is_stale : NULL,
                                     .stale_user = host,
                                     .audit = host->audit_fd < 0 ? NULL : &host->audit,
                                     .audit_reads = host->node.audit_reads,
                                     .compression = host->node.compression};
    code = code ? code : router_create(&options, &host->router, error);
    return code ? code : loop_group_start(host->loops, error);
}

static int32_t start_tls(struct host *host, struct berth_error *error) {
    char texts[4][PATH_MAX];
    const struct berth_str values[] = {host->node.tls_certificate, host->node.tls_key,
                                       host->node.tls_key_password, host->node.tls_ca};
    for (size_t i = 0; i < BASE_COUNT(values); i++) {
        (void)snprintf(texts[i], sizeof texts[i], BASE_FMT, BASE_ARG(values[i]));
    }
    struct tls_files files = {.certificate = texts[0],
                              .key = texts[1],
                              .key_password = texts[2],
                              .ca = texts[3],
                              .require_client_certificate = host->node.tls_client_required};
    int32_t code = tls_context_create(&files, &host->tls, error);
    explicit_bzero(texts[2], sizeof texts[2]);
    return code;
}

static int32_t start_server(struct host *host, struct berth_error *error) {
    int32_t code = host->node.tls ? start_tls(host, error) : BERTH_OK;
    struct http_server_options options = {.loops = host->loops,
                                          .limits = host->node.limits,
                                          .handler = router_handler(host->router),
                                          .tls = host->tls};
    return code ? code : http_server_create(&options, &host->server, error);
}

static int32_t load_plugins(struct host *host, struct berth_error *error) {
    int32_t code = plugins_publish(host->plugins, error);
    for (uint32_t i = 0; i < host->node.plugin_count && !code; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, BASE_FMT, BASE_ARG(host->node.plugins[i]));
        char name[PLUGIN_GENERATION_NAME];
        code = plugins_load(host->plugins, path, 0, name, error);
    }
    const struct setting_value *unknown = code ? NULL : settings_undeclared(host->settings);
    if (unknown) {
        code = unknown->line ? base_error(error, BERTH_E_INVALID,
                                          "line %u: there is no setting [" BASE_FMT
                                          "]; settings of a plugin need the plugin to be loaded",
                                          unknown->line, BASE_ARG(unknown->key))
                             : base_error(error, BERTH_E_INVALID,
                                          "there is no setting [" BASE_FMT
                                          "]; settings of a plugin need the plugin to be loaded",
                                          BASE_ARG(unknown->key));
    }
    return code;
}

static int32_t start_plugins(struct host *host, struct berth_error *error) {
    host->services = (struct plugin_services){.loops = host->loops,
                                              .workers = host->workers,
                                              .peer_workers = host->peer_workers,
                                              .router = host->router,
                                              .settings = host->settings,
                                              .nodes = host->nodes,
                                              .store = host->store,
                                              .secrets = host->secrets,
                                              .peers = host->peers,
                                              .log = host->log,
                                              .run_path = host->run_path};
    host->route_owner.name = NODE_SETTINGS_OWNER;
    route_set_init(&host->routes, &host->route_owner);
    int32_t code = plugins_create(&host->services, &host->routes, &host->plugins, error);
    code = code ? code : control_create(&host->control, error);
    host->rest = (struct rest_context){
        .settings = host->settings,
        .nodes = host->nodes,
        .cluster = host->cluster,
        .peers = host->peers,
        .store = host->store,
        .plugins = host->plugins,
        .control = host->control,
        .server = host->server,
        .workers = host->workers,
        .router = host->router,
        .security = host->security,
        .stored_users = host->stored_users,
        .cluster_name = host->node.cluster_name,
        .cluster_uuid = host->cluster_uuid,
        .compatibility_version = host->node.compatibility_version,
        .max_content_length = host->node.limits.max_content_length,
        .started_ms = base_wall_ms(),
    };
    code = code ? code : rest_add_routes(&host->routes, &host->rest, error);
    return code ? code : load_plugins(host, error);
}

typedef int32_t (*start_fn)(struct host *host, struct berth_error *error);

static int32_t create(const start_fn *steps, size_t count, struct settings_layer *file,
                      struct log *log, struct host **out_host, struct berth_error *error) {
    struct host *host = calloc(1, sizeof *host);
    if (!host) {
        settings_layer_destroy(file);
        return base_error_memory(error);
    }
    host->log = log;
    host->lock_fd = -1;
    host->audit_fd = -1;
    int32_t code = start_settings(host, file, error);
    for (size_t i = 0; i < count && !code; i++) {
        code = steps[i](host, error);
    }
    if (code) {
        host_destroy(host);
        return code;
    }
    *out_host = host;
    return BERTH_OK;
}

int32_t host_create(struct settings_layer *file, struct log *log, struct host **out_host,
                    struct berth_error *error) {
    static const start_fn steps[] = {
        host_start_cluster, start_data,       start_nodes,   start_threads,
        start_server,       host_start_peers, start_plugins,
    };
    return create(steps, BASE_COUNT(steps), file, log, out_host, error);
}

int32_t host_open_documents(struct settings_layer *file, struct log *log, struct host **out_host,
                            struct berth_error *error) {
    static const start_fn steps[] = {host_start_cluster, start_data};
    return create(steps, BASE_COUNT(steps), file, log, out_host, error);
}

struct store *host_store(struct host *host) {
    return host->store;
}

int32_t host_listen(struct host *host, struct berth_error *error) {
    char address[256];
    (void)snprintf(address, sizeof address, BASE_FMT, BASE_ARG(host->node.http_host));
    int32_t code = http_server_listen(host->server, address, host->node.http_port, error);
    code = code ? code
                : admin_start(host->plugins, host->data_path, host->node.watch_plugins, host->log,
                              &host->admin, error);
    if (host->node.publish_host.len) {
        (void)snprintf(address, sizeof address, BASE_FMT, BASE_ARG(host->node.publish_host));
    }
    if (!code && nodes_set_address(host->nodes, address, http_server_port(host->server))) {
        code = base_error(error, BERTH_E_INVALID, "http.host is too long");
    }
    code = code || !host->cluster ? code : cluster_join(host->cluster, host->nodes, error);
    if (!code) {
        const struct berth_node *node = nodes_local(host->nodes);
        LOG(host->log, BERTH_LOG_INFO, "listening", LOG_FIELD("address", node->address),
            LOG_FIELD("scheme", host->node.tls ? BERTH_STR("https") : BERTH_STR("http")),
            LOG_FIELD("node", node->name), LOG_FIELD("node_id", node->id));
    }
    return code;
}

/* The same number means the new file from one line to the next. */
static int32_t reopen_audit(struct host *host, struct berth_error *error) {
    int fd = host->audit_fd < 0 ? -1 : open_audit(host);
    bool failed = host->audit_fd >= 0 && (fd < 0 || dup3(fd, host->audit_fd, O_CLOEXEC) < 0);
    if (fd >= 0) {
        (void)close(fd);
    }
    return failed ? base_error(error, BERTH_E_IO, "the audit log cannot be opened anew: %s",
                               strerror(errno))
                  : BERTH_OK;
}

int32_t host_reload(struct host *host, struct berth_error *error) {
    int32_t code = reopen_audit(host, error);
    if (code) {
        return code;
    }
    admin_refresh(host->admin);
    return host->security ? security_reload(host->security, error) : BERTH_OK;
}

void host_destroy(struct host *host) {
    if (!host) {
        return;
    }
    uint64_t timeout = host->node.shutdown_timeout_ms;
    cluster_leave(host->cluster); /* first of all: the others send it nothing more */
    store_stop_waiting(host->store);
    if (host->server) {
        uint64_t cut = http_server_drain(host->server, timeout);
        if (cut) {
            LOG(host->log, BERTH_LOG_WARN, "connections_cut",
                LOG_FIELD("reason", BERTH_STR("node.shutdown_timeout")));
        }
    }
    admin_stop(host->admin);
    control_destroy(host->control);
    if (host->plugins) {
        plugins_stop(host->plugins, timeout);
    }
    peers_stop(host->peers);
    struct worker_pool *const pools[] = {host->workers, host->peer_workers};
    for (size_t i = 0; i < BASE_COUNT(pools); i++) {
        if (pools[i]) {
            worker_pool_stop(pools[i]);
        }
    }
    if (host->loops) {
        (void)loop_group_stop(host->loops);
    }
    peers_destroy(host->peers);
    http_server_destroy(host->server);
    tls_context_destroy(host->tls);
    plugins_destroy(host->plugins);
    route_set_deinit(&host->routes);
    router_destroy(host->router);
    stored_users_leave(host->stored_users);
    security_destroy(host->security);
    stored_users_close(host->stored_users);
    if (host->audit_fd >= 0) {
        log_deinit(&host->audit);
        (void)close(host->audit_fd);
    }
    worker_pool_destroy(host->workers);
    worker_pool_destroy(host->peer_workers);
    loop_group_destroy(host->loops);
    nodes_destroy(host->nodes);
    store_close(host->store);
    cluster_destroy(host->cluster);
    etcd_destroy(host->etcd);
    secrets_close(host->secrets);
    settings_destroy(host->settings);
    if (host->lock_fd >= 0) {
        (void)close(host->lock_fd);
    }
    free(host);
}
