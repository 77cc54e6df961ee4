/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a host: what host.c and host_cluster.c share.
 */
#ifndef HOST_HOST_INTERNAL_H
#define HOST_HOST_INTERNAL_H

#include <limits.h>

#include "host/admin/admin.h"
#include "host/base/id.h"
#include "host/cli/node_settings.h"
#include "host/cluster/cluster.h"
#include "host/host.h"
#include "host/http/tls.h"
#include "host/rest/rest.h"
#include "host/store/cluster_settings.h"

/* Bytes of the prefix of a cluster's keys, with the end. */
#define CLUSTER_PREFIX_MAX 192
/* How long a write in a cluster may take to come back to this node. */
#define REPLICA_TIMEOUT_MS 10000
/* How long the other nodes may take to follow it before it is acknowledged all the same. */
#define SETTLE_MS 2000

/* Threads for what other nodes ask and cannot be answered on a loop; and how much of it waits. */
#define PEER_WORKERS 2
#define PEER_QUEUE 1024

struct host {
    struct log *log;
    struct settings *settings;
    struct node_settings node;
    char data_path[PATH_MAX];
    char run_path[PATH_MAX];
    int lock_fd;
    struct etcd *etcd; /* NULL: this node is alone, likewise the next */
    struct cluster *cluster;
    struct peers *peers;
    char prefix[CLUSTER_PREFIX_MAX]; /* of its keys in etcd */
    struct cluster_settings cluster_settings;
    struct nodes *nodes;
    struct secrets *secrets;
    struct stored_users *stored_users;
    struct security *security; /* NULL: there are no users */
    struct log audit;
    int audit_fd; /* below 0: there is no audit log */
    struct store *store;
    struct loop_group *loops;
    struct worker_pool *workers;
    struct worker_pool *peer_workers; /* NULL: this node is alone */
    struct router *router;
    struct tls_context *tls;
    struct http_server *server;
    struct plugins *plugins;
    struct control *control;
    struct admin *admin;
    struct route_owner route_owner;
    struct route_set routes;
    struct plugin_services services;
    struct rest_context rest;
    char cluster_uuid[ID_NODE_LENGTH + 1];
};

/* The client of etcd and the cluster, which is joined later; nothing where the node is alone. */
int32_t host_start_cluster(struct host *host, struct berth_error *error);
/* Asking other nodes; likewise. */
int32_t host_start_peers(struct host *host, struct berth_error *error);

/* cluster_settings.applied; user is the host. */
void host_settings_applied(void *user, uint64_t seq_no);
/*
 * store_options.settle: has the other nodes follow a write before it is acknowledged, so that what
 * it forbids is not done there any more. One that does not answer is waited for a while: it loses
 * its lease, or is late.
 */
void host_settle(void *user, int64_t revision);
/* router_options.is_stale */
bool host_is_stale(void *user);

#endif
