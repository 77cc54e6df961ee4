/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events: however the bytes are cut, the same events come, and none is beyond its
 * limit.
 */
#include "plugin/ml_remote/sse.h"

#include "tests/fuzz/fuzz.h"

static int32_t note(void *user, struct berth_str data) {
    struct base_buf *out = user;
    FUZZ_CHECK(data.len <= ML_SSE_EVENT_MAX);
    base_buf_str(out, data);
    base_buf_char(out, '\0');
    return BERTH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size < 1) {
        return 0;
    }
    size_t step = bytes[0] + 1u;
    struct berth_str text = base_str((const char *)bytes + 1, size - 1);
    BASE_BUF_AUTO whole;
    BASE_BUF_AUTO cut;
    base_buf_init(&whole, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&cut, BASE_BUF_MAX_DEFAULT);
    struct ml_sse sse;
    ml_sse_init(&sse, note, &whole);
    (void)ml_sse_feed(&sse, text);
    ml_sse_deinit(&sse);
    ml_sse_init(&sse, note, &cut);
    for (uint64_t at = 0; at < text.len; at += step) {
        (void)ml_sse_feed(&sse, base_str_slice(text, at, at + step));
    }
    ml_sse_deinit(&sse);
    FUZZ_CHECK(base_str_eq(base_buf_view(&whole), base_buf_view(&cut)));
    return 0;
}
