/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/request.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* How long a reply may take where nothing of it is to be waited for. */
#define REPLY_SECONDS 5

static const struct kit_shape plain = {0};

/* ---- what the handler is given ---- */

static struct berth_str put(char **at, struct berth_str text) {
    struct berth_str copy = base_str(*at, BASE_LEN(text));
    if (!text.ptr) {
        return (struct berth_str){NULL, 0};
    }
    memcpy(*at, text.ptr, BASE_LEN(text));
    *at += text.len;
    return copy;
}

static uint32_t placeholders(struct berth_str path) {
    uint32_t count = 0;
    for (uint64_t i = 0; i < path.len; i++) {
        count += path.ptr[i] == '{';
    }
    return count;
}

/* The path with a value for each placeholder. */
static struct berth_str put_path(char **at, struct berth_str pattern, struct berth_str param) {
    char *begin = *at;
    while (pattern.len) {
        uint64_t open = base_str_find(pattern, '{');
        (void)put(at, base_str_slice(pattern, 0, open));
        if (open == pattern.len) {
            break;
        }
        (void)put(at, param);
        pattern = base_str_from(pattern, base_str_find(pattern, '}') + 1);
    }
    return base_str(begin, (size_t)(*at - begin));
}

static struct berth_str body_of(const struct berth_request *r) {
    if (r->shape->with_body && r->route->route.body == BERTH_BODY_ALLOWED) {
        return r->shape->body;
    }
    return r->route->route.body == BERTH_BODY_ALLOWED ? BERTH_STR("{}")
                                                      : (struct berth_str){NULL, 0};
}

static void make_view(struct berth_request *r) {
    const struct berth_route *route = &r->route->route;
    struct kit_host *host = r->host;
    struct berth_str param = r->shape->param.ptr ? r->shape->param : BERTH_STR("kit");
    struct berth_str body = body_of(r);
    uint32_t count = placeholders(route->path);
    size_t head = sizeof *r->view + host->config.grow_objects;
    head = (head + 7) / 8 * 8;
    r->view_size = head + count * (sizeof(struct berth_str) + 2 * BASE_LEN(param)) +
                   BASE_LEN(route->method) + BASE_LEN(route->path) + BASE_LEN(body) + 16;
    r->view = mmap(NULL, r->view_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->view == MAP_FAILED) {
        abort();
    }
    memset((char *)r->view + sizeof *r->view, host->config.tail, head - sizeof *r->view);
    struct berth_str *params = (struct berth_str *)(void *)((char *)r->view + head);
    char *text = (char *)(params + count);
    *r->view = (struct berth_request_view){
        .size = (uint32_t)head,
        .loop = r->loop,
        .loop_context = route->kind == BERTH_ROUTE_LOOP ? host->loops[r->loop].context : NULL,
        .method = put(&text, route->method),
        .path = put_path(&text, route->path, param),
        .body = put(&text, body),
        .params = params,
        .param_count = count,
        .received_ns = base_monotonic_ns()};
    for (uint32_t i = 0; i < count; i++) {
        params[i] = put(&text, param);
    }
}

static void make_user(struct berth_request *r) {
    static const struct berth_str roles[] = {BERTH_STR_INIT("all_access")};
    r->user = kit_object(r->host, sizeof *r->user);
    r->user->is_admin = 1;
    r->user->name = BERTH_STR("kit");
    r->user->backend_roles = roles;
    r->user->roles = roles;
    r->user->backend_role_count = BASE_COUNT(roles);
    r->user->role_count = BASE_COUNT(roles);
}

/* ---- sending ---- */

static void run_handler(struct kit_job *job) {
    struct berth_request *r =
        (struct berth_request *)(void *)((char *)job - offsetof(struct berth_request, job));
    struct kit_host *host = r->host;
    r->route->route.handle(r->route->route.user, r, r->view);
    kit_busy(host, -1);
}

struct berth_request *kit_request_send(struct kit_host *host, const struct kit_route *route,
                                       const struct kit_shape *shape, uint32_t loop) {
    struct berth_request *r = kit_alloc(sizeof *r);
    *r = (struct berth_request){.host = host,
                                .route = route,
                                .shape = shape,
                                .loop = loop,
                                .job = {NULL, run_handler},
                                .cancelled = shape->cancelled};
    make_view(r);
    make_user(r);
    (void)pthread_mutex_lock(&host->lock);
    r->next = host->requests;
    host->requests = r;
    host->in_flight++;
    host->busy++;
    (void)pthread_mutex_unlock(&host->lock);
    if (route->route.kind == BERTH_ROUTE_LOOP) {
        kit_loop_post(&host->loops[loop], &r->job);
    } else {
        kit_workers_post(host, &r->job);
    }
    return r;
}

