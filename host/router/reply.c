/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out: exactly one reply, from any thread, in the shape that the client asked for.
 */
#include "host/http/gzip.h"
#include "host/router/audit.h"
#include "host/router/rest_request.h"
#include "host/security/peer_token.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Smaller answers are not packed: it would cost more than it saves. */
#define COMPRESS_MIN 1400u
/* Headers that the router adds to those of the handler. */
#define OWN_HEADERS 5u

static const char json_type_text[] = "application/json; charset=UTF-8";
static const char yaml_type_text[] = "application/yaml";

/* Takes the right to reply; false when somebody did. */
static bool take_reply(struct berth_request *request, enum rest_state from) {
    int expected = from;
    return atomic_compare_exchange_strong(&request->state, &expected, REST_REPLIED);
}

static bool is_json(struct berth_str content_type) {
    return content_type.len == 0 || base_str_starts(content_type, BERTH_STR("application/json"));
}

/* "q=0", "q=0.0" …: the client names a coding that it does not want. */
static bool is_zero_weight(struct berth_str parameter) {
    struct berth_str value = base_str_from(parameter, 2);
    bool zero =
        value.len > 0 && base_str_eq_nocase(base_str_slice(parameter, 0, 2), BERTH_STR("q="));
    for (uint64_t i = 0; i < value.len; i++) {
        zero = zero && (value.ptr[i] == '0' || value.ptr[i] == '.');
    }
    return zero;
}

static bool takes_gzip(const struct berth_request *request) {
    struct berth_str rest;
    struct berth_str parameter;
    if (!http_request_header(request->http, BERTH_STR("accept-encoding"), &rest)) {
        return false;
    }
    while (rest.len && base_str_split(&rest, ',', &parameter)) {
        struct berth_str coding;
        (void)base_str_split(&parameter, ';', &coding);
        if (base_str_eq_nocase(base_str_trim(coding), BERTH_STR("gzip"))) {
            return !is_zero_weight(base_str_trim(parameter));
        }
    }
    return false;
}

/* ---- on the loop: handing the answer to the HTTP layer ---- */

static void send_outcome(struct berth_request *request) {
    struct rest_outcome *outcome = &request->outcome;
    struct berth_str body = base_buf_view(&outcome->body);
    struct http_reply reply = {.status = outcome->status,
                               .content_type = outcome->content_type,
                               .headers = outcome->headers,
                               .header_count = outcome->header_count};
    if (outcome->owner || outcome->parts) {
        reply.parts = outcome->parts;
        reply.part_count = outcome->part_count;
        reply.release = outcome->release;
        reply.owner = outcome->owner;
    } else if (outcome->body.len) {
        reply.parts = &body;
        reply.part_count = 1;
        reply.release = free;
        reply.owner = base_buf_take(&outcome->body);
    }
    audit_request(request, outcome->status);
    http_reply(request->http, &reply);
    rest_request_end(request);
}

static void run_back(struct loop_job *job) {
    send_outcome(
        (struct berth_request *)(void *)((char *)job - offsetof(struct berth_request, back)));
}

static void hand_over(struct berth_request *request) {
    if (loop_current() == request->home->loop) {
        send_outcome(request);
        return;
    }
    request->back.run = run_back;
    loop_post(request->home->loop, &request->back);
}

/* ---- on the replying thread: making the answer ---- */

/* Whether a text can stand in a head: an end of line would let the rest pass for lines of ours. */
static bool fits_head(struct berth_str text) {
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || text.ptr[i] == '\r' || text.ptr[i] == '\n') {
            return false;
        }
    }
    return true;
}

static bool is_header_name(struct berth_str name) {
    bool fits = name.len > 0;
    for (uint64_t i = 0; i < name.len && fits; i++) {
        fits = name.ptr[i] > ' ' && name.ptr[i] < 0x7f && name.ptr[i] != ':';
    }
    return fits;
}

static int32_t copy_text(struct berth_request *request, struct berth_str text,
                         struct berth_str *out_copy) {
    if (!fits_head(text)) {
        return BERTH_E_INVALID;
    }
    *out_copy = base_arena_dup(&request->arena, text);
    return out_copy->ptr ? BERTH_OK : BERTH_E_NO_MEMORY;
}

/* What worker routes answer comes of the store. */
static bool is_stale(const struct berth_request *request) {
    const struct router_options *options = &request->home->router->options;
    return options->is_stale && request->route && request->route->def.kind == BERTH_ROUTE_WORKER &&
           options->is_stale(options->stale_user);
}

static void add_header(struct rest_outcome *outcome, const char *name, struct berth_str value) {
    outcome->headers[outcome->header_count++] = (struct berth_header){base_cstr(name), value};
}

