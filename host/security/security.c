/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/security.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "host/security/attempts.h"
#include "host/security/authorization.h"
#include "host/security/builtin.h"
#include "host/security/distinguished_name.h"

/* Callers that a loop remembers; a new one takes the place of another with the same slot. */
#define SLOTS 1024u

struct slot {
    struct security_caller *caller; /* NULL: empty */
    uint64_t generation;
    uint64_t expires_ns;
    unsigned char mac[SECURITY_MAC_SIZE];
};

/* One loop's memory; touched by its thread alone. */
struct memory {
    EVP_MAC_CTX *hasher;
    struct slot slots[SLOTS];
};

struct security {
    struct security_options options;
    char *directory;
    struct base_arena arena;      /* what follows of the options */
    struct name_list admin_names; /* of certificates */
    pthread_mutex_t reloading;    /* what was read first is in force first */
    pthread_mutex_t lock;
    struct security_config *config; /* under the lock */
    _Atomic uint64_t generation;    /* of config; changes after it */
    _Atomic bool by_host;           /* of config: the address has a say in roles */
    struct attempts attempts;
    uint32_t count;
    struct memory memories[];
};

/* ---- the users in force ---- */

static struct security_config *acquire(struct security *security, uint64_t *out_generation) {
    (void)pthread_mutex_lock(&security->lock);
    struct security_config *config = security_config_ref(security->config);
    *out_generation = atomic_load(&security->generation);
    (void)pthread_mutex_unlock(&security->lock);
    return config;
}

struct security_config *security_config_in_force(struct security *security) {
    uint64_t generation = 0;
    return acquire(security, &generation);
}

/* more: NULL, or an overlay over the one that is always there. */
static int32_t read_config(struct security *security, const struct security_overlay *more,
                           struct security_config **out_config, struct berth_error *error) {
    struct security_overlay overlays[2];
    uint32_t count = 0;
    if (security->options.overlay.apply) {
        overlays[count++] = security->options.overlay;
    }
    if (more) {
        overlays[count++] = *more;
    }
    return security_config_read(security->directory, overlays, count, out_config, error);
}

int32_t security_try(struct security *security, const struct security_overlay *overlay,
                     struct berth_error *error) {
    struct security_config *config = NULL;
    int32_t code = read_config(security, overlay, &config, error);
    security_config_unref(config);
    return code;
}

int32_t security_reload(struct security *security, struct berth_error *error) {
    struct security_config *config = NULL;
    (void)pthread_mutex_lock(&security->reloading);
    int32_t code = read_config(security, NULL, &config, error);
    if (code) {
        (void)pthread_mutex_unlock(&security->reloading);
        return code;
    }
    (void)pthread_mutex_lock(&security->lock);
    struct security_config *old = security->config;
    security->config = config;
    atomic_store(&security->by_host, config->by_host);
    atomic_fetch_add(&security->generation, 1);
    (void)pthread_mutex_unlock(&security->lock);
    (void)pthread_mutex_unlock(&security->reloading);
    security_config_unref(old);
    return BERTH_OK;
}

/* ---- what a client sends, on a worker ---- */

/* Of an unknown user a hash is checked as well, so that time does not tell. */
static enum security_result check_password(struct security_login *login,
                                           struct security_config *config,
                                           const struct authorization_basic *basic) {
    struct attempts *attempts = &login->security->attempts;
    struct berth_str address = base_cstr(login->address);
    uint64_t now = base_monotonic_ns();
    if (attempts_are_over(attempts, basic->user, address, now)) {
        return SECURITY_BLOCKED;
    }
    const struct security_user *user = security_config_user(config, basic->user);
    struct berth_str hash = user ? user->hash : base_cstr(config->decoy);
    bool is_right = password_matches(basic->password, hash) && user;
    attempts_note(attempts, basic->user, address, is_right, now);
    if (!is_right) {
        return SECURITY_NOBODY;
    }
    login->caller = security_caller_create(
        config, &(struct security_claims){.name = user->entry.name,
                                          .backend_roles = &user->backend_roles,
                                          .direct_roles = &user->direct_roles,
                                          .address = address});
    return login->caller ? SECURITY_KNOWN : SECURITY_FAILED;
}

