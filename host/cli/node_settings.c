/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cli/node_settings.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MS(seconds) ((seconds) * 1000.0)
#define KIB(n) ((n) * 1024.0)
#define MIB(n) ((n) * 1048576.0)
#define ATTRIBUTE_PREFIX "node.attr."

/* The table; docs/operations/configuration.md is made from it. A path is relative to its file. */
struct row {
    const char *key;
    uint32_t type;
    bool is_path;
    bool is_secret;
    const char *default_text; /* a list's items are joined by commas */
    double min;
    double max;
    const char *description;
};

static const struct row rows[] = {
    {"cluster.name", BERTH_SETTING_TEXT, false, false, "berth", 0, 0,
     "The name that GET / and _cluster/health show."},
    {"cluster.engine", BERTH_SETTING_TEXT, false, false, "sqlite", 0, 0,
     "Where documents and settings are kept: sqlite, in this node's data directory; etcd, in a "
     "cluster."},
    {"cluster.endpoints", BERTH_SETTING_LIST, false, false, "", 0, 0,
     "Addresses of etcd's members, http://host:port or https://host:port."},
    {"cluster.prefix", BERTH_SETTING_TEXT, false, false, "", 0, 0,
     "What the cluster's keys begin with in etcd; by default /berth/ and the cluster's name."},
    {"cluster.timeout", BERTH_SETTING_TIME, false, false, "5s", 100, MS(600),
     "How long a member of etcd may take to answer."},
    {"cluster.lease", BERTH_SETTING_TIME, false, false, "10s", MS(2), MS(600),
     "A node that was not heard of for so long has left."},
    {"cluster.tls.ca", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "Authorities of etcd's certificates, PEM; empty: those of the system."},
    {"cluster.tls.certificate", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "This node's certificate for etcd, PEM; empty: none."},
    {"cluster.tls.key", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "The private key of that certificate, PEM."},
    {"cluster.user", BERTH_SETTING_TEXT, false, false, "", 0, 0,
     "The user of etcd; empty: it asks for none."},
    {"cluster.password", BERTH_SETTING_TEXT, false, true, "", 0, 0, "That user's password."},
    {"node.name", BERTH_SETTING_TEXT, false, false, "", 0, 0,
     "The node's name; by default the name of the machine."},
    {"node.roles", BERTH_SETTING_LIST, false, false, "cluster_manager,data,ingest,ml", 0, 0,
     "What the node is for; plugins give roles their meaning."},
    {"berth.plugins", BERTH_SETTING_LIST, true, false, "", 0, 0,
     "Files of plugins to load, in this order; --plugin adds to them."},
    {"berth.watch_plugins", BERTH_SETTING_BOOL, false, false, "false", 0, 0,
     "Whether a plugin is reloaded when a new file is renamed to the place of its file."},
    {"path.data", BERTH_SETTING_TEXT, true, false, "data", 0, 0,
     "The directory of the documents, the node's id and the master key."},
    {"http.host", BERTH_SETTING_TEXT, false, false, "127.0.0.1", 0, 0,
     "The address to listen on; _local_ is 127.0.0.1."},
    {"http.port", BERTH_SETTING_INT, false, false, "9200", 0, 65535,
     "The port to listen on; 0 takes any free one."},
    {"http.publish_host", BERTH_SETTING_TEXT, false, false, "", 0, 0,
     "The address at which the other nodes of a cluster reach this one; by default http.host."},
    {"http.loops", BERTH_SETTING_INT, false, false, "0", 0, 64,
     "Event loops, each a thread; 0 makes one a processor."},
    {"http.max_content_length", BERTH_SETTING_BYTES, false, false, "100mb", 1, MIB(2047.0),
     "The largest body of a request, as sent and unpacked; beyond: 413."},
    {"http.max_header_size", BERTH_SETTING_BYTES, false, false, "16kb", 256, MIB(1),
     "All header lines of a request together; beyond: 431."},
    {"http.max_initial_line_length", BERTH_SETTING_BYTES, false, false, "8kb", 64, MIB(1),
     "The request line; beyond: 414."},
    {"http.max_headers", BERTH_SETTING_INT, false, false, "100", 1, HTTP_HEADERS_MAX,
     "Header lines of a request; beyond: 431."},
    {"http.max_connections", BERTH_SETTING_INT, false, false, "20000", 1, 1e7,
     "Open connections, shared out evenly over the loops; beyond: 503."},
    {"http.max_in_flight", BERTH_SETTING_INT, false, false, "10000", 1, 1e7,
     "Requests being answered, shared out evenly over the loops; beyond: 503."},
    {"http.header_timeout", BERTH_SETTING_TIME, false, false, "10s", 10, MS(3600),
     "From the first byte of a request to the end of its head; beyond: 408."},
    {"http.body_timeout", BERTH_SETTING_TIME, false, false, "30s", 10, MS(3600),
     "The longest pause within a body; beyond: 408."},
    {"http.keep_alive_timeout", BERTH_SETTING_TIME, false, false, "75s", 10, MS(86400),
     "How long a connection may wait for its next request."},
    {"http.write_timeout", BERTH_SETTING_TIME, false, false, "60s", 10, MS(3600),
     "How long a client may take no byte of its answer."},
    {"http.compression", BERTH_SETTING_BOOL, false, false, "true", 0, 0,
     "Answer with gzip where the client takes it and it is worth it."},
    {"plugins.security.ssl.http.enabled", BERTH_SETTING_BOOL, false, false, "false", 0, 0,
     "Serve HTTPS instead of HTTP."},
    {"plugins.security.ssl.http.pemcert_filepath", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "The node's certificate with its chain, PEM."},
    {"plugins.security.ssl.http.pemkey_filepath", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "The private key of the certificate, PEM."},
    {"plugins.security.ssl.http.pemkey_password", BERTH_SETTING_TEXT, false, true, "", 0, 0,
     "The password of the private key."},
    {"plugins.security.ssl.http.pemtrustedcas_filepath", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "Authorities of the clients' certificates, PEM; empty: clients are not asked for one."},
    {"plugins.security.ssl.http.clientauth_mode", BERTH_SETTING_TEXT, false, false, "OPTIONAL", 0,
     0, "REQUIRE a client certificate, or take one as OPTIONAL."},
    {"plugins.security.config_dir", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "The directory of internal_users.yml, roles.yml, roles_mapping.yml and action_groups.yml; "
     "empty: there are no users, and everything is open."},
    {"plugins.security.cache.ttl", BERTH_SETTING_TIME, false, false, "1m", 0, MS(86400),
     "How long a password that was right is believed without being checked again."},
    {"plugins.security.auth.allowed_tries", BERTH_SETTING_INT, false, false, "10", 0, 1e6,
     "Wrong passwords for one name from one address within the window; beyond, all are refused "
     "with "
     "429 until it has passed. 0 for no limit."},
    {"plugins.security.auth.time_window", BERTH_SETTING_TIME, false, false, "1m", 1, MS(86400),
     "The window in which wrong passwords are counted."},
    {"plugins.security.authcz.admin_dn", BERTH_SETTING_LIST, false, false, "", 0, 0,
     "Names in clients' certificates (CN=admin,O=Example) whose owners are administrators."},
    {"plugins.security.clientcert.username_attribute", BERTH_SETTING_TEXT, false, false, "", 0, 0,
     "What in a client's certificate names a user: cn, or dn for the whole name; empty: "
     "certificates make no users."},
    {"plugins.security.jwt.signing_key_filepath", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "The key that bearer tokens are checked with: a public key as PEM (RSA: RS256, P-256: ES256), "
     "else the secret of HS256; empty: no tokens are taken."},
    {"plugins.security.jwt.subject_key", BERTH_SETTING_TEXT, false, false, "sub", 0, 0,
     "The claim of a token that names the user."},
    {"plugins.security.jwt.roles_key", BERTH_SETTING_TEXT, false, false, "roles", 0, 0,
     "The claim with the backend roles; empty: tokens bring none."},
    {"plugins.security.jwt.required_audience", BERTH_SETTING_TEXT, false, false, "", 0, 0,
     "What the claim aud must hold; empty: anything."},
    {"plugins.security.jwt.required_issuer", BERTH_SETTING_TEXT, false, false, "", 0, 0,
     "What the claim iss must be; empty: anything."},
    {"plugins.security.jwt.clock_skew_tolerance", BERTH_SETTING_TIME, false, false, "30s", 0,
     MS(3600), "By how much the clock of whoever signs tokens may differ."},
    {"plugins.security.audit.file", BERTH_SETTING_TEXT, true, false, "", 0, 0,
     "The audit log: a JSON line for each request that changes something or is refused; empty: "
     "none."},
    {"plugins.security.audit.reads", BERTH_SETTING_BOOL, false, false, "false", 0, 0,
     "On: also for requests that change nothing, such as searches and predictions."},
    {"plugins.security.disabled", BERTH_SETTING_BOOL, false, false, "false", 0, 0,
     "Serve without users, or without TLS, on addresses that others reach."},
    {"worker.threads", BERTH_SETTING_INT, false, false, "8", 1, 1024,
     "Threads for what may block, such as writing documents."},
    {"worker.queue", BERTH_SETTING_INT, false, false, "1000", 1, 1e6,
     "Requests that may wait for such a thread; beyond: 429."},
    {"store.sync", BERTH_SETTING_TEXT, false, false, "full", 0, 0,
     "full: an acknowledged write survives a loss of power; normal: it survives the process."},
    {"store.refresh_interval", BERTH_SETTING_TIME, false, false, "1s", 0, MS(60),
     "How long a search may still show a document as it was before an update; 0 for not at all."},
    {"log.level", BERTH_SETTING_TEXT, false, false, "info", 0, 0,
     "The least that is logged: debug, info, warn or error."},
    {"process.core_dumps", BERTH_SETTING_BOOL, false, false, "false", 0, 0,
     "Let a crash leave a core dump. What clients send at that moment may be in it, and private "
     "keys of TLS are."},
    {"compatibility.version", BERTH_SETTING_TEXT, false, false, "2.19.4", 0, 0,
     "The version of OpenSearch that GET / shows to clients."},
    {"node.shutdown_timeout", BERTH_SETTING_TIME, false, false, "30s", 0, MS(3600),
     "How long requests in flight may take when the node is told to stop."},
};