/* What is for the node that has passed a request on, or that is refused. */
static int32_t add_peer_headers(struct berth_request *request) {
    char text[24];
    if (request->refusal.len) {
        add_header(&request->outcome, PEER_REFUSAL_HEADER, request->refusal);
    }
    if (!request->is_forwarded || request->is_peers || !request->route) {
        return BERTH_OK;
    }
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)rest_load(request));
    struct berth_str load = base_arena_dup(&request->arena, base_cstr(text));
    add_header(&request->outcome, ROUTER_LOAD_HEADER, load);
    return load.ptr ? BERTH_OK : BERTH_E_NO_MEMORY;
}

/* Copies the handler's headers and adds the router's. */
static int32_t make_headers(struct berth_request *request, const struct berth_reply *reply,
                            bool packed) {
    struct rest_outcome *outcome = &request->outcome;
    struct berth_str opaque;
    outcome->headers = base_arena_array(&request->arena, reply->header_count + OWN_HEADERS,
                                        sizeof *outcome->headers);
    int32_t code = outcome->headers ? BERTH_OK : BERTH_E_NO_MEMORY;
    for (uint32_t i = 0; i < reply->header_count && !code; i++) {
        const struct berth_header *header = &reply->headers[i];
        code = is_header_name(header->name)
                   ? copy_text(request, header->name, &outcome->headers[i].name)
                   : BERTH_E_INVALID;
        code = code ? code : copy_text(request, header->value, &outcome->headers[i].value);
    }
    if (code) {
        return code;
    }
    outcome->header_count = reply->header_count;
    if (http_request_header(request->http, BERTH_STR("x-opaque-id"), &opaque)) {
        add_header(outcome, "X-Opaque-Id", opaque);
    }
    if (is_stale(request)) {
        add_header(outcome, "Warning",
                   BERTH_STR("299 Berth \"the cluster's store is away: what is read may be older "
                             "than the last write\""));
    }
    if (packed) {
        add_header(outcome, "content-encoding", BERTH_STR("gzip"));
    }
    return add_peer_headers(request);
}

static uint64_t length_of(const struct berth_reply *reply) {
    uint64_t length = 0;
    for (uint32_t i = 0; i < reply->part_count; i++) {
        length += reply->parts[i].len;
    }
    return length;
}

static int32_t join_parts(const struct berth_reply *reply, struct base_buf *out) {
    for (uint32_t i = 0; i < reply->part_count; i++) {
        base_buf_str(out, reply->parts[i]);
    }
    return out->error;
}

/* The body as one text, shaped and packed as the client wants it. */
static int32_t make_body(struct berth_request *request, const struct berth_reply *reply,
                         bool shaped, bool packed) {
    struct base_buf *body = &request->outcome.body;
    BASE_BUF_AUTO joined;
    base_buf_init(&joined, BASE_BUF_MAX_DEFAULT);
    int32_t code = join_parts(reply, shaped || packed ? &joined : body);
    if (shaped && !code) {
        code = shape_apply(&request->shape, base_buf_view(&joined), body);
        if (packed && !code) {
            base_buf_deinit(&joined);
            joined = *body;
            base_buf_init(body, joined.max);
        }
    }
    return packed && !code ? gzip_pack(base_buf_view(&joined), body) : code;
}

/* Keeps the handler's parts as they are: they are released when they are sent. */
static int32_t refer_to_parts(struct berth_request *request, const struct berth_reply *reply) {
    struct rest_outcome *outcome = &request->outcome;
    outcome->parts =
        base_arena_array(&request->arena, reply->part_count + 1u, sizeof *outcome->parts);
    if (!outcome->parts) {
        return BERTH_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < reply->part_count; i++) {
        outcome->parts[i] = reply->parts[i];
    }
    outcome->part_count = reply->part_count;
    outcome->release = reply->release;
    outcome->owner = reply->owner;
    return BERTH_OK;
}

/* An answer without a body, where none could be made. */
static void make_bare_outcome(struct berth_request *request, uint32_t status) {
    struct rest_outcome *outcome = &request->outcome;
    base_buf_deinit(&outcome->body);
    *outcome = (struct rest_outcome){
        .status = status,
        .content_type = base_cstr(json_type_text),
    };
    base_buf_init(&outcome->body, 0);
}

/* A struct that is too small for it has no release. */
static void release_reply(const struct berth_reply *reply) {
    if (reply->size >= sizeof *reply && reply->release) {
        reply->release(reply->owner);
    }
}

/*
 * Makes the outcome of a reply; takes over its parts in any case. What is not of the parts is
 * copied first, since it may go with them.
 */