static enum security_result check_basic(struct security_login *login,
                                        struct security_config *config,
                                        struct berth_str credentials) {
    struct authorization_basic basic;
    enum security_result result = authorization_basic(credentials, &basic)
                                      ? check_password(login, config, &basic)
                                      : SECURITY_NOBODY;
    OPENSSL_cleanse(&basic, sizeof basic);
    return result;
}

/* A token's user need not be one of the files; what holds for it is in the token. */
static enum security_result check_token(struct security_login *login,
                                        struct security_config *config, struct berth_str token) {
    const struct jwt_verifier *verifier = login->security->options.jwt;
    uint64_t now_ms = base_wall_ms();
    struct jwt_claims claims;
    BASE_ARENA_AUTO arena;
    base_arena_init_private(&arena, 2048);
    if (!verifier || jwt_verify(verifier, token, now_ms, &arena, &claims, NULL)) {
        return SECURITY_NOBODY;
    }
    uint64_t ends_ns = base_monotonic_ns() + (claims.expires_ms - now_ms) * BASE_NS_PER_MS;
    login->expires_ns = ends_ns < login->expires_ns ? ends_ns : login->expires_ns;
    login->caller = security_caller_create(
        config, &(struct security_claims){.name = claims.name,
                                          .backend_roles = &claims.roles,
                                          .address = base_cstr(login->address)});
    return login->caller ? SECURITY_KNOWN : SECURITY_FAILED;
}

static uint64_t remembered_until(const struct security *security) {
    return base_monotonic_ns() + security->options.cache_ms * BASE_NS_PER_MS;
}

static void look(struct worker_job *job) {
    struct security_login *login = (struct security_login *)(void *)job;
    struct security *security = login->security;
    struct security_config *config = acquire(security, &login->generation);
    struct berth_str credentials;
    enum authorization_scheme scheme =
        authorization_scheme(base_str(login->header, login->header_len), &credentials);
    login->result = SECURITY_NOBODY;
    login->expires_ns = remembered_until(security);
    if (scheme == AUTHORIZATION_BASIC) {
        login->result = check_basic(login, config, credentials);
    } else if (scheme == AUTHORIZATION_BEARER) {
        login->result = check_token(login, config, credentials);
    }
    security_config_unref(config);
    loop_post(login->loop, &login->back);
}

/* ---- what a loop remembers ---- */

static struct memory *memory_of(struct security *security, const struct loop *loop) {
    return &security->memories[loop_index(loop)];
}

/*
 * What is shown: 'h' and a header, or 'c' and the name in a certificate, so that neither can be
 * made to look like the other; and the address, where roles depend on it.
 */
static bool make_mac(const struct security *security, struct memory *memory, char kind,
                     struct berth_str shown, struct berth_str address,
                     unsigned char out[SECURITY_MAC_SIZE]) {
    size_t len = 0;
    struct berth_str parts[] = {{&kind, 1}, shown, {"", 1}, address};
    size_t count = atomic_load(&security->by_host) ? BASE_COUNT(parts) : 2;
    bool made = EVP_MAC_init(memory->hasher, NULL, 0, NULL) == 1;
    for (size_t i = 0; i < count && made; i++) {
        made = EVP_MAC_update(memory->hasher, (const unsigned char *)parts[i].ptr,
                              BASE_LEN(parts[i])) == 1;
    }
    return made && EVP_MAC_final(memory->hasher, out, &len, SECURITY_MAC_SIZE) == 1;
}

static struct slot *slot_of(struct memory *memory, const unsigned char *mac) {
    return &memory->slots[(mac[0] | (unsigned)mac[1] << 8) % SLOTS];
}

static void forget(struct slot *slot) {
    security_caller_release(slot->caller);
    slot->caller = NULL;
}

static struct security_caller *recall(struct security *security, struct memory *memory,
                                      const unsigned char *mac) {
    struct slot *slot = slot_of(memory, mac);
    if (!slot->caller || CRYPTO_memcmp(slot->mac, mac, SECURITY_MAC_SIZE) != 0) {
        return NULL;
    }
    if (slot->generation != atomic_load(&security->generation) ||
        base_monotonic_ns() >= slot->expires_ns) {
        forget(slot);
        return NULL;
    }
    slot->caller->references++;
    return slot->caller;
}

