/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/request.h"

#include "base/buf.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>

#define STATUS_MIN 200u
#define STATUS_MAX 599u

static bool fits_head(struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || text.ptr[i] == '\r' || text.ptr[i] == '\n') {
            return false;
        }
    }
    return true;
}

static bool is_header_name(struct berth_str name) {
    for (uint64_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] == ':') {
            return false;
        }
    }
    return name.len > 0;
}

void kit_reply_check(const struct berth_request *request, const struct berth_reply *reply) {
    struct berth_str path = request->route->route.path;
    if (reply->size < sizeof *reply) {
        kit_blame(KIT_BLAME_REPLY_SIZE,
                  "the reply of [" BASE_FMT "] says that it has %" PRIu32 " bytes, expected %zu",
                  BASE_ARG(path), reply->size, sizeof *reply);
    }
    if (reply->status < STATUS_MIN || reply->status > STATUS_MAX) {
        kit_blame(KIT_BLAME_REPLY_STATUS, "[" BASE_FMT "] replies with status %" PRIu32,
                  BASE_ARG(path), reply->status);
    }
    bool fits = fits_head(reply->content_type);
    for (uint32_t i = 0; i < reply->header_count; i++) {
        fits = fits && is_header_name(reply->headers[i].name) && fits_head(reply->headers[i].value);
    }
    if (!fits) {
        kit_blame(KIT_BLAME_REPLY_HEADERS,
                  "[" BASE_FMT "] replies with a header whose name or value has a byte that cannot "
                  "be sent",
                  BASE_ARG(path));
    }
}

static uint64_t hash_parts(const struct berth_str *parts, uint32_t count) {
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++) {
        hash = hash * 31 + base_str_hash(parts[i]);
    }
    return hash;
}

static void check_json(const struct berth_request *request, const struct berth_reply *reply) {
    BASE_BUF_AUTO body;
    struct json_error error = {0};
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    for (uint32_t i = 0; i < reply->part_count; i++) {
        base_buf_str(&body, reply->parts[i]);
    }
    if (!reply->content_type.len && body.len && !json_check(base_buf_view(&body), 0, &error)) {
        kit_blame(KIT_BLAME_REPLY_JSON,
                  "[" BASE_FMT "] replies with application/json that is no JSON: %s at byte %zu",
                  BASE_ARG(request->route->route.path), error.what ? error.what : "", error.offset);
    }
}

/* The parts come back when the handler has returned. */
struct giving_back {
    struct kit_job job;
    struct kit_host *host;
    struct berth_reply reply;
    struct berth_str *parts;
    uint64_t hash;
};

static void give_back(struct kit_job *job) {
    struct giving_back *g = (struct giving_back *)job;
    struct kit_host *host = g->host;
    if (hash_parts(g->parts, g->reply.part_count) != g->hash) {
        kit_blame(KIT_BLAME_REPLY_PARTS, "the parts of a reply changed before they were released");
    }
    g->reply.release(g->reply.owner);
    free(g->parts);
    free(g);
    kit_busy(host, -1);
}

static void give_back_later(struct berth_request *request, const struct berth_reply *reply) {
    struct kit_host *host = request->host;
    struct giving_back *g = kit_alloc(sizeof *g);
    *g = (struct giving_back){.job = {NULL, give_back}, .host = host, .reply = *reply};
    g->parts = kit_alloc((reply->part_count + 1) * sizeof *g->parts);
    for (uint32_t i = 0; i < reply->part_count; i++) {
        g->parts[i] = reply->parts[i];
    }
    g->hash = hash_parts(g->parts, reply->part_count);
    kit_busy(host, 1);
    kit_loop_post(&host->loops[request->loop], &g->job);
}

int32_t kit_reply(struct berth_request *request, const struct berth_reply *reply) {
    int32_t code = kit_request_enter(request, KIT_FN_berth_routes_v1_reply, true);
    kit_reply_check(request, reply);
    check_json(request, reply);
    if (request->state == KIT_REQUEST_STREAM) {
        kit_blame(KIT_BLAME_STREAM_ORDER, "a request whose reply is streamed is replied to whole");
    }
    if (reply->release) {
        give_back_later(request, reply);
    }
    request->status = reply->status;
    kit_request_end(request);
    return code;
}

