/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/controller.h"

#include <stdlib.h>

struct user_limit {
    struct berth_str name;
    struct ml_limiter *limiter;
};

/* Sorted by name: who names users must not choose how long it takes to find them. */
struct ml_controller {
    struct user_limit *users;
    size_t count;
};

static int compare(const void *a, const void *b) {
    return base_str_cmp(((const struct user_limit *)a)->name, ((const struct user_limit *)b)->name);
}

static const struct user_limit *find(const struct ml_controller *controller,
                                     struct berth_str name) {
    const struct user_limit key = {.name = name};
    return controller && controller->count ? bsearch(&key, controller->users, controller->count,
                                                     sizeof *controller->users, compare)
                                           : NULL;
}

static int32_t add_user(struct ml_controller *controller, const struct ml_controller *before,
                        struct berth_str name, struct json_value rate_limiter, double share) {
    double limit;
    uint64_t unit_ns;
    if (!ml_limiter_read(rate_limiter, &limit, &unit_ns)) {
        return BERTH_OK;
    }
    limit /= share;
    const struct user_limit *old = find(before, name);
    bool same = old && ml_limiter_is(old->limiter, limit, unit_ns);
    struct ml_limiter *limiter =
        same ? ml_limiter_ref(old->limiter) : ml_limiter_create(limit, unit_ns);
    if (limiter) {
        controller->users[controller->count++] = (struct user_limit){name, limiter};
    }
    return limiter ? BERTH_OK : BERTH_E_NO_MEMORY;
}

int32_t ml_controller_load(struct json_value stored, double share,
                           const struct ml_controller *before, struct base_arena *arena,
                           struct ml_controller **out_controller, struct berth_error *error) {
    struct json_value users = json_get(stored, "user_rate_limiter");
    struct ml_controller *controller = base_arena_array(arena, 1, sizeof *controller);
    int32_t code = BERTH_OK;
    *out_controller = NULL;
    if (controller) {
        controller->users =
            base_arena_array(arena, json_count(users) + 1, sizeof *controller->users);
    }
    if (!controller || !controller->users) {
        return base_error_memory(error);
    }
    for (struct json_value k = json_first(users); json_present(k) && !code;) {
        struct json_value v = json_next(users, k);
        struct berth_str name;
        code = json_string(k, arena, &name) ? add_user(controller, before, name, v, share)
                                            : BERTH_E_NO_MEMORY;
        k = json_next(users, v);
    }
    if (code) {
        ml_controller_unload(controller);
        return base_error_memory(error);
    }
    qsort(controller->users, controller->count, sizeof *controller->users, compare);
    *out_controller = controller->count ? controller : NULL;
    return BERTH_OK;
}

void ml_controller_unload(struct ml_controller *controller) {
    for (size_t i = 0; controller && i < controller->count; i++) {
        ml_limiter_unref(controller->users[i].limiter);
    }
}

bool ml_controller_take(const struct ml_controller *controller, struct berth_str user,
                        uint32_t tokens, uint64_t now_ns, uint64_t most_ns, uint64_t *out_wait_ns) {
    const struct user_limit *limit = find(controller, user);
    *out_wait_ns = 0;
    return !limit || ml_limiter_take(limit->limiter, tokens, now_ns, most_ns, out_wait_ns);
}

void ml_controller_each(const struct ml_controller *controller,
                        void (*fn)(void *user, struct berth_str name, struct ml_limiter *limiter),
                        void *user) {
    for (size_t i = 0; controller && i < controller->count; i++) {
        fn(user, controller->users[i].name, controller->users[i].limiter);
    }
}
