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
#include "host/security/builtin.h"

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
    pthread_mutex_t lock;
    struct security_config *config; /* under the lock */
    _Atomic uint64_t generation;    /* of config; changes after it */
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

int32_t security_reload(struct security *security, struct berth_error *error) {
    struct security_config *config = NULL;
    int32_t code = security_config_read(security->directory, &config, error);
    if (code) {
        return code;
    }
    (void)pthread_mutex_lock(&security->lock);
    struct security_config *old = security->config;
    security->config = config;
    atomic_fetch_add(&security->generation, 1);
    (void)pthread_mutex_unlock(&security->lock);
    security_config_unref(old);
    return BERTH_OK;
}

/* ---- callers ---- */

void security_caller_release(struct security_caller *caller) {
    if (caller && --caller->references == 0) {
        security_config_unref(caller->config);
        base_arena_deinit(&caller->arena);
        free(caller);
    }
}

static bool matches_one(const struct name_list *patterns, const struct name_list *names) {
    for (uint32_t i = 0; i < names->count; i++) {
        if (name_list_matches(patterns, names->items[i])) {
            return true;
        }
    }
    return false;
}

static bool matches_all(const struct name_list *patterns, const struct name_list *names) {
    for (uint32_t i = 0; i < patterns->count; i++) {
        const struct name_list one = {&patterns->items[i], 1};
        if (!matches_one(&one, names)) {
            return false;
        }
    }
    return patterns->count > 0;
}

static bool is_mapped(const struct security_mapping *mapping, const struct security_user *user) {
    return name_list_matches(&mapping->users, user->entry.name) ||
           matches_one(&mapping->backend_roles, &user->backend_roles) ||
           matches_all(&mapping->and_backend_roles, &user->backend_roles);
}

/* The roles that the user has by a mapping, and those that the user names. */
static bool find_roles(struct security_caller *caller, const struct security_user *user) {
    const struct security_table *mappings = &caller->config->tables[SECURITY_MAPPINGS];
    size_t most = user->direct_roles.count;
    for (const struct security_entry *e = mappings->first; e; e = e->next) {
        most++;
    }
    caller->roles.items = base_arena_array(&caller->arena, most + 1, sizeof *caller->roles.items);
    if (!caller->roles.items) {
        return false;
    }
    for (const struct security_entry *e = mappings->first; e; e = e->next) {
        if (is_mapped((const struct security_mapping *)(const void *)e, user)) {
            caller->roles.items[caller->roles.count++] = e->name;
        }
    }
    for (uint32_t i = 0; i < user->direct_roles.count; i++) {
        caller->roles.items[caller->roles.count++] = user->direct_roles.items[i];
    }
    name_list_order(&caller->roles);
    return true;
}

/* Takes over the reference of the config. NULL without memory. */
static struct security_caller *create_caller(struct security_config *config,
                                             const struct security_user *user) {
    struct security_caller *caller = calloc(1, sizeof *caller);
    if (!caller) {
        security_config_unref(config);
        return NULL;
    }
    caller->references = 1;
    caller->config = config;
    base_arena_init(&caller->arena, 512);
    if (!find_roles(caller, user)) {
        security_caller_release(caller);
        return NULL;
    }
    caller->user = (struct berth_user){
        .size = sizeof caller->user,
        .is_admin = name_list_has(&caller->roles, BERTH_STR(SECURITY_ADMIN_ROLE)),
        .name = user->entry.name,
        .backend_roles = user->backend_roles.items,
        .roles = caller->roles.items,
        .backend_role_count = user->backend_roles.count,
        .role_count = caller->roles.count,
    };
    return caller;
}

bool security_may(const struct security_caller *caller, struct berth_str permission) {
    for (uint32_t i = 0; i < caller->roles.count; i++) {
        const struct security_role *role =
            security_config_role(caller->config, caller->roles.items[i]);
        if (role && name_list_matches(&role->patterns, permission)) {
            return true;
        }
    }
    return false;
}

/* ---- what a client sends ---- */

struct basic {
    struct berth_str name;
    struct berth_str password;
    char text[SECURITY_HEADER_MAX];
};

/* "Basic " and the Base64 of name:password. */
static bool read_basic(struct berth_str header, struct basic *out) {
    static const struct berth_str scheme = BERTH_STR_INIT("basic ");
    if (header.len <= scheme.len || header.len > SECURITY_HEADER_MAX ||
        !base_str_eq_nocase(base_str_slice(header, 0, scheme.len), scheme)) {
        return false;
    }
    struct berth_str code = base_str_trim(base_str_from(header, scheme.len));
    int len = code.len > 0 && code.len % 4 == 0
                  ? EVP_DecodeBlock((unsigned char *)out->text, (const unsigned char *)code.ptr,
                                    (int)code.len)
                  : -1;
    for (uint64_t i = 1; len > 0 && i <= 2 && code.ptr[code.len - i] == '='; i++) {
        len--; /* filling counts as zero bytes there */
    }
    if (len <= 0) {
        return false;
    }
    struct berth_str text = base_str(out->text, (size_t)len);
    uint64_t colon = base_str_find(text, ':');
    out->name = base_str_slice(text, 0, colon);
    out->password = base_str_from(text, colon + 1);
    return colon < text.len;
}