int32_t kit_reply_error(struct berth_request *request, const struct berth_error *error) {
    int32_t code = kit_request_enter(request, KIT_FN_berth_routes_v1_reply_error, true);
    if (!kit_code_is_known(error->code) || error->code == BERTH_OK ||
        !memchr(error->message, '\0', sizeof error->message)) {
        kit_blame(KIT_BLAME_REPLY_STATUS,
                  "[" BASE_FMT "] replies with an error of code %" PRId32
                  ", which is none of the list, or with a message without end",
                  BASE_ARG(request->route->route.path), error->code);
    }
    kit_request_end(request);
    return code;
}

/* ---- streams ---- */

static int32_t enter_stream(struct berth_request *request, enum kit_fn fn, bool ends) {
    int32_t code = kit_request_enter(request, fn, ends);
    if (!code && request->state != KIT_REQUEST_STREAM) {
        kit_blame(KIT_BLAME_STREAM_ORDER, "%s is called before stream_open",
                  kit_functions[fn].name);
        return BERTH_E_STATE;
    }
    return code;
}

int32_t kit_stream_open(struct berth_request *request, const struct berth_reply *reply) {
    int32_t code = kit_request_enter(request, KIT_FN_berth_routes_v1_stream_open, false);
    if (!code && request->state == KIT_REQUEST_STREAM) {
        kit_blame(KIT_BLAME_STREAM_ORDER, "stream_open is called twice");
        code = BERTH_E_STATE;
    }
    if (code || request->cancelled) {
        return code ? code : BERTH_E_CANCELLED;
    }
    kit_reply_check(request, reply);
    request->state = KIT_REQUEST_STREAM;
    request->streamed = true;
    request->status = reply->status;
    return BERTH_OK;
}

int32_t kit_stream_write(struct berth_request *request, struct berth_str bytes,
                         uint64_t *out_queued) {
    int32_t code = enter_stream(request, KIT_FN_berth_routes_v1_stream_write, false);
    if (code || request->cancelled) {
        return code ? code : BERTH_E_CANCELLED;
    }
    if (request->queued > BERTH_STREAM_HIGH_WATER) {
        if (request->over_limit) {
            kit_blame(KIT_BLAME_STREAM_FLOW,
                      "it goes on writing, though a write was refused and the client has not taken "
                      "the %" PRIu64 " bytes that are queued",
                      request->queued);
        }
        request->over_limit = true;
        return BERTH_E_LIMIT;
    }
    request->queued += request->host->config.slow_client ? bytes.len : 0;
    if (out_queued) {
        *out_queued = request->queued;
    }
    return BERTH_OK;
}

struct draining {
    struct kit_job job;
    struct berth_request *request;
};

static void drain(struct kit_job *job) {
    struct draining *d = (struct draining *)job;
    struct berth_request *request = d->request;
    struct kit_host *host = request->host;
    berth_request_fn fn = request->writable;
    free(d);
    request->writable = NULL;
    request->queued = 0;
    request->over_limit = false;
    if (fn && request->state == KIT_REQUEST_STREAM) {
        fn(request->writable_user);
    }
    kit_busy(host, -1);
}

int32_t kit_stream_on_writable(struct berth_request *request, berth_request_fn fn, void *user) {
    int32_t code = enter_stream(request, KIT_FN_berth_routes_v1_stream_on_writable, false);
    if (code || request->cancelled) {
        return code ? code : BERTH_E_CANCELLED;
    }
    request->writable = fn;
    request->writable_user = user;
    struct draining *d = kit_alloc(sizeof *d);
    *d = (struct draining){{NULL, drain}, request};
    kit_busy(request->host, 1);
    kit_loop_post(&request->host->loops[request->loop], &d->job);
    return BERTH_OK;
}

int32_t kit_stream_close(struct berth_request *request, uint32_t complete) {
    int32_t code = enter_stream(request, KIT_FN_berth_routes_v1_stream_close, true);
    (void)complete;
    kit_request_end(request);
    return code;
}
