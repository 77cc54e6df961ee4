/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/secrets.h"

#include "host/base/file.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define KEY_SIZE 32
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define KEY_ID_LENGTH 8
#define PREFIX "berth1:"
/* The longest text that is sealed. */
#define PLAIN_MAX (1 << 20)

struct secrets {
    /* On a page of its own, locked, so that it is neither swapped nor in a core dump. */
    unsigned char *key;
    char key_id[KEY_ID_LENGTH + 1];
    EVP_MAC_CTX *macs[SECRETS_PURPOSES]; /* with the key of each in it; they are only copied */
};

static int32_t name_key(struct secrets *secrets) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (EVP_Digest(secrets->key, KEY_SIZE, hash, &len, EVP_sha256(), NULL) != 1) {
        return BERTH_E_INTERNAL;
    }
    base_hex(hash, KEY_ID_LENGTH / 2, secrets->key_id);
    return BERTH_OK;
}

static int32_t make_key(struct secrets *secrets, const char *path, struct berth_error *error) {
    unsigned char text[64];
    if (RAND_bytes(secrets->key, KEY_SIZE) != 1) {
        return base_error(error, BERTH_E_INTERNAL, "no random bytes for the master key");
    }
    int len = EVP_EncodeBlock(text, secrets->key, KEY_SIZE);
    int32_t code = file_write_private(path, base_str((char *)text, (size_t)len), error);
    explicit_bzero(text, sizeof text);
    return code;
}

static int32_t load_key(struct secrets *secrets, const char *path, struct berth_error *error) {
    struct base_buf text;
    base_buf_init_private(&text, 256);
    int32_t code = file_read(path, &text, error);
    if (code == BERTH_E_NOT_FOUND) {
        return make_key(secrets, path, error);
    }
    if (code == BERTH_OK) {
        struct berth_str line = base_str_trim(base_buf_view(&text));
        unsigned char key[64] = {0};
        int len = line.len == 44 ? EVP_DecodeBlock(key, (const unsigned char *)line.ptr, 44) : 0;
        if (len != KEY_SIZE + 1 || line.ptr[43] != '=') {
            code = base_error(error, BERTH_E_CORRUPT, "[%s] does not hold a key of 256 bits", path);
        } else {
            memcpy(secrets->key, key, KEY_SIZE);
        }
        explicit_bzero(key, sizeof key);
    }
    base_buf_deinit(&text);
    return code;
}

/* Encrypts into out: nonce, ciphertext, tag. */
static bool encrypt(EVP_CIPHER_CTX *cipher, const unsigned char *key, struct berth_str context,
                    struct berth_str plain, unsigned char *out) {
    int len = 0;
    unsigned char *nonce = out;
    unsigned char *text = out + NONCE_SIZE;
    unsigned char *tag = text + plain.len;
    return RAND_bytes(nonce, NONCE_SIZE) == 1 &&
           EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
           EVP_EncryptUpdate(cipher, NULL, &len, (const unsigned char *)context.ptr,
                             (int)context.len) == 1 &&
           EVP_EncryptUpdate(cipher, text, &len, (const unsigned char *)plain.ptr,
                             (int)plain.len) == 1 &&
           EVP_EncryptFinal_ex(cipher, text + plain.len, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) == 1;
}

int32_t secrets_seal(const struct secrets *secrets, struct berth_str context,
                     struct berth_str plain, struct base_buf *out_sealed,
                     struct berth_error *error) {
    if (plain.len > PLAIN_MAX || context.len > PLAIN_MAX) {
        return base_error(error, BERTH_E_TOO_LARGE, "a secret has at most %d bytes", PLAIN_MAX);
    }
    size_t size = NONCE_SIZE + BASE_LEN(plain) + TAG_SIZE;
    unsigned char *sealed = malloc(size);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int32_t code = sealed && cipher ? BERTH_OK : base_error_memory(error);
    if (!code && !encrypt(cipher, secrets->key, context, plain, sealed)) {
        code = base_error(error, BERTH_E_INTERNAL, "sealing a secret failed");
    }
    if (!code) {
        base_buf_format(out_sealed, PREFIX "%s:", secrets->key_id);
        char *to = base_buf_reserve(out_sealed, (size + 2) / 3 * 4 + 1);
        if (to) {
            out_sealed->len += (size_t)EVP_EncodeBlock((unsigned char *)to, sealed, (int)size);
        }
        code = out_sealed->error ? base_error_memory(error) : BERTH_OK;
    }
    EVP_CIPHER_CTX_free(cipher);
    free(sealed);
    return code;
}

