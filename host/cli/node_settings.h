/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of the host itself: one table of them, and their values for the parts that use them.
 */
#ifndef HOST_CLI_NODE_SETTINGS_H
#define HOST_CLI_NODE_SETTINGS_H

#include "host/http/limits.h"
#include "host/settings/settings.h"

/* Whose settings they are, in listings. */
#define NODE_SETTINGS_OWNER "host"

/* Attributes that a node may have (node.attr.NAME). */
#define NODE_ATTRIBUTES_MAX 32u

/* Values for starting the node; the texts are views into the settings' file layer and defaults. */
struct node_settings {
    struct berth_str cluster_name;
    bool in_cluster; /* documents and settings are in etcd */
    const struct berth_str *etcd_endpoints;
    uint32_t etcd_endpoint_count;
    struct berth_str cluster_prefix; /* empty: by the cluster's name */
    uint64_t etcd_timeout_ms;
    uint64_t lease_ms;
    struct berth_str etcd_ca;
    struct berth_str etcd_certificate;
    struct berth_str etcd_key;
    struct berth_str etcd_user;
    struct berth_str etcd_password;
    struct berth_str node_name;
    const struct berth_str *roles;
    uint32_t role_count;
    const struct berth_str *plugins;
    uint32_t plugin_count;
    struct berth_str data_path;
    struct berth_str http_host;
    uint16_t http_port;
    struct berth_str publish_host; /* empty: http_host */
    uint32_t loops;
    struct http_limits limits;
    bool compression;
    bool tls;
    struct berth_str tls_certificate;
    struct berth_str tls_key;
    struct berth_str tls_key_password;
    struct berth_str tls_ca;
    bool tls_client_required;
    struct berth_str security_directory; /* empty: there are no users */
    uint64_t security_cache_ms;
    const struct berth_str *admin_names;
    uint32_t admin_name_count;
    struct berth_str certificate_users; /* "", "cn" or "dn" */
    struct berth_str jwt_key;           /* empty: no tokens */
    struct berth_str jwt_subject;
    struct berth_str jwt_roles;
    struct berth_str jwt_audience;
    struct berth_str jwt_issuer;
    uint64_t jwt_leeway_ms;
    uint32_t security_allowed_tries;
    uint64_t security_tries_window_ms;
    struct berth_str audit_file; /* empty: there is no audit log */
    bool audit_reads;
    bool open_to_all; /* without users or TLS, on other addresses than loopback too */
    uint32_t worker_threads;
    uint32_t worker_queue;
    bool store_sync_full;
    uint64_t store_refresh_interval_ms;
    struct berth_str log_level;
    bool core_dumps;
    struct berth_str compatibility_version;
    uint64_t shutdown_timeout_ms;
    bool watch_plugins;
};

/* Declares the table, and each node.attr.NAME of the file. */
int32_t node_settings_declare(struct settings *settings, struct berth_error *error);

/* Reads the values that are in force. INVALID where two do not go together. */
int32_t node_settings_read(const struct berth_settings_view *view, struct node_settings *out,
                           struct berth_error *error);

/*
 * Makes relative file names among the layer's values absolute: they are meant from directory. Any
 * call before may have made some absolute from another one.
 */
int32_t node_settings_resolve_paths(struct settings_layer *layer, const char *directory,
                                    struct berth_error *error);

#endif
