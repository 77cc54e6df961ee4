/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

static const char alphabet[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* "$2y$12$", then the salt. */
#define PREFIX_LENGTH 7u
#define SALT_LENGTH 22u

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

uint32_t password_cost(struct berth_str hash) {
    return (uint32_t)(hash.ptr[4] - '0') * 10 + (uint32_t)(hash.ptr[5] - '0');
}

int32_t password_check_hash(struct berth_str hash, struct berth_error *error) {
    bool form = hash.len == PASSWORD_HASH_LENGTH && hash.ptr[0] == '$' && hash.ptr[1] == '2' &&
                strchr("aby", hash.ptr[2]) && hash.ptr[2] && hash.ptr[3] == '$' &&
                is_digit(hash.ptr[4]) && is_digit(hash.ptr[5]) && hash.ptr[6] == '$';
    for (uint64_t i = PREFIX_LENGTH; i < hash.len && form; i++) {
        form = hash.ptr[i] && strchr(alphabet, hash.ptr[i]);
    }
    if (!form) {
        return base_error(error, BERTH_E_INVALID,
                          "the hash is no bcrypt hash ($2y$12$ and 53 characters); "
                          "berth hash-password makes one");
    }
    uint32_t cost = password_cost(hash);
    if (cost < PASSWORD_COST_MIN || cost > PASSWORD_COST_MAX) {
        return base_error(error, BERTH_E_INVALID, "the hash has the cost %u, taken are %u to %u",
                          cost, PASSWORD_COST_MIN, PASSWORD_COST_MAX);
    }
    return BERTH_OK;
}

bool password_matches(struct berth_str password, struct berth_str hash) {
    char phrase[PASSWORD_MAX + 1];
    char setting[PASSWORD_HASH_LENGTH + 1];
    if (hash.len != PASSWORD_HASH_LENGTH || base_str_find(password, '\0') < password.len) {
        return false;
    }
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data) {
        return false;
    }
    size_t length = password.len > PASSWORD_MAX ? PASSWORD_MAX : BASE_LEN(password);
    if (length) {
        memcpy(phrase, password.ptr, length);
    }
    phrase[length] = '\0';
    memcpy(setting, hash.ptr, PASSWORD_HASH_LENGTH);
    setting[PASSWORD_HASH_LENGTH] = '\0';
    /* Java's $2a$ is what others call $2y$; crypt's own $2a$ differs for a few passwords. */
    setting[2] = 'y';
    const char *made = crypt_r(phrase, setting, data);
    bool same = made && strlen(made) == PASSWORD_HASH_LENGTH &&
                CRYPTO_memcmp(made + PREFIX_LENGTH, setting + PREFIX_LENGTH,
                              PASSWORD_HASH_LENGTH - PREFIX_LENGTH) == 0;
    OPENSSL_cleanse(phrase, sizeof phrase);
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return same;
}

static int32_t make_setting(uint32_t cost, char out[PREFIX_LENGTH + SALT_LENGTH + 1],
                            struct berth_error *error) {
    unsigned char random[SALT_LENGTH];
    if (RAND_bytes(random, sizeof random) != 1) {
        return base_error(error, BERTH_E_INTERNAL, "there are no random numbers to be had");
    }
    (void)snprintf(out, PREFIX_LENGTH + 1, "$2y$%02u$", cost);
    for (size_t i = 0; i < SALT_LENGTH; i++) {
        out[PREFIX_LENGTH + i] = alphabet[random[i] & 63u];
    }
    /* The last character has two bits of the salt. */
    out[PREFIX_LENGTH + SALT_LENGTH - 1] = alphabet[random[SALT_LENGTH - 1] & 48u];
    out[PREFIX_LENGTH + SALT_LENGTH] = '\0';
    return BERTH_OK;
}

int32_t password_hash(struct berth_str password, uint32_t cost,
                      char out_hash[PASSWORD_HASH_LENGTH + 1], struct berth_error *error) {
    char phrase[PASSWORD_MAX + 1];
    char setting[PREFIX_LENGTH + SALT_LENGTH + 1];
    if (password.len == 0 || password.len > PASSWORD_MAX ||
        base_str_find(password, '\0') < password.len) {
        return base_error(error, BERTH_E_INVALID, "a password has 1 to %u bytes, none of them NUL",
                          PASSWORD_MAX);
    }
    if (cost < PASSWORD_COST_MIN || cost > PASSWORD_COST_MAX) {
        return base_error(error, BERTH_E_INVALID, "the cost is not within %u to %u",
                          PASSWORD_COST_MIN, PASSWORD_COST_MAX);
    }
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data) {
        return base_error_memory(error);
    }
    memcpy(phrase, password.ptr, BASE_LEN(password));
    phrase[password.len] = '\0';
    int32_t code = make_setting(cost, setting, error);
    const char *made = code ? NULL : crypt_r(phrase, setting, data);
    if (!code && (!made || strlen(made) != PASSWORD_HASH_LENGTH)) {
        code = base_error(error, BERTH_E_INTERNAL, "this C library has no bcrypt");
    }
    if (!code) {
        memcpy(out_hash, made, PASSWORD_HASH_LENGTH + 1);
    }
    OPENSSL_cleanse(phrase, sizeof phrase);
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return code;
}

int32_t password_decoy(uint32_t cost, char out_hash[PASSWORD_HASH_LENGTH + 1],
                       struct berth_error *error) {
    unsigned char random[PASSWORD_HASH_LENGTH - PREFIX_LENGTH - SALT_LENGTH];
    int32_t code = make_setting(cost, out_hash, error);
    if (code || RAND_bytes(random, sizeof random) != 1) {
        return code ? code
                    : base_error(error, BERTH_E_INTERNAL, "there are no random numbers to be had");
    }
    char *digest = out_hash + PREFIX_LENGTH + SALT_LENGTH;
    for (size_t i = 0; i < sizeof random; i++) {
        digest[i] = alphabet[random[i] & 63u];
    }
    digest[sizeof random] = '\0';
    return BERTH_OK;
}