static bool decrypt(EVP_CIPHER_CTX *cipher, const unsigned char *key, struct berth_str context,
                    unsigned char *sealed, size_t text_len, unsigned char *out) {
    int len = 0;
    unsigned char *text = sealed + NONCE_SIZE;
    return EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
           EVP_DecryptUpdate(cipher, NULL, &len, (const unsigned char *)context.ptr,
                             (int)context.len) == 1 &&
           EVP_DecryptUpdate(cipher, out, &len, text, (int)text_len) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, text + text_len) == 1 &&
           EVP_DecryptFinal_ex(cipher, out + text_len, &len) == 1;
}

/* Takes the parts of a sealed text; what is returned is the base64 part, empty if it is none. */
static struct berth_str payload_of(const struct secrets *secrets, struct berth_str sealed,
                                   bool *out_known_key) {
    struct berth_str rest = base_str_from(sealed, sizeof PREFIX - 1);
    if (!base_str_starts(sealed, BERTH_STR(PREFIX)) || rest.len < KEY_ID_LENGTH + 1 ||
        rest.ptr[KEY_ID_LENGTH] != ':') {
        return base_str("", 0);
    }
    *out_known_key = base_str_is(base_str(rest.ptr, KEY_ID_LENGTH), secrets->key_id);
    return base_str_from(rest, KEY_ID_LENGTH + 1);
}

int32_t secrets_unseal(const struct secrets *secrets, struct berth_str context,
                       struct berth_str sealed, struct base_buf *out_plain,
                       struct berth_error *error) {
    bool known_key = false;
    struct berth_str payload = payload_of(secrets, sealed, &known_key);
    if (payload.len == 0 || payload.len % 4 || payload.len > 2 * (uint64_t)PLAIN_MAX) {
        return base_error(error, BERTH_E_CORRUPT, "this is no sealed secret");
    }
    if (!known_key) {
        return base_error(error, BERTH_E_CORRUPT,
                          "the secret was sealed with another master key than this node's [%s]",
                          secrets->key_id);
    }
    unsigned char *bytes = malloc(BASE_LEN(payload));
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int32_t code = bytes && cipher ? BERTH_OK : base_error_memory(error);
    int len =
        code ? 0 : EVP_DecodeBlock(bytes, (const unsigned char *)payload.ptr, (int)payload.len);
    for (uint64_t i = payload.len; len > 0 && i > payload.len - 2 && payload.ptr[i - 1] == '=';
         i--) {
        len--; /* EVP_DecodeBlock counts padding as bytes */
    }
    if (!code && len < NONCE_SIZE + TAG_SIZE) {
        code = base_error(error, BERTH_E_CORRUPT, "this is no sealed secret");
    }
    if (!code) {
        size_t text_len = (size_t)len - NONCE_SIZE - TAG_SIZE;
        char *to = base_buf_reserve(out_plain, text_len + TAG_SIZE);
        if (!to) {
            code = base_error_memory(error);
        } else if (!decrypt(cipher, secrets->key, context, bytes, text_len, (unsigned char *)to)) {
            explicit_bzero(to, text_len);
            code = base_error(error, BERTH_E_CORRUPT,
                              "the sealed secret was changed, or belongs elsewhere");
        } else {
            out_plain->len += text_len;
        }
    }
    EVP_CIPHER_CTX_free(cipher);
    free(bytes);
    return code;
}

/* ---- codes of messages ---- */

static const char *const purposes[] = {
    [SECRETS_PEER] = "berth/peer/1",
    [SECRETS_PEER_CLOCK] = "berth/peer-clock/1",
};