static int32_t declare_row(struct settings *settings, const struct row *row,
                           struct berth_error *error) {
    struct berth_str items[16];
    uint32_t count = 0;
    struct berth_str rest = base_cstr(row->default_text);
    struct berth_str piece;
    if (row->type == BERTH_SETTING_LIST) {
        while (rest.len && count < BASE_COUNT(items) && base_str_split(&rest, ',', &piece)) {
            items[count++] = piece;
        }
    } else {
        items[count++] = rest;
    }
    struct berth_setting setting = {.size = sizeof setting,
                                    .type = row->type,
                                    .flags = row->is_secret ? BERTH_SETTING_SENSITIVE : 0,
                                    .default_count = count,
                                    .key = base_cstr(row->key),
                                    .description = base_cstr(row->description),
                                    .default_values = items,
                                    .min = row->min,
                                    .max = row->max};
    return settings_declare(settings, NODE_SETTINGS_OWNER, &setting, 1, error);
}

static int32_t declare_attributes(struct settings *settings, struct berth_error *error) {
    struct settings_layer *file = settings_layer_in_force(settings, SETTINGS_FILE);
    int32_t code = file ? BERTH_OK : base_error_memory(error);
    for (size_t i = 0; i < settings_layer_count(file) && !code; i++) {
        struct berth_str key = settings_layer_at(file, i)->key;
        if (base_str_starts(key, BERTH_STR(ATTRIBUTE_PREFIX))) {
            struct berth_str none = BERTH_STR("");
            struct berth_setting setting = {.size = sizeof setting,
                                            .type = BERTH_SETTING_TEXT,
                                            .default_count = 1,
                                            .key = key,
                                            .description = BERTH_STR("An attribute of the node."),
                                            .default_values = &none};
            code = settings_declare(settings, NODE_SETTINGS_OWNER, &setting, 1, error);
        }
    }
    settings_layer_destroy(file);
    return code;
}

