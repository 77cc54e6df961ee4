/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streamed predictions: the remote service's events go to the client as they come.
 *
 * A client that takes them slowly holds the service back: while more than the host's mark is
 * queued for it, nothing is read from the service.
 */
#include "plugin/ml_remote/predict_stream.h"

#include "base/clock.h"
#include "plugin/ml_remote/settings.h"
#include "plugin/ml_remote/sse.h"

#include <stdlib.h>

struct ml_stream;

/* How a service's events are read. */
struct format {
    const char *name; /* of the parameter _llm_interface */
    int32_t (*on_event)(struct ml_stream *stream, struct berth_str data);
};

struct ml_stream {
    struct ml_predict *predict;
    const struct format *format;
    struct ml_sse sse;
    struct json_doc doc;
    struct base_buf out; /* events that are made and not sent */
    bool is_open;        /* the client has the reply's head */
    bool has_ended;      /* the last event is made */
    bool has_failed;     /* and the prediction's error says why */
};

/* ---- the client's events ---- */

static void put_event(struct ml_stream *s, struct berth_str escaped, bool is_last) {
    base_buf_cstr(&s->out, "data: {\"inference_results\":[{\"output\":[{\"name\":\"response\","
                           "\"dataAsMap\":{\"content\":\"");
    base_buf_str(&s->out, escaped);
    base_buf_format(&s->out, "\",\"is_last\":%s}}]}]}\n\n", is_last ? "true" : "false");
    s->has_ended = s->has_ended || is_last;
}

static void put_error(struct ml_stream *s) {
    base_buf_cstr(&s->out, "data: {\"error\":");
    json_put_cstr(&s->out, s->predict->error.message);
    base_buf_cstr(&s->out, "}\n\n");
    s->has_ended = true;
}

/* ---- formats ---- */

/* Chunks of a chat completion, and [DONE]. */
static int32_t on_openai_event(struct ml_stream *s, struct berth_str data) {
    struct berth_error *error = &s->predict->error;
    struct json_error fault;
    if (s->has_ended) {
        return BERTH_OK;
    }
    if (base_str_is(base_str_trim(data), "[DONE]")) {
        put_event(s, base_str("", 0), true);
        return BERTH_OK;
    }
    if (!json_parse(&s->doc, data, 0, &fault)) {
        return ml_status(error, 502, "an event of the remote service is not JSON: %s, at byte %zu",
                         fault.what, fault.offset);
    }
    struct json_value root = json_root(&s->doc);
    struct json_value failure = json_get(root, "error");
    if (json_present(failure) && !json_is(failure, JSON_NULL)) {
        return ml_status(error, 502, "the remote service broke off: " BASE_FMT,
                         BASE_ARG(base_str_slice(json_raw(failure), 0, 512)));
    }
    struct json_value choice = json_first(json_get(root, "choices"));
    struct json_value content = json_get(json_get(choice, "delta"), "content");
    if (json_is(content, JSON_STRING) && json_inner(content).len) {
        put_event(s, json_inner(content), false);
    }
    return BERTH_OK;
}

static const struct format formats[] = {
    {"openai/v1/chat/completions", on_openai_event},
};

static int32_t find_format(struct ml_predict *p, const struct format **out_format) {
    struct berth_str name =
        ml_exchange_parameter(p->deployed, p->input.parameters, "_llm_interface", &p->arena);
    for (size_t i = 0; i < BASE_COUNT(formats); i++) {
        if (base_str_is(name, formats[i].name)) {
            *out_format = &formats[i];
            return BERTH_OK;
        }
    }
    return ml_invalid(&p->error,
                      "a streamed prediction needs the parameter [_llm_interface], which tells how "
                      "the service's events are read: %s",
                      formats[0].name);
}

/* ---- sending ---- */

static void resume(void *user) {
    struct ml_stream *s = user;
    ml_exchange_resume(&s->predict->first);
}

static int32_t open_reply(struct ml_stream *s) {
    static const struct berth_header headers[] = {
        {BERTH_STR_INIT("cache-control"), BERTH_STR_INIT("no-cache")}};
    struct ml_predict *p = s->predict;
    const struct berth_reply reply = {.size = sizeof reply,
                                      .status = 200,
                                      .content_type = BERTH_STR("text/event-stream"),
                                      .headers = headers,
                                      .header_count = BASE_COUNT(headers)};
    int32_t code = p->plugin->routes->stream_open(p->request, &reply);
    s->is_open = code == BERTH_OK;
    return code ? base_error(&p->error, code, "the stream cannot be opened") : BERTH_OK;
}

/* Sends what is made, or fills the error. LIMIT: the client must take more before. */
static int32_t flush(struct ml_stream *s, uint64_t *out_queued) {
    struct ml_predict *p = s->predict;
    *out_queued = 0;
    if (s->out.error) {
        return base_error_memory(&p->error);
    }
    int32_t code = s->is_open ? BERTH_OK : open_reply(s);
    if (!code && s->out.len) {
        code = p->plugin->routes->stream_write(p->request, base_buf_view(&s->out), out_queued);
        code = code ? base_error(&p->error, code, "the stream cannot be written") : BERTH_OK;
    }
    if (!code) {
        base_buf_clear(&s->out);
    }
    return code;
}