static bool add_parts(EVP_MAC_CTX *mac, const struct berth_str *parts, uint32_t count) {
    bool ok = true;
    for (uint32_t i = 0; i < count && ok; i++) {
        uint64_t len = parts[i].len;
        unsigned char bytes[8];
        for (int k = 0; k < 8; k++) {
            bytes[k] = (unsigned char)(len >> (8 * k));
        }
        ok = EVP_MAC_update(mac, bytes, sizeof bytes) == 1 &&
             (!len ||
              EVP_MAC_update(mac, (const unsigned char *)parts[i].ptr, BASE_LEN(parts[i])) == 1);
    }
    return ok;
}

static bool finish(EVP_MAC_CTX *mac, const struct berth_str *parts, uint32_t count,
                   unsigned char out[SECRETS_MAC_SIZE]) {
    size_t size = 0;
    return mac && add_parts(mac, parts, count) &&
           EVP_MAC_final(mac, out, &size, SECRETS_MAC_SIZE) == 1 && size == SECRETS_MAC_SIZE;
}

static EVP_MAC_CTX *begin(EVP_MAC *hmac, const unsigned char *key) {
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    if (mac && EVP_MAC_init(mac, key, KEY_SIZE, parameters) != 1) {
        EVP_MAC_CTX_free(mac);
        mac = NULL;
    }
    return mac;
}

static EVP_MAC_CTX *derive(EVP_MAC *hmac, const unsigned char *master, const char *purpose) {
    unsigned char key[SECRETS_MAC_SIZE];
    _Static_assert(sizeof key == KEY_SIZE, "a derived key is a key");
    struct berth_str name = base_cstr(purpose);
    EVP_MAC_CTX *mac = begin(hmac, master);
    EVP_MAC_CTX *derived = finish(mac, &name, 1, key) ? begin(hmac, key) : NULL;
    EVP_MAC_CTX_free(mac);
    explicit_bzero(key, sizeof key);
    return derived;
}

/* To look an algorithm up and to take a key in costs more than the code of a request does. */
static int32_t prepare_macs(struct secrets *secrets, struct berth_error *error) {
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bool ok = hmac != NULL;
    for (size_t i = 0; i < SECRETS_PURPOSES && ok; i++) {
        secrets->macs[i] = derive(hmac, secrets->key, purposes[i]);
        ok = secrets->macs[i] != NULL;
    }
    EVP_MAC_free(hmac);
    return ok ? BERTH_OK : base_error_memory(error);
}

int32_t secrets_mac(const struct secrets *secrets, enum secrets_purpose purpose,
                    const struct berth_str *parts, uint32_t count,
                    unsigned char out_mac[SECRETS_MAC_SIZE]) {
    EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(secrets->macs[purpose]);
    bool ok = finish(mac, parts, count, out_mac);
    EVP_MAC_CTX_free(mac);
    return ok ? BERTH_OK : BERTH_E_NO_MEMORY;
}

/* ---- opening ---- */

/* Without the right to lock memory the key can be swapped out; that is the operator's choice. */
static unsigned char *make_page(void) {
    void *page = mmap(NULL, KEY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }
    (void)mlock(page, KEY_SIZE);
    (void)madvise(page, KEY_SIZE, MADV_DONTDUMP);
    return page;
}

int32_t secrets_open(const char *data_path, struct secrets **out_secrets,
                     struct berth_error *error) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/master.key", data_path);
    struct secrets *secrets = calloc(1, sizeof *secrets);
    if (!secrets) {
        return base_error_memory(error);
    }
    secrets->key = make_page();
    int32_t code = secrets->key ? load_key(secrets, path, error) : base_error_memory(error);
    code = code ? code : name_key(secrets);
    code = code ? code : prepare_macs(secrets, error);
    if (code) {
        secrets_close(secrets);
        return code;
    }
    *out_secrets = secrets;
    return BERTH_OK;
}

void secrets_close(struct secrets *secrets) {
    if (!secrets) {
        return;
    }
    for (size_t i = 0; i < SECRETS_PURPOSES; i++) {
        EVP_MAC_CTX_free(secrets->macs[i]); /* wipes its key */
    }
    if (secrets->key) {
        explicit_bzero(secrets->key, KEY_SIZE);
        (void)munmap(secrets->key, KEY_SIZE);
    }
    free(secrets);
}