int32_t node_settings_declare(struct settings *settings, struct berth_error *error) {
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(rows) && !code; i++) {
        code = declare_row(settings, &rows[i], error);
    }
    return code ? code : declare_attributes(settings, error);
}

/* The table declares what is read here, so that reading cannot fail. */
static struct berth_str text_of(const struct berth_settings_view *view, const char *key) {
    struct berth_str text = {"", 0};
    (void)settings_get_text(view, base_cstr(key), &text);
    return text;
}

static uint64_t number_of(const struct berth_settings_view *view, const char *key) {
    int64_t number = 0;
    (void)settings_get_int(view, base_cstr(key), &number);
    return (uint64_t)number;
}

static bool one_of(struct berth_str text, const char *a, const char *b) {
    return base_str_is(text, a) || base_str_is(text, b);
}

static void read_limits(const struct berth_settings_view *view, struct http_limits *out) {
    const struct {
        const char *key;
        uint64_t *out;
    } fields[] = {
        {"http.max_initial_line_length", &out->max_initial_line_length},
        {"http.max_header_size", &out->max_header_size},
        {"http.max_headers", &out->max_headers},
        {"http.max_content_length", &out->max_content_length},
        {"http.max_connections", &out->max_connections},
        {"http.max_in_flight", &out->max_in_flight},
        {"http.header_timeout", &out->header_timeout_ms},
        {"http.body_timeout", &out->body_timeout_ms},
        {"http.keep_alive_timeout", &out->keep_alive_timeout_ms},
        {"http.write_timeout", &out->write_timeout_ms},
    };
    for (size_t i = 0; i < BASE_COUNT(fields); i++) {
        *fields[i].out = number_of(view, fields[i].key);
    }
}

