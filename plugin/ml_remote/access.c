/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/access.h"

int32_t ml_access_check_inactive(struct ml_call *call, struct json_value body, const char *what,
                                 const char *setting) {
    static const char *const members[] = {"access_mode", "backend_roles", "add_all_backend_roles"};
    for (size_t i = 0; i < BASE_COUNT(members); i++) {
        struct json_value value = json_get(body, members[i]);
        bool empty_list = json_is(value, JSON_ARRAY) && !json_present(json_first(value));
        if (json_present(value) && !json_is(value, JSON_NULL) && !empty_list) {
            return ml_invalid(&call->error,
                              "[%s] cannot be set: access control of %ss is not active (setting "
                              "[plugins.ml_commons.%s], and users of the node)",
                              members[i], what, setting);
        }
    }
    return BERTH_OK;
}
