/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of etcd's v3 API by its JSON gateway. It knows nothing of documents or nodes.
 *
 * Requests block, each on a connection of its own that is kept; any thread but a loop. Endpoints
 * are tried in turn, beginning with the one that answered last. While none answers, requests fail
 * at once, but for those that look whether one does again.
 */
#ifndef HOST_ETCD_ETCD_H
#define HOST_ETCD_ETCD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "host/base/log.h"

struct etcd;

/* Endpoints of one cluster. */
#define ETCD_ENDPOINTS_MAX 16u

/* Texts are copied. */
struct etcd_options {
    const struct berth_str *endpoints; /* http://host:port or https://host:port */
    uint32_t endpoint_count;
    struct berth_str ca;          /* PEM files; empty: none */
    struct berth_str certificate; /* of this client, with key */
    struct berth_str key;
    struct berth_str user; /* empty: no authentication */
    struct berth_str password;
    uint64_t timeout_ms; /* for one endpoint's answer */
    struct log *log;
};

/* INVALID for an endpoint that is no address; UNSUPPORTED where libcurl is not installed. */
int32_t etcd_create(const struct etcd_options *options, struct etcd **out_etcd,
                    struct berth_error *error);
void etcd_destroy(struct etcd *etcd);

/* etcd_ask.flags */
#define ETCD_REPEATABLE 1u /* twice is as good as once: another endpoint may be tried */
#define ETCD_PROBE 2u      /* also while none answers */

/*
 * Posts a JSON object to /v3/<path>; out_answer takes the answer's.
 *
 * UNAVAILABLE: no endpoint answered; of a request that is not repeatable it is then not known
 * whether it was carried out, unless *out_is_certain (may be NULL) says that it was not.
 * TOO_LARGE, CONFLICT (a revision that was compacted), INTERNAL for what else etcd refuses.
 */
int32_t etcd_ask(struct etcd *etcd, const char *path, struct berth_str body, uint32_t flags,
                 struct base_buf *out_answer, bool *out_is_certain, struct berth_error *error);

/* Whether the last request was answered. Any thread, a loop as well. */
bool etcd_is_up(const struct etcd *etcd);

/* ---- pieces of its JSON ---- */

/* "<base64>" of bytes. */
void etcd_put_bytes(struct base_buf *out, struct berth_str bytes);
/* As key and range_end: the keys of a prefix from one on; from empty: all of them. */
void etcd_put_range(struct base_buf *out, struct berth_str prefix, struct berth_str from);

/* What a member in base64 holds; {"", 0} where it is missing. False: it is none, or no memory. */
bool etcd_bytes(struct json_value value, struct base_arena *arena, struct berth_str *out_bytes);
/* A 64-bit number, which the gateway writes as a string and leaves out when it is 0. */
int64_t etcd_number(struct json_value value);
/* The revision in an answer's header. */
int64_t etcd_revision(struct json_value answer);

/* A key as it is, or that it was deleted. */
struct etcd_pair {
    struct berth_str key;
    struct berth_str value;
    bool is_deleted;
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
};

/* Reads a mvccpb.KeyValue; its texts are in the arena. */
bool etcd_read_pair(struct json_value kv, struct base_arena *arena, struct etcd_pair *out_pair);

/* ---- for etcd_watch.c ---- */

/* A stream was opened: etcd answers. */
void etcd_has_answered(struct etcd *etcd);

/* Sets what every request has on a handle of libcurl: endpoint, TLS, headers. Its url stays valid
 * until the next call for this handle. */
struct etcd_handle;
struct etcd_handle *etcd_handle_take(struct etcd *etcd, struct berth_error *error);
void etcd_handle_give(struct etcd *etcd, struct etcd_handle *handle);
/* The CURL easy handle, set up for path at an endpoint, body borrowed. */
void *etcd_handle_prepare(struct etcd *etcd, struct etcd_handle *handle, uint32_t endpoint,
                          const char *path, struct berth_str body);
uint32_t etcd_endpoint(const struct etcd *etcd);
/* Has the next requests begin with the endpoint behind this one. */
void etcd_endpoint_failed(struct etcd *etcd, uint32_t endpoint);
uint32_t etcd_endpoint_count(const struct etcd *etcd);
struct log *etcd_log(const struct etcd *etcd);

#endif