/* Addresses that no other machine reaches. */
static bool is_loopback(struct berth_str host) {
    return base_str_starts(host, BERTH_STR("127.")) || base_str_is(host, "::1") ||
           base_str_is(host, "[::1]") || base_str_is(host, "localhost");
}

static int32_t check(const struct node_settings *s, struct berth_str sync,
                     struct berth_str client_mode, struct berth_error *error) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    bool level = false;
    for (size_t i = 0; i < BASE_COUNT(levels); i++) {
        level |= base_str_is(s->log_level, levels[i]);
    }
    if (!level) {
        return base_error(error, BERTH_E_INVALID,
                          "the setting [log.level] cannot be [" BASE_FMT
                          "]: debug, info, warn, error",
                          BASE_ARG(s->log_level));
    }
    if (!one_of(sync, "full", "normal")) {
        return base_error(error, BERTH_E_INVALID,
                          "the setting [store.sync] cannot be [" BASE_FMT "]: full, normal",
                          BASE_ARG(sync));
    }
    if (!one_of(client_mode, "REQUIRE", "OPTIONAL")) {
        return base_error(
            error, BERTH_E_INVALID,
            "the setting [plugins.security.ssl.http.clientauth_mode] cannot be [" BASE_FMT
            "]: REQUIRE, OPTIONAL",
            BASE_ARG(client_mode));
    }
    if (s->certificate_users.len && !one_of(s->certificate_users, "cn", "dn")) {
        return base_error(
            error, BERTH_E_INVALID,
            "the setting [plugins.security.clientcert.username_attribute] cannot be [" BASE_FMT
            "]: cn, dn",
            BASE_ARG(s->certificate_users));
    }
    if (s->tls && (!s->tls_certificate.len || !s->tls_key.len)) {
        return base_error(error, BERTH_E_INVALID,
                          "[plugins.security.ssl.http.enabled] needs [pemcert_filepath] and "
                          "[pemkey_filepath] beside it");
    }
    if (!is_loopback(s->http_host) && !s->open_to_all && (!s->tls || !s->security_directory.len)) {
        return base_error(error, BERTH_E_INVALID,
                          "others reach [http.host] " BASE_FMT
                          ", where a node has users [plugins.security.config_dir] and TLS "
                          "[plugins.security.ssl.http.enabled]; [plugins.security.disabled] true "
                          "goes without",
                          BASE_ARG(s->http_host));
    }
    if (s->tls_client_required && !s->tls_ca.len) {
        return base_error(error, BERTH_E_INVALID,
                          "[clientauth_mode] REQUIRE needs [pemtrustedcas_filepath] beside it");
    }
    return BERTH_OK;
}