static void remember(struct memory *memory, const unsigned char *mac,
                     struct security_caller *caller, uint64_t generation, uint64_t expires_ns) {
    struct slot *slot = slot_of(memory, mac);
    forget(slot);
    memcpy(slot->mac, mac, SECURITY_MAC_SIZE);
    slot->caller = caller;
    slot->caller->references++;
    slot->generation = generation;
    slot->expires_ns = expires_ns;
}

/* ---- asking ---- */

static enum security_result submit(struct security_login *login) {
    int32_t code = worker_pool_submit(login->security->options.workers, &login->job);
    return code ? SECURITY_BUSY : SECURITY_ASKED;
}

/* Back on the loop. Where users changed meanwhile, the new ones are asked. */
static void on_looked(struct loop_job *job) {
    struct security_login *login =
        (struct security_login *)(void *)((char *)job - offsetof(struct security_login, back));
    struct security_caller *caller = login->caller;
    if (login->generation != atomic_load(&login->security->generation)) {
        security_caller_release(caller);
        login->caller = NULL;
        enum security_result asked = submit(login);
        if (asked == SECURITY_ASKED) {
            return; /* the login is the worker's again */
        }
        login->result = asked;
        caller = NULL;
    }
    OPENSSL_cleanse(login->header, login->header_len);
    if (login->result == SECURITY_KNOWN) {
        remember(memory_of(login->security, login->loop), login->mac, caller, login->generation,
                 login->expires_ns);
    }
    login->done(login, login->result, caller);
}

static enum security_result authenticate_header(struct security *security, struct loop *loop,
                                                const struct security_shown *shown,
                                                struct security_login *(*make)(void *user),
                                                void *user, struct security_caller **out_caller) {
    struct memory *memory = memory_of(security, loop);
    unsigned char mac[SECURITY_MAC_SIZE];
    if (shown->authorization.len > SECURITY_HEADER_MAX) {
        return SECURITY_NOBODY;
    }
    if (!make_mac(security, memory, 'h', shown->authorization, shown->address, mac)) {
        return SECURITY_FAILED;
    }
    *out_caller = recall(security, memory, mac);
    if (*out_caller) {
        return SECURITY_KNOWN;
    }
    struct security_login *login = make(user);
    if (!login) {
        return SECURITY_FAILED;
    }
    login->security = security;
    login->loop = loop;
    login->job.run = look;
    login->back.run = on_looked;
    login->caller = NULL;
    memcpy(login->mac, mac, sizeof mac);
    (void)snprintf(login->address, sizeof login->address, BASE_FMT, BASE_ARG(shown->address));
    login->header_len = (uint32_t)shown->authorization.len;
    memcpy(login->header, shown->authorization.ptr, login->header_len);
    return submit(login);
}

/* ---- certificates: TLS has checked them ---- */

static bool is_administrator(const struct security *security, struct berth_str certificate) {
    for (uint32_t i = 0; i < security->admin_names.count; i++) {
        if (distinguished_name_same(security->admin_names.items[i], certificate)) {
            return true;
        }
    }
    return false;
}

/* The user whom the name leads to has the roles of the user of the files, where there is one. */
static enum security_result make_certificate_caller(const struct security *security,
                                                    struct security_config *config,
                                                    const struct security_shown *shown,
                                                    bool is_admin,
                                                    struct security_caller **out_caller) {
    struct berth_str all = BERTH_STR(SECURITY_ADMIN_ROLE);
    struct name_list all_roles = {&all, 1};
    struct security_claims claims = {.name = shown->certificate, .address = shown->address};
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 512);
    if (is_admin) {
        claims.direct_roles = &all_roles;
    } else if (security->options.certificate_users == SECURITY_CERTIFICATES_BY_CN) {
        claims.name = distinguished_name_value(shown->certificate, "CN", &arena);
    }
    if (!name_is_clean(claims.name)) {
        return SECURITY_NOBODY;
    }
    const struct security_user *user = is_admin ? NULL : security_config_user(config, claims.name);
    if (user) {
        claims.backend_roles = &user->backend_roles;
        claims.direct_roles = &user->direct_roles;
    }
    *out_caller = security_caller_create(config, &claims);
    return *out_caller ? SECURITY_KNOWN : SECURITY_FAILED;
}

