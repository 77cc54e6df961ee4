/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's answer.
 */
#include "plugin/ml_remote/predict_stream.h"

static const char head[] = "{\"inference_results\":[";
static const char tail[] = "]}";

static void release(void *user) {
    ml_predict_destroy(user);
}

static void reply(struct ml_predict *p, const struct berth_str *parts, uint32_t count) {
    ml_predict_track_end(p, false);
    (void)p->plugin->routes->reply(p->request,
                                   &(struct berth_reply){.size = sizeof(struct berth_reply),
                                                         .status = 200,
                                                         .parts = parts,
                                                         .part_count = count,
                                                         .release = release,
                                                         .owner = p});
}

/* One answer as it came: it is not copied. */
static void reply_plain(struct ml_predict *p) {
    struct ml_output_frame frame;
    ml_output_plain(base_buf_view(&p->first.body), p->first.status, p->tail, &frame);
    const struct berth_str parts[] = {
        base_str(head, sizeof head - 1), frame.head, frame.value, frame.tail,
        base_str(tail, sizeof tail - 1),
    };
    reply(p, parts, BASE_COUNT(parts));
}

static int32_t make_output(struct ml_predict *p) {
    int32_t code = BERTH_OK;
    base_buf_cstr(&p->out, head);
    for (uint32_t i = 0; i < p->count && !code; i++) {
        struct ml_exchange *x = ml_predict_exchange(p, i);
        base_buf_cstr(&p->out, i ? "," : "");
        if (p->split.len) {
            base_buf_str(&p->out, base_buf_view(&p->split));
            continue;
        }
        code = ml_output_put(&p->rules, base_buf_view(&x->body), x->status, &x->made, &p->out,
                             &p->error);
    }
    base_buf_cstr(&p->out, tail);
    if (!code && p->out.error) {
        code = base_error_memory(&p->error);
    }
    return code ? code
                : ml_interface_check_output(p->deployed->interface, base_buf_view(&p->out),
                                            &p->error);
}

void ml_predict_reply(struct ml_predict *p) {
    if (p->count == 1 && ml_output_is_plain(&p->rules) &&
        !ml_interface_has_output(p->deployed->interface)) {
        reply_plain(p);
    } else if (make_output(p)) {
        ml_predict_fail(p);
    } else {
        struct berth_str whole = base_buf_view(&p->out);
        reply(p, &whole, 1);
    }
}

void ml_predict_fail(struct ml_predict *p) {
    ml_predict_track_end(p, ml_usage_is_failure(&p->error));
    if (!ml_predict_stream_abort(p)) {
        (void)p->plugin->routes->reply_error(p->request, &p->error);
    }
    ml_predict_destroy(p);
}
