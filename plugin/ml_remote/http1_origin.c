/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests go. Names are looked up on a worker, since the C library's resolver blocks.
 */
#include "plugin/ml_remote/http1_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"

/* How long looked up addresses are believed. */
#define ADDRESSES_S 60u
/* How long an idle connection is kept: less than most services keep theirs. */
#define IDLE_S 55u
/* How long an origin without connections is remembered, for its addresses and TLS session. */
#define ORIGIN_S 600u
#define TIDY_MS 1000u
#define NS_PER_S (BASE_NS_PER_MS * (uint64_t)BASE_MS_PER_S)
/* The longest authority: a host of 253 characters, brackets, a port. */
#define AUTHORITY_MAX 280u

/* ---- URLs ---- */

static bool split_port(struct berth_str text, struct ml_http1_url *out) {
    if (text.len == 0) {
        return true;
    }
    int64_t port;
    out->port = base_str_from(text, 1);
    return text.ptr[0] == ':' &&
           (out->port.len == 0 || (base_str_i64(out->port, &port) && port > 0 && port <= 65535));
}

static bool is_host(struct berth_str host) {
    for (uint64_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"#%/:<>?@[\\]^`{|}", c)) {
            return false;
        }
    }
    return host.len > 0;
}

bool ml_http1_url_split(struct berth_str url, struct ml_http1_url *out) {
    static const struct berth_str http = BERTH_STR_INIT("http://");
    static const struct berth_str https = BERTH_STR_INIT("https://");
    bool is_https = base_str_starts(url, https);
    if (!is_https && !base_str_starts(url, http)) {
        return false;
    }
    struct berth_str rest = base_str_from(url, is_https ? https.len : http.len);
    uint64_t end = 0;
    while (end < rest.len && !strchr("/?#", rest.ptr[end])) {
        end++;
    }
    struct berth_str authority = base_str_slice(rest, 0, end);
    struct berth_str target = base_str_from(rest, end);
    *out = (struct ml_http1_url){.is_https = is_https, .authority = authority};
    out->target = base_str_slice(target, 0, base_str_find(target, '#'));
    uint64_t close = base_str_find(authority, ']');
    bool is_bracketed = authority.len > 0 && authority.ptr[0] == '[';
    uint64_t host_end = is_bracketed ? close + 1 : base_str_find(authority, ':');
    if (authority.len > AUTHORITY_MAX || (is_bracketed && close == authority.len)) {
        return false;
    }
    out->host =
        is_bracketed ? base_str_slice(authority, 1, close) : base_str_slice(authority, 0, host_end);
    if (!split_port(base_str_from(authority, host_end), out)) {
        return false;
    }
    if (out->port.len == 0) {
        out->port = is_https ? BERTH_STR("443") : BERTH_STR("80");
    }
    return is_bracketed ? base_str_find(out->host, ':') < out->host.len : is_host(out->host);
}

/* ---- addresses ---- */

void ml_http1_addresses_unref(struct ml_http1_addresses *addresses) {
    if (addresses && --addresses->references == 0) {
        freeaddrinfo(addresses->list);
        free(addresses);
    }
}

void ml_http1_origin_distrust(struct ml_http1_origin *origin) {
    ml_http1_addresses_unref(origin->addresses);
    origin->addresses = NULL;
}

/* A look-up under way; the origin and the worker each hold a reference. */
struct ml_http1_lookup {
    _Atomic uint32_t references;
    _Atomic bool is_lost;           /* nobody will tell the loop of it */
    struct ml_http1_origin *origin; /* NULL: it is gone. For the loop alone */
    const struct ml_plugin *plugin;
    uint32_t loop;
    int code;
    struct addrinfo *list;
    const char *port;
    char host[AUTHORITY_MAX + 16]; /* and the port behind it */
};

static void lookup_unref(struct ml_http1_lookup *lookup) {
    if (--lookup->references == 0) {
        if (lookup->list) {
            freeaddrinfo(lookup->list);
        }
        free(lookup);
    }
}

static int ask(const char *host, const char *port, bool is_address, struct addrinfo **out_list) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV | (is_address ? AI_NUMERICHOST : 0)};
    return getaddrinfo(host, port, &hints, out_list);
}