static int32_t make_outcome(struct berth_request *request, const struct berth_reply *reply) {
    struct rest_outcome *outcome = &request->outcome;
    if (reply->status >= 400) {
        request->shape.filter_path = base_str(NULL, 0); /* an error is told in full */
    }
    bool shaped = !shape_is_plain(&request->shape) && is_json(reply->content_type);
    bool packed = request->home->router->options.compression && length_of(reply) >= COMPRESS_MIN &&
                  takes_gzip(request);
    bool referred = reply->release && !shaped && !packed;
    outcome->status = reply->status;
    outcome->content_type =
        base_cstr(shaped && request->shape.yaml ? yaml_type_text : json_type_text);
    int32_t code = make_headers(request, reply, packed);
    if (!code && reply->content_type.len && !(shaped && request->shape.yaml)) {
        code = copy_text(request, reply->content_type, &outcome->content_type);
    }
    if (!code) {
        code =
            referred ? refer_to_parts(request, reply) : make_body(request, reply, shaped, packed);
    }
    if (!referred || code) {
        release_reply(reply);
    }
    return code;
}

int32_t router_reply(struct berth_request *request, const struct berth_reply *reply) {
    if (!take_reply(request, REST_OPEN)) {
        release_reply(reply); /* promised whatever becomes of the reply */
        return BERTH_E_STATE;
    }
    int32_t code = BERTH_E_INVALID;
    if (reply->size >= sizeof *reply && reply->status >= 200 && reply->status <= 599) {
        code = make_outcome(request, reply);
    } else {
        release_reply(reply);
    }
    if (code && code != BERTH_E_INVALID) {
        code = BERTH_E_NO_MEMORY;
    }
    if (code) {
        make_bare_outcome(request, code == BERTH_E_INVALID ? 500 : 503);
    }
    hand_over(request);
    return code;
}

void rest_put_error(struct base_buf *out, const struct berth_error *error) {
    struct berth_str cause = base_cstr(base_error_type(error));
    struct berth_str type;
    (void)base_str_split(&cause, '/', &type);
    json_open_object(out);
    json_key(out, "error");
    json_open_object(out);
    json_key(out, "root_cause");
    json_open_array(out);
    json_open_object(out);
    json_member_string(out, "type", cause.ptr ? cause : type);
    json_member_cstr(out, "reason", error->message);
    json_close_object(out);
    json_close_array(out);
    json_member_string(out, "type", type);
    json_member_cstr(out, "reason", error->message);
    json_close_object(out);
    json_member_u64(out, "status", base_error_status(error));
    json_close_object(out);
}

/* Half of a text, as it is left where memory ran out, would be worse than none. */
static struct berth_str whole_or_nothing(const struct base_buf *body) {
    return body->error ? base_str("", 0) : base_buf_view(body);
}

int32_t router_reply_error(struct berth_request *request, const struct berth_error *error) {
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    rest_put_error(&body, error);
    struct berth_str part = whole_or_nothing(&body);
    uint32_t status = base_error_status(error);
    char seconds[16];
    int len = snprintf(seconds, sizeof seconds, "%u", error->retry_after_s + !error->retry_after_s);
    const struct berth_header retry = {BERTH_STR_INIT("retry-after"),
                                       base_str(seconds, (size_t)len)};
    bool later = status == 503 || status == 429;
    return router_reply(request, &(struct berth_reply){.size = sizeof(struct berth_reply),
                                                       .status = status,
                                                       .headers = &retry,
                                                       .header_count = later ? 1 : 0,
                                                       .parts = &part,
                                                       .part_count = 1});
}

void rest_reply_plain_error(struct berth_request *request, uint32_t status, const char *allow,
                            const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    json_member_cstr(&body, "error", text);
    if (status != 400) {
        json_member_u64(&body, "status", status);
    }
    json_close_object(&body);
    struct berth_str part = whole_or_nothing(&body);
    struct berth_header header = {BERTH_STR_INIT("allow"), base_cstr(allow)};
    (void)router_reply(request, &(struct berth_reply){.size = sizeof(struct berth_reply),
                                                      .status = status,
                                                      .headers = &header,
                                                      .header_count = allow ? 1 : 0,
                                                      .parts = &part,
                                                      .part_count = 1});
}

void rest_reply_unauthorized(struct berth_request *request) {
    static const struct berth_header challenge = {
        BERTH_STR_INIT("www-authenticate"),
        BERTH_STR_INIT("Basic realm=\"Berth\", charset=\"UTF-8\"")};
    struct berth_error error = BASE_ERROR_INIT;
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    (void)base_error_rest(&error, BERTH_E_DENIED, 401, "security_exception",
                          "a name and a password are needed, and those sent are none, or wrong");
    rest_put_error(&body, &error);
    struct berth_str part = whole_or_nothing(&body);
    (void)router_reply(request, &(struct berth_reply){.size = sizeof(struct berth_reply),
                                                      .status = 401,
                                                      .headers = &challenge,
                                                      .header_count = 1,
                                                      .parts = &part,
                                                      .part_count = 1});
}