/* Of an unknown user a hash is checked as well, so that time does not tell. */
static enum security_result check(struct security_login *login, struct security_config *config,
                                  const struct basic *basic) {
    struct attempts *attempts = &login->security->attempts;
    struct berth_str address = base_cstr(login->address);
    uint64_t now = base_monotonic_ns();
    if (attempts_are_over(attempts, basic->name, address, now)) {
        return SECURITY_BLOCKED;
    }
    const struct security_user *user = security_config_user(config, basic->name);
    struct berth_str hash = user ? user->hash : base_cstr(config->decoy);
    bool is_right = password_matches(basic->password, hash) && user;
    attempts_note(attempts, basic->name, address, is_right, now);
    if (!is_right) {
        return SECURITY_NOBODY;
    }
    login->caller = create_caller(security_config_ref(config), user);
    return login->caller ? SECURITY_KNOWN : SECURITY_FAILED;
}

/* On a worker. */
static void look(struct worker_job *job) {
    struct security_login *login = (struct security_login *)(void *)job;
    struct security *security = login->security;
    struct security_config *config = acquire(security, &login->generation);
    struct basic basic = {0};
    login->result = SECURITY_NOBODY;
    if (read_basic(base_str(login->header, login->header_len), &basic)) {
        login->result = check(login, config, &basic);
    }
    OPENSSL_cleanse(&basic, sizeof basic);
    security_config_unref(config);
    loop_post(login->loop, &login->back);
}

/* ---- what a loop remembers ---- */

static struct memory *memory_of(struct security *security, const struct loop *loop) {
    return &security->memories[loop_index(loop)];
}

static bool make_mac(struct memory *memory, struct berth_str header,
                     unsigned char out[SECURITY_MAC_SIZE]) {
    size_t len = 0;
    return EVP_MAC_init(memory->hasher, NULL, 0, NULL) == 1 &&
           EVP_MAC_update(memory->hasher, (const unsigned char *)header.ptr, BASE_LEN(header)) ==
               1 &&
           EVP_MAC_final(memory->hasher, out, &len, SECURITY_MAC_SIZE) == 1;
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
        base_monotonic_ns() > slot->expires_ns) {
        forget(slot);
        return NULL;
    }
    slot->caller->references++;
    return slot->caller;
}

static void remember(const struct security_login *login) {
    struct security *security = login->security;
    struct slot *slot = slot_of(memory_of(security, login->loop), login->mac);
    forget(slot);
    memcpy(slot->mac, login->mac, SECURITY_MAC_SIZE);
    slot->caller = login->caller;
    slot->caller->references++;
    slot->generation = login->generation;
    slot->expires_ns = base_monotonic_ns() + security->options.cache_ms * BASE_NS_PER_MS;
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
        remember(login);
    }
    login->done(login, login->result, caller);
}

enum security_result security_authenticate(struct security *security, struct loop *loop,
                                           struct berth_str authorization, struct berth_str address,
                                           struct security_login *(*make)(void *user), void *user,
                                           struct security_caller **out_caller) {
    struct memory *memory = memory_of(security, loop);
    unsigned char mac[SECURITY_MAC_SIZE];
    if (authorization.len == 0 || authorization.len > SECURITY_HEADER_MAX) {
        return SECURITY_NOBODY;
    }
    if (!make_mac(memory, authorization, mac)) {
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
    (void)snprintf(login->address, sizeof login->address, BASE_FMT, BASE_ARG(address));
    login->header_len = (uint32_t)authorization.len;
    memcpy(login->header, authorization.ptr, login->header_len);
    return submit(login);
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

int32_t security_create(const struct security_options *options, struct security **out_security,
                        struct berth_error *error) {
    uint32_t count = loop_group_count(options->loops);
    struct security *security = calloc(1, sizeof *security + count * sizeof security->memories[0]);
    if (!security) {
        return base_error_memory(error);
    }
    security->options = *options;
    security->count = count;
    security->directory = strdup(options->directory);
    (void)pthread_mutex_init(&security->lock, NULL);
    attempts_init(&security->attempts, options->allowed_tries, options->tries_window_ms);
    int32_t code = security->directory && make_hashers(security)
                       ? security_config_read(options->directory, &security->config, error)
                       : base_error_memory(error);
    if (code) {
        security_destroy(security);
        return code;
    }
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
    attempts_deinit(&security->attempts);
    free(security->directory);
    free(security);
}