/* ---- the service's events ---- */

static int32_t on_event(void *user, struct berth_str data) {
    struct ml_stream *s = user;
    return s->format->on_event(s, data);
}

static int32_t on_bytes(void *user, struct ml_exchange *x, struct berth_str bytes) {
    struct ml_predict *p = user;
    struct ml_stream *s = p->stream;
    uint64_t queued = 0;
    int32_t code = ml_sse_feed(&s->sse, bytes);
    if (code == BERTH_E_TOO_LARGE) {
        (void)ml_status(&p->error, 502, "an event of the remote service is larger than %zu bytes",
                        ML_SSE_EVENT_MAX);
    } else if (code == BERTH_E_NO_MEMORY) {
        (void)base_error_memory(&p->error);
    }
    code = code || (s->out.len == 0 && !s->out.error) ? code : flush(s, &queued);
    s->has_failed = code != BERTH_OK;
    if (!code && queued > BERTH_STREAM_HIGH_WATER) {
        ml_exchange_pause(x);
        (void)p->plugin->routes->stream_on_writable(p->request, resume, s);
    }
    return code;
}

/*
 * Sends what is left, when the client can take it, and closes; what could not be sent whole is cut.
 * A stream that was never opened is answered with the error.
 */
static void finish(void *user) {
    struct ml_stream *s = user;
    struct ml_predict *p = s->predict;
    const struct berth_routes_v1 *routes = p->plugin->routes;
    uint64_t queued = 0;
    int32_t code = flush(s, &queued);
    if (code == BERTH_E_LIMIT && routes->stream_on_writable(p->request, finish, s) == BERTH_OK) {
        return;
    }
    (void)routes->on_cancel(p->request, NULL, NULL);
    if (!s->is_open) {
        ml_predict_fail(p);
        return;
    }
    (void)routes->stream_close(p->request, !code && s->has_ended);
    ml_predict_destroy(p);
}

static void on_done(void *user, struct ml_exchange *x, int32_t code) {
    struct ml_predict *p = user;
    struct ml_stream *s = p->stream;
    p->answered_ns = base_monotonic_ns();
    if (code && !s->has_failed) {
        p->error = x->error;
    }
    if (code && !s->is_open) {
        (void)p->plugin->routes->on_cancel(p->request, NULL, NULL);
        ml_predict_fail(p);
        return;
    }
    if (code) {
        put_error(s);
    } else if (!s->has_ended) {
        put_event(s, base_str("", 0), true);
    }
    ml_predict_track_end(p, code && ml_usage_is_failure(&p->error));
    finish(s);
}

/* ---- beginning and ending ---- */

/* The service is told to stream, where the template does not say so. */
static int32_t ask_for_stream(struct ml_predict *p) {
    struct base_buf *payload = &p->first.payload;
    JSON_DOC_AUTO doc = {0};
    if (!json_parse(&doc, base_buf_view(payload), 0, NULL) ||
        !json_is(json_root(&doc), JSON_OBJECT) ||
        json_present(json_get(json_root(&doc), "stream"))) {
        return BERTH_OK;
    }
    while (payload->ptr[payload->len - 1] != '}') {
        payload->len--;
    }
    payload->len--;
    json_member_bool(payload, "stream", true);
    json_close_object(payload);
    return payload->error ? base_error_memory(&p->error) : BERTH_OK;
}

int32_t ml_predict_stream_check(struct ml_predict *p) {
    const struct format *format;
    const struct ml_guardrail *output = &p->deployed->guardrails.output;
    if (output->forbidden || output->model_id.ptr) {
        return ml_invalid(&p->error, "the model has a guardrail for its output, which cannot judge "
                                     "what is sent as it comes");
    }
    return find_format(p, &format);
}

void ml_predict_stream_start(struct ml_predict *p) {
    struct ml_stream *s = calloc(1, sizeof *s);
    int32_t code = s ? BERTH_OK : base_error_memory(&p->error);
    if (!code) {
        p->stream = s;
        s->predict = p;
        ml_sse_init(&s->sse, on_event, s);
        base_buf_init(&s->out, BASE_BUF_MAX_DEFAULT);
        code = find_format(p, &s->format);
    }
    code = code ? code : ask_for_stream(p);
    if (!code) {
        p->first.on_bytes = on_bytes;
        code = ml_exchange_start(&p->first, on_done, p);
        p->error = code ? p->first.error : p->error;
    }
    if (code) {
        (void)p->plugin->routes->on_cancel(p->request, NULL, NULL);
        ml_predict_fail(p);
    }
}

bool ml_predict_stream_abort(struct ml_predict *p) {
    if (!p->stream || !p->stream->is_open) {
        return false;
    }
    (void)p->plugin->routes->stream_close(p->request, 0);
    return true;
}

void ml_predict_stream_destroy(struct ml_stream *s) {
    if (s) {
        ml_sse_deinit(&s->sse);
        json_doc_deinit(&s->doc);
        base_buf_deinit(&s->out);
        free(s);
    }
}