/* Takes the list over. */
static bool set_addresses(struct ml_http1_origin *origin, struct addrinfo *list) {
    struct ml_http1_addresses *addresses = malloc(sizeof *addresses);
    if (!addresses) {
        freeaddrinfo(list);
        return false;
    }
    *addresses = (struct ml_http1_addresses){.references = 1, .list = list};
    ml_http1_addresses_unref(origin->addresses);
    origin->addresses = addresses;
    origin->addresses_until_ns = base_monotonic_ns() + ADDRESSES_S * NS_PER_S;
    return true;
}

static void give_addresses(struct ml_http1_call *call) {
    call->addresses = call->origin->addresses;
    call->addresses->references++;
    call->address = call->addresses->list;
}

static void fail_lookup(struct ml_http1_call *call, int code) {
    ml_http_call_fail(&call->base, code == EAI_MEMORY ? ML_HTTP_NO_MEMORY : ML_HTTP_UNRESOLVED,
                      "%s", gai_strerror(code));
}

/* On the loop, with what a worker found. */
static void on_found(void *user, uint32_t index, void *context) {
    struct ml_http1_lookup *lookup = user;
    struct ml_http1_origin *origin = lookup->origin;
    (void)index;
    (void)context;
    if (!origin) {
        lookup_unref(lookup);
        return;
    }
    origin->lookup = NULL;
    int code = lookup->code;
    if (code == 0) {
        code = set_addresses(origin, lookup->list) ? 0 : EAI_MEMORY;
        lookup->list = NULL;
    }
    lookup_unref(lookup);
    lookup_unref(lookup);
    origin->users++;
    /* One that begins meanwhile and needs a look-up of its own waits with the others for that. */
    while (origin->waiting && !origin->lookup) {
        struct ml_http1_call *call = origin->waiting;
        origin->waiting = call->next;
        call->next = NULL;
        if (code) {
            fail_lookup(call, code);
        } else {
            give_addresses(call);
        }
        ml_http1_call_resolved(call);
    }
    origin->users--;
}

/* On a worker. */
static void look_up(void *user) {
    struct ml_http1_lookup *lookup = user;
    const struct ml_plugin *plugin = lookup->plugin;
    lookup->code = ask(lookup->host, lookup->port, false, &lookup->list);
    if (plugin->loop->post(plugin->host, lookup->loop, on_found, lookup)) {
        lookup->is_lost = true;
        lookup_unref(lookup);
    }
}

/* 0, or a code of getaddrinfo. */
static int start_lookup(struct ml_http1_origin *origin) {
    const struct ml_plugin *plugin = origin->http1->client->plugin;
    struct ml_http1_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup) {
        return EAI_MEMORY;
    }
    lookup->references = 2;
    lookup->origin = origin;
    lookup->plugin = plugin;
    lookup->loop = plugin->loop->current(plugin->host);
    size_t host_len = strlen(origin->host);
    memcpy(lookup->host, origin->host, host_len + 1);
    memcpy(lookup->host + host_len + 1, origin->port, strlen(origin->port) + 1);
    lookup->port = lookup->host + host_len + 1;
    origin->lookup = lookup;
    if (plugin->worker->submit(plugin->host, look_up, lookup)) {
        origin->lookup = NULL;
        lookup->references = 1;
        lookup_unref(lookup);
        return EAI_AGAIN;
    }
    return 0;
}

static void drop_lookup(struct ml_http1_origin *origin) {
    if (origin->lookup) {
        origin->lookup->origin = NULL;
        lookup_unref(origin->lookup);
        origin->lookup = NULL;
    }
}

void ml_http1_origin_resolve(struct ml_http1_origin *origin, struct ml_http1_call *call) {
    int code = 0;
    if (origin->addresses && base_monotonic_ns() > origin->addresses_until_ns) {
        ml_http1_origin_distrust(origin);
    }
    if (!origin->addresses && origin->is_address) {
        struct addrinfo *list = NULL;
        code = ask(origin->host, origin->port, true, &list);
        code = code ? code : set_addresses(origin, list) ? 0 : EAI_MEMORY;
    }
    if (!code && !origin->addresses) {
        if (origin->lookup && origin->lookup->is_lost) {
            drop_lookup(origin);
        }
        call->next = origin->waiting;
        origin->waiting = call;
        code = origin->lookup ? 0 : start_lookup(origin);
        if (!code) {
            return;
        }
        ml_http1_origin_forget(origin, call);
    }
    if (code) {
        fail_lookup(call, code);
    } else {
        give_addresses(call);
    }
    ml_http1_call_resolved(call);
}

