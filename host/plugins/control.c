/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/control.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct control {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool has_thread;
    bool is_ending;
    struct control_order *first;
    struct control_order **last;
};

int32_t control_create(struct control **out_control, struct berth_error *error) {
    struct control *control = calloc(1, sizeof *control);
    if (!control) {
        return base_error_memory(error);
    }
    control->last = &control->first;
    (void)pthread_mutex_init(&control->lock, NULL);
    (void)pthread_cond_init(&control->changed, NULL);
    *out_control = control;
    return BERTH_OK;
}

/* The next one; NULL when it is to end and nothing is left. */
static struct control_order *take(struct control *control) {
    (void)pthread_mutex_lock(&control->lock);
    while (!control->first && !control->is_ending) {
        (void)pthread_cond_wait(&control->changed, &control->lock);
    }
    struct control_order *order = control->first;
    if (order) {
        control->first = order->next;
        control->last = control->first ? control->last : &control->first;
    }
    (void)pthread_mutex_unlock(&control->lock);
    return order;
}

static void *work(void *user) {
    struct control_order *order;
    while ((order = take(user))) {
        order->run(order);
    }
    return NULL;
}

int32_t control_submit(struct control *control, struct control_order *order) {
    int code = 0;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_mutex_lock(&control->lock);
    if (!control->has_thread) {
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        code = pthread_create(&control->thread, NULL, work, control);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        control->has_thread = code == 0;
    }
    if (code == 0) {
        order->next = NULL;
        *control->last = order;
        control->last = &order->next;
        (void)pthread_cond_signal(&control->changed);
    }
    (void)pthread_mutex_unlock(&control->lock);
    return code == 0 ? BERTH_OK : BERTH_E_NO_MEMORY;
}

void control_destroy(struct control *control) {
    if (!control) {
        return;
    }
    (void)pthread_mutex_lock(&control->lock);
    control->is_ending = true;
    (void)pthread_cond_signal(&control->changed);
    (void)pthread_mutex_unlock(&control->lock);
    if (control->has_thread) {
        (void)pthread_join(control->thread, NULL);
    }
    (void)pthread_cond_destroy(&control->changed);
    (void)pthread_mutex_destroy(&control->lock);
    free(control);
}