static int32_t check_cluster(const struct node_settings *s, struct berth_str engine,
                             struct berth_error *error) {
    if (!one_of(engine, "sqlite", "etcd")) {
        return base_error(error, BERTH_E_INVALID,
                          "the setting [cluster.engine] cannot be [" BASE_FMT "]: sqlite, etcd",
                          BASE_ARG(engine));
    }
    if (s->in_cluster != (s->etcd_endpoint_count > 0)) {
        return base_error(error, BERTH_E_INVALID,
                          s->in_cluster
                              ? "[cluster.engine] etcd needs [cluster.endpoints] beside it"
                              : "[cluster.endpoints] needs [cluster.engine] etcd beside it");
    }
    if ((s->etcd_certificate.len > 0) != (s->etcd_key.len > 0)) {
        return base_error(error, BERTH_E_INVALID,
                          "[cluster.tls.certificate] and [cluster.tls.key] go together");
    }
    return BERTH_OK;
}

int32_t node_settings_read(const struct berth_settings_view *view, struct node_settings *out,
                           struct berth_error *error) {
    struct node_settings s = {
        .cluster_name = text_of(view, "cluster.name"),
        .cluster_prefix = text_of(view, "cluster.prefix"),
        .etcd_timeout_ms = number_of(view, "cluster.timeout"),
        .lease_ms = number_of(view, "cluster.lease"),
        .etcd_ca = text_of(view, "cluster.tls.ca"),
        .etcd_certificate = text_of(view, "cluster.tls.certificate"),
        .etcd_key = text_of(view, "cluster.tls.key"),
        .etcd_user = text_of(view, "cluster.user"),
        .etcd_password = text_of(view, "cluster.password"),
        .publish_host = text_of(view, "http.publish_host"),
        .node_name = text_of(view, "node.name"),
        .data_path = text_of(view, "path.data"),
        .http_host = text_of(view, "http.host"),
        .http_port = (uint16_t)number_of(view, "http.port"),
        .loops = (uint32_t)number_of(view, "http.loops"),
        .compression = number_of(view, "http.compression"),
        .tls = number_of(view, "plugins.security.ssl.http.enabled"),
        .tls_certificate = text_of(view, "plugins.security.ssl.http.pemcert_filepath"),
        .tls_key = text_of(view, "plugins.security.ssl.http.pemkey_filepath"),
        .tls_key_password = text_of(view, "plugins.security.ssl.http.pemkey_password"),
        .tls_ca = text_of(view, "plugins.security.ssl.http.pemtrustedcas_filepath"),
        .security_directory = text_of(view, "plugins.security.config_dir"),
        .security_cache_ms = number_of(view, "plugins.security.cache.ttl"),
        .security_allowed_tries = (uint32_t)number_of(view, "plugins.security.auth.allowed_tries"),
        .security_tries_window_ms = number_of(view, "plugins.security.auth.time_window"),
        .audit_file = text_of(view, "plugins.security.audit.file"),
        .audit_reads = number_of(view, "plugins.security.audit.reads"),
        .open_to_all = number_of(view, "plugins.security.disabled"),
        .certificate_users = text_of(view, "plugins.security.clientcert.username_attribute"),
        .jwt_key = text_of(view, "plugins.security.jwt.signing_key_filepath"),
        .jwt_subject = text_of(view, "plugins.security.jwt.subject_key"),
        .jwt_roles = text_of(view, "plugins.security.jwt.roles_key"),
        .jwt_audience = text_of(view, "plugins.security.jwt.required_audience"),
        .jwt_issuer = text_of(view, "plugins.security.jwt.required_issuer"),
        .jwt_leeway_ms = number_of(view, "plugins.security.jwt.clock_skew_tolerance"),
        .worker_threads = (uint32_t)number_of(view, "worker.threads"),
        .worker_queue = (uint32_t)number_of(view, "worker.queue"),
        .store_refresh_interval_ms = number_of(view, "store.refresh_interval"),
        .log_level = text_of(view, "log.level"),
        .core_dumps = number_of(view, "process.core_dumps"),
        .compatibility_version = text_of(view, "compatibility.version"),
        .shutdown_timeout_ms = number_of(view, "node.shutdown_timeout"),
        .watch_plugins = number_of(view, "berth.watch_plugins"),
    };
    (void)settings_get_list(view, BERTH_STR("node.roles"), &s.roles, &s.role_count);
    (void)settings_get_list(view, BERTH_STR("plugins.security.authcz.admin_dn"), &s.admin_names,
                            &s.admin_name_count);
    (void)settings_get_list(view, BERTH_STR("cluster.endpoints"), &s.etcd_endpoints,
                            &s.etcd_endpoint_count);
    (void)settings_get_list(view, BERTH_STR("berth.plugins"), &s.plugins, &s.plugin_count);
    struct berth_str client_mode = text_of(view, "plugins.security.ssl.http.clientauth_mode");
    struct berth_str sync = text_of(view, "store.sync");
    s.tls_client_required = base_str_is(client_mode, "REQUIRE");
    s.store_sync_full = base_str_is(sync, "full");
    s.in_cluster = base_str_is(text_of(view, "cluster.engine"), "etcd");
    if (base_str_is(s.http_host, "_local_")) {
        s.http_host = BERTH_STR("127.0.0.1");
    }
    read_limits(view, &s.limits);
    int32_t code = check(&s, sync, client_mode, error);
    code = code ? code : check_cluster(&s, text_of(view, "cluster.engine"), error);
    if (!code) {
        *out = s;
    }
    return code;
}

