/* SPDX-License-Identifier: Apache-2.0 */
#include "host/router/audit.h"

/* Actions that change nothing, though their method could. */
static const char *const reading[] = {"*search", "*/predict", "cluster:monitor/*"};

static bool only_reads(const struct berth_request *request, struct berth_str action) {
    struct berth_str method = request->view.method;
    bool reads =
        base_str_is(method, "GET") || base_str_is(method, "HEAD") || base_str_is(method, "OPTIONS");
    for (size_t i = 0; i < BASE_COUNT(reading) && !reads; i++) {
        reads = base_str_glob(base_cstr(reading[i]), action);
    }
    return reads;
}

static bool is_refused(uint32_t status) {
    return status == 401 || status == 403 || status == 429;
}

void audit_request(const struct berth_request *request, uint32_t status) {
    const struct router_options *options = &request->home->router->options;
    struct berth_str action = request->route ? request->route->def.permission : base_str("", 0);
    if (!options->audit || (!options->audit_reads && !is_refused(status) &&
                            (!request->route || only_reads(request, action)))) {
        return;
    }
    struct berth_str path = request->view.path;
    char number[] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                     (char)('0' + status % 10)};
    LOG(options->audit, BERTH_LOG_INFO, "request",
        LOG_FIELD("user", request->caller ? request->caller->user.name : base_str("", 0)),
        LOG_FIELD("address", http_request_address(request->http)),
        LOG_FIELD("method", request->view.method),
        LOG_FIELD("path", base_str_slice(path, 0, base_str_find(path, '?'))),
        LOG_FIELD("action", action), LOG_FIELD("status", base_str(number, sizeof number)));
}
