/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/builtin.h"

#define ML "cluster:admin/opensearch/ml/"

const char builtin_roles[] =
    "all_access: {reserved: true, description: May do everything,\n"
    "  cluster_permissions: ['*']}\n"
    "ml_full_access: {reserved: true, description: May use the whole ML API,\n"
    "  cluster_permissions: ['" ML "*', cluster_monitor]}\n"
    "ml_read_access: {reserved: true, description: May look at what the ML API holds,\n"
    "  cluster_permissions: ['" ML "config/get', '" ML "connectors/get',\n"
    "    '" ML "connectors/search', '" ML "controllers/get', '" ML "model_groups/get',\n"
    "    '" ML "model_groups/search', '" ML "models/get', '" ML "models/search',\n"
    "    '" ML "profile/nodes', '" ML "stats/nodes', '" ML "tasks/get', '" ML "tasks/search']}\n"
    "own_index: {reserved: true, description: Everybody's role in OpenSearch's demonstration,\n"
    "  cluster_permissions: [cluster_composite_ops]}\n"
    "security_rest_api_full_access: {reserved: true,\n"
    "  description: May manage users and roles and mappings over REST,\n"
    "  cluster_permissions: ['restapi:admin/*']}\n";

const char builtin_action_groups[] =
    "cluster_all: {reserved: true, type: cluster, allowed_actions: ['cluster:*'],\n"
    "  description: Everything on the cluster's level}\n"
    "cluster_monitor: {reserved: true, type: cluster, allowed_actions: ['cluster:monitor/*'],\n"
    "  description: Looking at the cluster}\n"
    "cluster_composite_ops: {reserved: true, type: cluster, allowed_actions: [\n"
    "  'indices:data/write/bulk', 'indices:admin/aliases*', 'indices:data/write/reindex',\n"
    "  cluster_composite_ops_ro], description: Requests on several indices}\n"
    "cluster_composite_ops_ro: {reserved: true, type: cluster, allowed_actions: [\n"
    "  'indices:data/read/mget', 'indices:data/read/msearch', 'indices:data/read/scroll',\n"
    "  'indices:admin/aliases/exists*', 'indices:admin/aliases/get*'],\n"
    "  description: Reading from several indices}\n"
    "unlimited: {reserved: true, type: all, allowed_actions: ['*'],\n"
    "  description: Everything}\n";