static enum security_result authenticate_certificate(struct security *security, struct loop *loop,
                                                     const struct security_shown *shown,
                                                     bool is_admin,
                                                     struct security_caller **out_caller) {
    struct memory *memory = memory_of(security, loop);
    unsigned char mac[SECURITY_MAC_SIZE];
    uint64_t generation = 0;
    if (!make_mac(security, memory, 'c', shown->certificate, shown->address, mac)) {
        return SECURITY_FAILED;
    }
    *out_caller = recall(security, memory, mac);
    if (*out_caller) {
        return SECURITY_KNOWN;
    }
    struct security_config *config = acquire(security, &generation);
    enum security_result result =
        make_certificate_caller(security, config, shown, is_admin, out_caller);
    security_config_unref(config);
    if (result == SECURITY_KNOWN) {
        remember(memory, mac, *out_caller, generation, remembered_until(security));
    }
    return result;
}

enum security_result security_authenticate(struct security *security, struct loop *loop,
                                           const struct security_shown *shown,
                                           struct security_login *(*make)(void *user), void *user,
                                           struct security_caller **out_caller) {
    bool is_admin = shown->certificate.len && is_administrator(security, shown->certificate);
    bool makes_user = shown->certificate.len && security->options.certificate_users;
    if (is_admin || (makes_user && shown->authorization.len == 0)) {
        return authenticate_certificate(security, loop, shown, is_admin, out_caller);
    }
    return shown->authorization.len
               ? authenticate_header(security, loop, shown, make, user, out_caller)
               : SECURITY_NOBODY;
}

/* ---- the whole ---- */

static bool make_hashers(struct security *security) {
    unsigned char key[SECURITY_MAC_SIZE];
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                     OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bool made = mac && RAND_bytes(key, sizeof key) == 1;
    for (uint32_t i = 0; i < security->count && made; i++) {
        security->memories[i].hasher = EVP_MAC_CTX_new(mac);
        made = security->memories[i].hasher &&
               EVP_MAC_init(security->memories[i].hasher, key, sizeof key, parameters) == 1;
    }
    EVP_MAC_free(mac);
    OPENSSL_cleanse(key, sizeof key);
    return made;
}

static bool copy_admin_names(struct security *security) {
    const struct name_list *given = &security->options.admin_names;
    struct name_list *copy = &security->admin_names;
    copy->items = base_arena_array(&security->arena, given->count + 1u, sizeof *copy->items);
    bool ok = copy->items != NULL;
    for (uint32_t i = 0; i < given->count && ok; i++) {
        copy->items[copy->count++] = base_arena_dup(&security->arena, given->items[i]);
        ok = copy->items[i].ptr != NULL;
    }
    return ok;
}

int32_t security_create(const struct security_options *options, struct security **out_security,
                        struct berth_error *error) {
    uint32_t count = loop_group_count(options->loops);
    struct security *security = calloc(1, sizeof *security + count * sizeof security->memories[0]);
    if (!security) {
        jwt_verifier_destroy(options->jwt);
        return base_error_memory(error);
    }
    security->options = *options;
    security->count = count;
    security->directory = strdup(options->directory);
    base_arena_init(&security->arena, 512);
    (void)pthread_mutex_init(&security->reloading, NULL);
    (void)pthread_mutex_init(&security->lock, NULL);
    attempts_init(&security->attempts, options->allowed_tries, options->tries_window_ms);
    int32_t code = security->directory && copy_admin_names(security) && make_hashers(security)
                       ? read_config(security, NULL, &security->config, error)
                       : base_error_memory(error);
    if (code) {
        security_destroy(security);
        return code;
    }
    atomic_store(&security->by_host, security->config->by_host);
    *out_security = security;
    return BERTH_OK;
}

void security_destroy(struct security *security) {
    if (!security) {
        return;
    }
    for (uint32_t i = 0; i < security->count; i++) {
        for (uint32_t k = 0; k < SLOTS; k++) {
            forget(&security->memories[i].slots[k]);
        }
        EVP_MAC_CTX_free(security->memories[i].hasher);
    }
    security_config_unref(security->config);
    (void)pthread_mutex_destroy(&security->lock);
    (void)pthread_mutex_destroy(&security->reloading);
    attempts_deinit(&security->attempts);
    jwt_verifier_destroy(security->options.jwt);
    base_arena_deinit(&security->arena);
    free(security->directory);
    free(security);
}
