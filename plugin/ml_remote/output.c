/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/output.h"

#include "plugin/ml_remote/call.h"

static const char head_object[] = "{\"output\":[{\"name\":\"response\",\"dataAsMap\":";
static const char head_value[] = "{\"output\":[{\"name\":\"response\",\"dataAsMap\":{\"response\":";

void ml_output_plain(struct berth_str answer, uint32_t status, char *tail,
                     struct ml_output_frame *out_frame) {
    struct berth_str value = base_str_trim(answer);
    bool object = value.ptr[0] == '{';
    struct base_buf end = {.ptr = tail, .cap = ML_OUTPUT_TAIL_MAX, .max = ML_OUTPUT_TAIL_MAX};
    base_buf_cstr(&end, object ? "}],\"status_code\":" : "}}],\"status_code\":");
    base_buf_u64(&end, status);
    base_buf_char(&end, '}');
    *out_frame = (struct ml_output_frame){
        .head = object ? base_str(head_object, sizeof head_object - 1)
                       : base_str(head_value, sizeof head_value - 1),
        .value = value,
        .tail = base_buf_view(&end),
    };
}

static void put_plain(struct berth_str answer, uint32_t status, struct base_buf *out) {
    char tail[ML_OUTPUT_TAIL_MAX];
    struct ml_output_frame frame;
    ml_output_plain(answer, status, tail, &frame);
    base_buf_str(out, frame.head);
    base_buf_str(out, frame.value);
    base_buf_str(out, frame.tail);
}

/* ---- response_filter ---- */

/* Absent where the filter finds nothing; what it finds is made in text and read into doc. */
static int32_t apply_filter(const struct ml_path *filter, struct json_value root,
                            struct base_buf *text, struct json_doc *doc,
                            struct json_value *out_value, struct berth_error *error) {
    *out_value = JSON_NONE;
    int32_t code = ml_path_write(filter, root, text);
    if (code == BERTH_E_NOT_FOUND) {
        return BERTH_OK;
    }
    if (code == BERTH_E_LIMIT) {
        return ml_invalid(error, "the response_filter looks at too many values");
    }
    if (code || text->error || !json_parse(doc, base_buf_view(text), 0, NULL)) {
        return base_error_memory(error);
    }
    *out_value = json_root(doc);
    return BERTH_OK;
}

/* A text that is itself JSON counts as what it says. */
static void put_filtered(struct json_value value, uint32_t status, struct base_buf *out) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    struct berth_str raw = json_raw(value);
    if (json_is(value, JSON_STRING)) {
        json_unescape(&text, json_inner(value));
        struct berth_str inner = base_str_trim(base_buf_view(&text));
        bool container = inner.len && (inner.ptr[0] == '{' || inner.ptr[0] == '[');
        if (container && json_check(inner, 0, NULL)) {
            put_plain(inner, status, out);
            return;
        }
        out->error = out->error ? out->error : text.error;
    }
    base_buf_cstr(out, head_value);
    base_buf_str(out, raw);
    base_buf_format(out, "}}],\"status_code\":%u}", status);
}

/* ---- the element ---- */

static int32_t put_tensors(const struct ml_output_rules *rules, struct json_value root,
                           struct json_value filtered, uint32_t status, struct base_buf *out,
                           struct berth_error *error) {
    static const char head[] = "{\"output\":[";
    size_t before = out->len;
    base_buf_cstr(out, head);
    size_t empty = out->len;
    int32_t code = ml_post_make(rules->post, root, filtered, rules->filter_text, out, error);
    if (code) {
        return code;
    }
    if (out->len == empty) {
        out->len = before;
        base_buf_format(out, "{\"status_code\":%u}", status);
    } else {
        base_buf_format(out, "],\"status_code\":%u}", status);
    }
    return BERTH_OK;
}

int32_t ml_output_put(const struct ml_output_rules *rules, struct berth_str answer, uint32_t status,
                      struct json_doc *doc, struct base_buf *out, struct berth_error *error) {
    if (ml_output_is_plain(rules)) {
        put_plain(answer, status, out);
        return out->error ? base_error_memory(error) : BERTH_OK;
    }
    JSON_DOC_AUTO filtered_doc = {0};
    BASE_BUF_AUTO text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    struct json_value filtered = JSON_NONE;
    /* A filter may look at single numbers. */
    bool as_wholes = !rules->filter && ml_post_takes_vectors(rules->post);
    if (!json_parse(doc, answer, as_wholes ? JSON_PACK_NUMBERS : 0, NULL)) {
        return base_error_memory(error);
    }
    struct json_value root = json_root(doc);
    int32_t code = rules->filter
                       ? apply_filter(rules->filter, root, &text, &filtered_doc, &filtered, error)
                       : BERTH_OK;
    if (!code && rules->post) {
        code = put_tensors(rules, root, filtered, status, out, error);
    } else if (!code && json_present(filtered)) {
        put_filtered(filtered, status, out);
    } else if (!code) {
        put_plain(answer, status, out);
    }
    return code ? code : out->error ? base_error_memory(error) : BERTH_OK;
}