static const struct row *path_row(struct berth_str key) {
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        if (rows[i].is_path && base_str_is(key, rows[i].key)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* as_list: a text with commas in it names several files, each of which is resolved. */
static int32_t resolve_value(struct settings_layer *layer, const struct setting_value *value,
                             bool as_list, const char *directory, struct base_arena *arena,
                             struct berth_error *error) {
    const struct berth_str *given = as_list ? value->items : value->texts;
    uint32_t count = as_list ? value->item_count : value->count;
    bool is_list = as_list || value->is_list;
    struct berth_str *texts = base_arena_array(arena, count + 1u, sizeof *texts);
    uint32_t line = value->line;
    if (!texts) {
        return base_error_memory(error);
    }
    for (uint32_t i = 0; i < count; i++) {
        texts[i] = given[i];
        if (texts[i].len && texts[i].ptr[0] != '/') {
            char path[PATH_MAX];
            int len = snprintf(path, sizeof path, "%s/" BASE_FMT, directory, BASE_ARG(texts[i]));
            if (len >= (int)sizeof path) {
                return base_error(error, BERTH_E_INVALID, "the path of [" BASE_FMT "] is too long",
                                  BASE_ARG(value->key));
            }
            texts[i] = base_arena_dup(arena, base_str(path, (size_t)len));
            if (!texts[i].ptr) {
                return base_error_memory(error);
            }
        }
    }
    struct berth_str key = base_arena_dup(arena, value->key);
    if (!key.ptr || !settings_layer_set(layer, key, is_list, texts, count)) {
        return base_error_memory(error);
    }
    settings_layer_set_line(layer, key, line);
    return BERTH_OK;
}

int32_t node_settings_resolve_paths(struct settings_layer *layer, const char *directory,
                                    struct berth_error *error) {
    struct base_arena arena;
    base_arena_init(&arena, 4096);
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < settings_layer_count(layer) && !code; i++) {
        const struct setting_value *value = settings_layer_at(layer, i);
        const struct row *row = path_row(value->key);
        if (row) {
            code = resolve_value(layer, value, row->type == BERTH_SETTING_LIST, directory, &arena,
                                 error);
        }
    }
    base_arena_deinit(&arena);
    return code;
}
