/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/url.h"

#include <string.h>

static struct berth_str until(struct berth_str text, const char *ends) {
    uint64_t end = 0;
    while (end < text.len && !(text.ptr[end] && strchr(ends, text.ptr[end]))) {
        end++;
    }
    return base_str_slice(text, 0, end);
}

struct berth_str ml_url_authority(struct berth_str url) {
    struct berth_str scheme = until(url, "/?#");
    struct berth_str rest = base_str_from(url, scheme.len);
    bool is_named = scheme.len == 0 || scheme.ptr[scheme.len - 1] == ':';
    return is_named && base_str_starts(rest, BERTH_STR("//")) ? until(base_str_from(rest, 2), "/?#")
                                                              : base_str(url.ptr, 0);
}

struct berth_str ml_url_host(struct berth_str url) {
    struct berth_str authority = ml_url_authority(url);
    const char *at = authority.len ? memrchr(authority.ptr, '@', BASE_LEN(authority)) : NULL;
    return at ? base_str_from(authority, (uint64_t)(at - authority.ptr) + 1) : authority;
}

struct berth_str ml_url_origin(struct berth_str url) {
    struct berth_str authority = ml_url_authority(url);
    return authority.len
               ? base_str_slice(url, 0, (uint64_t)(authority.ptr - url.ptr) + authority.len)
               : authority;
}

struct berth_str ml_url_shown(struct berth_str url) {
    struct berth_str authority = ml_url_authority(url);
    return ml_url_host(url).len < authority.len ? ml_url_host(url) : until(url, "?#");
}