void router_reply_json(struct berth_request *request, uint32_t status,
                       const struct base_buf *body) {
    struct berth_str part = base_buf_view(body);
    if (body->error) {
        struct berth_error error = BASE_ERROR_INIT;
        (void)base_error_memory(&error);
        (void)router_reply_error(request, &error);
        return;
    }
    (void)router_reply(request, &(struct berth_reply){.size = sizeof(struct berth_reply),
                                                      .status = status,
                                                      .parts = &part,
                                                      .part_count = 1});
}

void router_reply_text(struct berth_request *request, uint32_t status, struct berth_str text) {
    (void)router_reply(request,
                       &(struct berth_reply){.size = sizeof(struct berth_reply),
                                             .status = status,
                                             .content_type = BERTH_STR("text/plain; charset=UTF-8"),
                                             .parts = &text,
                                             .part_count = 1});
}

/* ---- what handlers ask ---- */

int32_t router_query(struct berth_request *request, struct berth_str name,
                     struct berth_str *out_value) {
    const struct target_parameter *parameter = target_find(&request->target, name);
    if (!parameter) {
        return BERTH_E_NOT_FOUND;
    }
    *out_value = parameter->value;
    return BERTH_OK;
}

bool router_query_bool(struct berth_request *request, const char *name, bool *out_value) {
    const struct target_parameter *parameter = target_find(&request->target, base_cstr(name));
    struct berth_error error = BASE_ERROR_INIT;
    if (parameter && target_bool(parameter, out_value, &error)) {
        (void)router_reply_error(request, &error);
        return false;
    }
    return true;
}

struct berth_str router_format(const struct berth_request *request) {
    return request->format;
}

int32_t router_header(struct berth_request *request, struct berth_str name,
                      struct berth_str *out_value) {
    return http_request_header(request->http, name, out_value) ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static bool on_own_loop(const struct berth_request *request) {
    return loop_current() == request->home->loop;
}

int32_t router_on_cancel(struct berth_request *request, berth_request_fn fn, void *user) {
    if (!on_own_loop(request)) {
        return BERTH_E_STATE;
    }
    if (request->cancelled && fn) {
        fn(user);
        return BERTH_OK;
    }
    request->on_cancel = fn;
    request->cancel_user = user;
    return BERTH_OK;
}

/* ---- streamed answers ---- */

int32_t router_stream_open(struct berth_request *request, const struct berth_reply *reply) {
    int expected = REST_OPEN;
    struct berth_str content_type;
    if (!on_own_loop(request)) {
        return BERTH_E_STATE;
    }
    if (reply->size < sizeof *reply || reply->status < 200 || reply->status > 599) {
        return BERTH_E_INVALID;
    }
    if (request->cancelled) {
        return BERTH_E_CANCELLED;
    }
    int32_t code = make_headers(request, reply, false);
    code = code ? code : copy_text(request, reply->content_type, &content_type);
    if (code) {
        return code;
    }
    if (!atomic_compare_exchange_strong(&request->state, &expected, REST_STREAMING)) {
        return BERTH_E_STATE;
    }
    audit_request(request, reply->status);
    http_stream_open(request->http,
                     &(struct http_reply){.status = reply->status,
                                          .content_type = content_type,
                                          .headers = request->outcome.headers,
                                          .header_count = request->outcome.header_count});
    return BERTH_OK;
}

int32_t router_stream_write(struct berth_request *request, struct berth_str bytes,
                            uint64_t *out_queued) {
    if (!on_own_loop(request) || atomic_load(&request->state) != REST_STREAMING) {
        return BERTH_E_STATE;
    }
    uint64_t queued = http_stream_queued(request->http);
    if (queued > BERTH_STREAM_HIGH_WATER) {
        *out_queued = queued;
        return BERTH_E_LIMIT;
    }
    int32_t code = http_stream_write(request->http, bytes);
    *out_queued = http_stream_queued(request->http);
    return code;
}

int32_t router_stream_on_writable(struct berth_request *request, berth_request_fn fn, void *user) {
    if (!on_own_loop(request) || atomic_load(&request->state) != REST_STREAMING) {
        return BERTH_E_STATE;
    }
    if (!http_request_is_live(request->http)) {
        return BERTH_E_CANCELLED;
    }
    request->http->on_writable = fn;
    request->http->writable_user = user;
    return BERTH_OK;
}

int32_t router_stream_close(struct berth_request *request, uint32_t complete) {
    if (!on_own_loop(request) || !take_reply(request, REST_STREAMING)) {
        return BERTH_E_STATE;
    }
    http_stream_close(request->http, complete != 0);
    rest_request_end(request);
    return BERTH_OK;
}
