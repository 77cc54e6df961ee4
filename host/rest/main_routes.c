/* SPDX-License-Identifier: Apache-2.0 */
/*
 * / : what a client sees first.
 */
#include "host/rest/rest.h"
#include "host/version.h"

/* Oldest versions that OpenSearch 2.x talks to; clients show them and nothing depends on them. */
#define WIRE_COMPATIBLE "7.10.0"
#define INDEX_COMPATIBLE "7.0.0"
#define LUCENE "9.12.3"

static void get_main(void *user, struct berth_request *request,
                     const struct berth_request_view *view) {
    const struct rest_context *context = user;
    (void)view;
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    json_member_string(&body, "name", nodes_local(context->nodes)->name);
    json_member_string(&body, "cluster_name", context->cluster_name);
    json_member_cstr(&body, "cluster_uuid", context->cluster_uuid);
    json_key(&body, "version");
    json_open_object(&body);
    json_member_cstr(&body, "distribution", "opensearch");
    json_member_string(&body, "number", context->compatibility_version);
    json_member_cstr(&body, "build_type", "native");
    json_member_cstr(&body, "build_flavor", "berth");
    json_member_cstr(&body, "build_hash", BERTH_BUILD_HASH);
    json_member_cstr(&body, "build_date", BERTH_BUILD_DATE);
    json_member_bool(&body, "build_snapshot", false);
    json_member_cstr(&body, "lucene_version", LUCENE);
    json_member_cstr(&body, "minimum_wire_compatibility_version", WIRE_COMPATIBLE);
    json_member_cstr(&body, "minimum_index_compatibility_version", INDEX_COMPATIBLE);
    json_close_object(&body);
    json_member_cstr(&body, "tagline", "Berth " BERTH_VERSION ", at your service");
    json_close_object(&body);
    router_reply_json(request, 200, &body);
}

int32_t rest_add_main(struct route_set *set, struct rest_context *context,
                      struct berth_error *error) {
    static const struct rest_route routes[] = {
        {"GET", "/", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, "cluster:monitor/main", get_main, NULL},
        {"HEAD", "/", BERTH_ROUTE_LOOP, BERTH_BODY_NONE, "cluster:monitor/main", get_main, NULL},
    };
    return rest_add_table(set, routes, BASE_COUNT(routes), context, error);
}
