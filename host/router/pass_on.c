/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/pass_on.h"

#include "host/router/rest_request.h"
#include "host/security/peer_token.h"

/* Of one connection alone (RFC 9110, 7.6.1), or what this node does itself. */
static const char *const kept_here[] = {
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authorization",
    PEER_TOKEN_HEADER,
};

static bool is_kept_here(struct berth_str name) {
    for (size_t i = 0; i < BASE_COUNT(kept_here); i++) {
        if (base_str_eq_nocase(name, base_cstr(kept_here[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void put_encoded(struct berth_str text, struct base_buf *out) {
    for (uint64_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i])) {
            base_buf_char(out, text.ptr[i]);
        } else {
            base_buf_format(out, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
        }
    }
}

void pass_on_put_target(const struct berth_request *request, struct base_buf *out) {
    const struct target *target = &request->target;
    char before = '?';
    base_buf_str(out, target->path);
    for (uint32_t i = 0; i < target->parameter_count; i++) {
        const struct target_parameter *parameter = &target->parameters[i];
        if (route_has_parameter(request->route, parameter->name)) {
            base_buf_char(out, before);
            put_encoded(parameter->name, out);
            base_buf_cstr(out, parameter->has_value ? "=" : "");
            put_encoded(parameter->value, out);
            before = '&';
        }
    }
}

uint32_t pass_on_put_headers(const struct berth_request *request, struct base_buf *out) {
    const struct http_request *http = request->http;
    uint32_t count = 0;
    for (uint32_t i = 0; i < http->header_count; i++) {
        struct berth_str name = http_span_view(http, http->headers[i].name);
        struct berth_str value = http_span_view(http, http->headers[i].value);
        /* One without a value libcurl would not send. */
        if (value.len && !is_kept_here(name)) {
            base_buf_str(out, name);
            base_buf_cstr(out, ": ");
            base_buf_str(out, value);
            base_buf_char(out, '\0');
            count++;
        }
    }
    return count;
}