void ml_http1_origin_forget(struct ml_http1_origin *origin, struct ml_http1_call *call) {
    for (struct ml_http1_call **at = &origin->waiting; *at; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            call->next = NULL;
            return;
        }
    }
}

/* ---- origins ---- */

/* What tells one origin from others: with which certificates it is asked, and its authority. */
static struct berth_str make_key(const struct ml_http1_url *url, const SSL_CTX *tls, char *out) {
    memcpy(out, &tls, sizeof tls);
    memcpy(out + sizeof tls, url->authority.ptr, BASE_LEN(url->authority));
    return base_str(out, sizeof tls + BASE_LEN(url->authority));
}

static bool is_address(struct berth_str host) {
    bool numbers = true;
    for (uint64_t i = 0; i < host.len; i++) {
        if (host.ptr[i] == ':') {
            return true;
        }
        numbers = numbers && strchr("0123456789.", host.ptr[i]);
    }
    return numbers;
}

static char *put_text(char *to, struct berth_str text) {
    memcpy(to, text.ptr, BASE_LEN(text));
    to[text.len] = '\0';
    return to + text.len + 1;
}

static struct ml_http1_origin *create(struct ml_http1 *http1, const struct ml_http1_url *url,
                                      SSL_CTX *tls, struct berth_str key) {
    struct ml_http1_origin *origin =
        calloc(1, sizeof *origin + BASE_LEN(key) + BASE_LEN(url->host) + BASE_LEN(url->port) + 3);
    if (!origin) {
        return NULL;
    }
    char *at = (char *)(origin + 1);
    origin->http1 = http1;
    origin->key = base_str(at, BASE_LEN(key));
    at = put_text(at, key);
    origin->host = at;
    at = put_text(at, url->host);
    origin->port = at;
    (void)put_text(at, url->port);
    origin->is_address = is_address(url->host);
    if (!base_map_set(&http1->by_key, origin->key, origin)) {
        free(origin);
        return NULL;
    }
    if (tls && SSL_CTX_up_ref(tls) == 1) {
        origin->tls = tls;
    }
    origin->next = http1->origins;
    if (origin->next) {
        origin->next->previous = origin;
    }
    http1->origins = origin;
    return origin;
}

struct ml_http1_origin *ml_http1_origin_get(struct ml_http1 *http1, const struct ml_http1_url *url,
                                            SSL_CTX *tls) {
    char text[sizeof tls + AUTHORITY_MAX];
    struct berth_str key = make_key(url, tls, text);
    struct ml_http1_origin *origin = base_map_get(&http1->by_key, key);
    return origin ? origin : create(http1, url, tls, key);
}

void ml_http1_origin_destroy(struct ml_http1_origin *origin) {
    struct ml_http1 *http1 = origin->http1;
    while (origin->first_idle) {
        ml_http1_conn_close(origin->first_idle);
    }
    drop_lookup(origin);
    ml_http1_addresses_unref(origin->addresses);
    SSL_SESSION_free(origin->session);
    SSL_CTX_free(origin->tls);
    (void)base_map_remove(&http1->by_key, origin->key);
    *(origin->previous ? &origin->previous->next : &http1->origins) = origin->next;
    if (origin->next) {
        origin->next->previous = origin->previous;
    }
    free(origin);
}

void ml_http1_origins_tidy(struct ml_http1 *http1, uint64_t now_ns) {
    struct ml_http1_origin *next;
    if (now_ns - http1->tidied_ns < TIDY_MS * (uint64_t)BASE_NS_PER_MS) {
        return;
    }
    http1->tidied_ns = now_ns;
    for (struct ml_http1_origin *origin = http1->origins; origin; origin = next) {
        next = origin->next;
        while (origin->last_idle && now_ns - origin->last_idle->idle_since_ns > IDLE_S * NS_PER_S) {
            ml_http1_conn_close(origin->last_idle);
        }
        if (origin->users == 0 && now_ns - origin->used_ns > ORIGIN_S * NS_PER_S) {
            ml_http1_origin_destroy(origin);
        }
    }
}