/* The client leaves. */
static void run_leaving(struct kit_job *job) {
    struct berth_request *r =
        (struct berth_request *)(void *)((char *)job - offsetof(struct berth_request, leaving));
    (void)pthread_mutex_lock(&r->host->lock);
    bool now = r->state < KIT_REQUEST_FORWARDED && !r->cancelled;
    berth_request_fn fn = now ? r->on_cancel : NULL;
    r->cancelled = r->cancelled || now;
    (void)pthread_mutex_unlock(&r->host->lock);
    if (fn) {
        fn(r->cancel_user);
    }
    kit_busy(r->host, -1);
}

static void send_and_leave(struct kit_loop *loop, void *arg) {
    struct berth_request *r = kit_request_send(loop->host, arg, &plain, loop->index);
    r->leaving.fn = run_leaving;
    kit_busy(loop->host, 1);
    kit_loop_post(loop, &r->leaving);
}

void kit_request_send_leaving(struct kit_host *host, struct kit_route *route, uint32_t loop) {
    kit_loop_call(&host->loops[loop], send_and_leave, route);
}

static const struct berth_request *first_open(const struct kit_host *host) {
    const struct berth_request *r = host->requests;
    while (r && r->state == KIT_REQUEST_ENDED) {
        r = r->next;
    }
    return r;
}

void kit_requests_wait(struct kit_host *host) {
    struct timespec end;
    if (kit_blamed(KIT_BLAME_NO_REPLY)) {
        return; /* and what has no reply will not have one */
    }
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += REPLY_SECONDS;
    int late = 0;
    (void)pthread_mutex_lock(&host->lock);
    while ((host->in_flight || host->busy) && !late) {
        late = pthread_cond_timedwait(&host->changed, &host->lock, &end);
    }
    const struct berth_request *r = host->in_flight ? first_open(host) : NULL;
    if (r) {
        kit_blame(KIT_BLAME_NO_REPLY, "[" BASE_FMT " " BASE_FMT "]%s has no reply after %d s",
                  BASE_ARG(r->route->route.method), BASE_ARG(r->route->route.path),
                  r->cancelled ? ", cancelled," : "", REPLY_SECONDS);
    }
    (void)pthread_mutex_unlock(&host->lock);
}

bool kit_requests_streamed(struct kit_host *host) {
    for (const struct berth_request *r = host->requests; r; r = r->next) {
        if (r->streamed) {
            return true;
        }
    }
    return false;
}

void kit_requests_free(struct kit_host *host) {
    while (host->requests) {
        struct berth_request *r = host->requests;
        host->requests = r->next;
        (void)munmap(r->view, r->view_size);
        free(r->user);
        free(r);
    }
}

/* ---- calls on a request ---- */

int32_t kit_request_enter(struct berth_request *request, enum kit_fn fn, bool ends) {
    int32_t code = kit_enter(request->host, fn);
    (void)pthread_mutex_lock(&request->host->lock);
    bool over = request->state == KIT_REQUEST_ENDED;
    bool lent = request->state == KIT_REQUEST_FORWARDED;
    (void)pthread_mutex_unlock(&request->host->lock);
    if (lent) {
        kit_blame(KIT_BLAME_FORWARDED,
                  "[" BASE_FMT " " BASE_FMT "] calls %s while another node answers it",
                  BASE_ARG(request->route->route.method), BASE_ARG(request->route->route.path),
                  kit_functions[fn].name);
        return BERTH_E_STATE;
    }
    if (over) {
        kit_blame(ends ? KIT_BLAME_REPLY_TWICE : KIT_BLAME_AFTER_REPLY,
                  "[" BASE_FMT " " BASE_FMT "] calls %s after its reply",
                  BASE_ARG(request->route->route.method), BASE_ARG(request->route->route.path),
                  kit_functions[fn].name);
        return BERTH_E_STATE;
    }
    return code;
}

void kit_request_end(struct berth_request *request) {
    struct kit_host *host = request->host;
    (void)pthread_mutex_lock(&host->lock);
    if (request->state < KIT_REQUEST_FORWARDED) { /* another node's is not the plugin's to end */
        request->state = KIT_REQUEST_ENDED;
        host->in_flight--;
        if (host->config.views_end) {
            (void)mprotect(request->view, request->view_size, PROT_NONE);
        }
        (void)pthread_cond_broadcast(&host->changed);
    }
    (void)pthread_mutex_unlock(&host->lock);
}
