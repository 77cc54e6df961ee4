/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two phases of a change of settings.
 */
#include "kit/probe/probe.h"

#define LIMIT_REFUSED 13 /* the plugin's own refusal, by validate */

int32_t probe_validate(void *user, const struct berth_settings_view *view,
                       struct berth_error *error) {
    struct probe *p = user;
    int64_t limit = 0;
    int32_t code = p->settings->get_int(view, BERTH_STR(PROBE_LIMIT_KEY), &limit);
    probe_expect(p, CHECK_BOUNDS, !code && limit >= 0 && limit <= 100,
                 "validate is shown %" PRId64 ", with %" PRId32, limit, code);
    if (limit == LIMIT_REFUSED) {
        error->code = BERTH_E_INVALID;
        (void)snprintf(error->message, sizeof error->message,
                       "[" PROBE_LIMIT_KEY "] is not to be %d", LIMIT_REFUSED);
        return BERTH_E_INVALID;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->accepted = limit;
    (void)pthread_mutex_unlock(&p->lock);
    return BERTH_OK;
}

void probe_changed(void *user, const struct berth_settings_view *view) {
    struct probe *p = user;
    int64_t limit = 0;
    (void)p->settings->get_int(view, BERTH_STR(PROBE_LIMIT_KEY), &limit);
    probe_expect(p, CHECK_FEED_THREAD, !probe_own_loop(p), "settings are told on a loop");
    (void)pthread_mutex_lock(&p->lock);
    int first = p->values_told++ == 0;
    int same = limit == p->limit;
    int64_t accepted = p->accepted;
    p->limit = limit;
    (void)pthread_mutex_unlock(&p->lock);
    if (!first && !same) {
        probe_expect(p, CHECK_VALIDATED, limit == accepted,
                     "%" PRId64 " is in force, accepted was %" PRId64, limit, accepted);
        probe_expect(p, CHECK_REFUSED, limit != LIMIT_REFUSED, "%d is in force", LIMIT_REFUSED);
    }
}
