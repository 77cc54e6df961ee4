/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/sse.h"

void ml_sse_init(struct ml_sse *sse, ml_sse_fn fn, void *user) {
    *sse = (struct ml_sse){.fn = fn, .user = user};
    base_buf_init(&sse->line, ML_SSE_EVENT_MAX);
    base_buf_init(&sse->data, ML_SSE_EVENT_MAX);
}

void ml_sse_deinit(struct ml_sse *sse) {
    base_buf_deinit(&sse->line);
    base_buf_deinit(&sse->data);
}

/* An empty line ends the event. */
static int32_t end_event(struct ml_sse *sse) {
    int32_t code = sse->has_data ? sse->fn(sse->user, base_buf_view(&sse->data)) : BERTH_OK;
    base_buf_clear(&sse->data);
    sse->has_data = false;
    return code;
}

static int32_t end_line(struct ml_sse *sse) {
    struct berth_str line = base_buf_view(&sse->line);
    if (!sse->begun && base_str_starts(line, BERTH_STR("\xef\xbb\xbf"))) {
        line = base_str_from(line, 3);
    }
    sse->begun = true;
    if (line.len == 0) {
        base_buf_clear(&sse->line); /* it may hold the byte order mark */
        return end_event(sse);
    }
    uint64_t colon = base_str_find(line, ':');
    if (base_str_is(base_str_slice(line, 0, colon), "data")) {
        struct berth_str value = base_str_from(line, colon < line.len ? colon + 1 : line.len);
        if (value.len && value.ptr[0] == ' ') {
            value = base_str_from(value, 1);
        }
        if (sse->has_data) {
            base_buf_char(&sse->data, '\n');
        }
        base_buf_str(&sse->data, value);
        sse->has_data = true;
    }
    base_buf_clear(&sse->line);
    return sse->data.error;
}

int32_t ml_sse_feed(struct ml_sse *sse, struct berth_str bytes) {
    int32_t code = BERTH_OK;
    for (uint64_t i = 0; i < bytes.len && !code; i++) {
        char c = bytes.ptr[i];
        bool rest_of_end = sse->after_cr && c == '\n';
        sse->after_cr = c == '\r';
        if (rest_of_end) {
            continue;
        }
        if (c == '\r' || c == '\n') {
            code = end_line(sse);
        } else {
            base_buf_char(&sse->line, c);
            code = sse->line.error;
        }
    }
    return code;
}
