/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/jwt.h"

#include "base/clock.h"
#include "base/json.h"
#include "host/base/file.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define KEY_FILE_MAX 65536
#define RSA_BITS_MIN 2048
#define ES256_HALF 32

struct jwt_verifier {
    const char *algorithm;
    EVP_PKEY *key; /* NULL: HS256 */
    struct base_buf secret;
    struct berth_str subject;
    struct berth_str roles;
    struct berth_str audience;
    struct berth_str issuer;
    uint64_t leeway_ms;
    struct base_arena arena;
};

/* ---- the key ---- */

static int32_t take_public_key(struct jwt_verifier *v, const char *file,
                               struct berth_error *error) {
    char group[32] = "";
    BIO *bio = BIO_new_mem_buf(v->secret.ptr, (int)v->secret.len);
    v->key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    (void)BIO_free(bio);
    ERR_clear_error();
    if (!v->key) {
        return base_error(error, BERTH_E_INVALID, "[%s] holds no public key that can be read",
                          file);
    }
    if (EVP_PKEY_is_a(v->key, "RSA") && EVP_PKEY_get_bits(v->key) >= RSA_BITS_MIN) {
        v->algorithm = "RS256";
    } else if (EVP_PKEY_is_a(v->key, "EC") &&
               EVP_PKEY_get_group_name(v->key, group, sizeof group, NULL) == 1 &&
               strcmp(group, "prime256v1") == 0) {
        v->algorithm = "ES256";
    } else {
        return base_error(error, BERTH_E_INVALID,
                          "the key in [%s] is neither RSA of at least %d bits nor P-256", file,
                          RSA_BITS_MIN);
    }
    return BERTH_OK;
}

static int32_t take_secret(struct jwt_verifier *v, const char *file, struct berth_error *error) {
    /* An editor's line end is not meant. */
    while (v->secret.len && strchr("\r\n", v->secret.ptr[v->secret.len - 1])) {
        v->secret.len--;
    }
    if (v->secret.len < JWT_SECRET_MIN) {
        return base_error(error, BERTH_E_INVALID,
                          "the secret in [%s] has %zu bytes, at least %u are needed", file,
                          v->secret.len, JWT_SECRET_MIN);
    }
    v->algorithm = "HS256";
    return BERTH_OK;
}

int32_t jwt_verifier_create(const struct jwt_options *options, struct jwt_verifier **out_verifier,
                            struct berth_error *error) {
    struct jwt_verifier *v = calloc(1, sizeof *v);
    if (!v) {
        return base_error_memory(error);
    }
    base_arena_init(&v->arena, 512);
    base_buf_init_private(&v->secret, KEY_FILE_MAX);
    v->subject = base_arena_dup(&v->arena, options->subject);
    v->roles = base_arena_dup(&v->arena, options->roles);
    v->audience = base_arena_dup(&v->arena, options->audience);
    v->issuer = base_arena_dup(&v->arena, options->issuer);
    v->leeway_ms = options->leeway_ms;
    bool ok = v->subject.ptr && v->roles.ptr && v->audience.ptr && v->issuer.ptr;
    int32_t code = ok ? file_read(options->key_file, &v->secret, error) : base_error_memory(error);
    if (!code) {
        bool pem = base_str_contains(base_buf_view(&v->secret), BERTH_STR("-----BEGIN "));
        code = pem ? take_public_key(v, options->key_file, error)
                   : take_secret(v, options->key_file, error);
    }
    if (code) {
        jwt_verifier_destroy(v);
        return code;
    }
    *out_verifier = v;
    return BERTH_OK;
}

void jwt_verifier_destroy(struct jwt_verifier *verifier) {
    if (verifier) {
        EVP_PKEY_free(verifier->key);
        base_buf_deinit(&verifier->secret);
        base_arena_deinit(&verifier->arena);
        free(verifier);
    }
}

/* ---- the token ---- */

static int32_t deny(struct berth_error *error, const char *reason) {
    return base_error(error, BERTH_E_DENIED, "the token %s", reason);
}

static int digit_of(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* base64url without padding; {NULL, 0} where it is none, or without memory. */
static struct berth_str decode(struct berth_str text, struct base_arena *arena) {
    unsigned char *out =
        text.len % 4 == 1 ? NULL : base_arena_alloc(arena, BASE_LEN(text) / 4 * 3 + 4);
    size_t len = 0;
    uint32_t bits = 0;
    for (uint64_t i = 0; out && i < text.len; i++) {
        int digit = digit_of(text.ptr[i]);
        if (digit < 0) {
            return base_str(NULL, 0);
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 0) {
            out[len++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    return base_str((const char *)out, len);
}

static bool matches_hmac(const struct jwt_verifier *v, struct berth_str text,
                         struct berth_str signature) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    return HMAC(EVP_sha256(), v->secret.ptr, (int)v->secret.len, (const unsigned char *)text.ptr,
                BASE_LEN(text), mac, &len) &&
           signature.len == len && CRYPTO_memcmp(mac, signature.ptr, len) == 0;
}

/* A signature of ES256 is two numbers; OpenSSL takes them as DER. False where it is none. */
static bool make_der(struct berth_str raw, unsigned char **out_der, int *out_len) {
    const unsigned char *bytes = (const unsigned char *)raw.ptr;
    ECDSA_SIG *pair = raw.len == 2 * ES256_HALF ? ECDSA_SIG_new() : NULL;
    BIGNUM *r = pair ? BN_bin2bn(bytes, ES256_HALF, NULL) : NULL;
    BIGNUM *s = r ? BN_bin2bn(bytes + ES256_HALF, ES256_HALF, NULL) : NULL;
    bool taken = s && ECDSA_SIG_set0(pair, r, s) == 1; /* then they are the pair's */
    if (!taken) {
        BN_free(r);
        BN_free(s);
    }
    *out_len = taken ? i2d_ECDSA_SIG(pair, out_der) : -1;
    ECDSA_SIG_free(pair);
    return *out_len > 0;
}

static bool matches_key(const struct jwt_verifier *v, struct berth_str text,
                        struct berth_str signature) {
    unsigned char *der = NULL;
    int der_len = 0;
    const unsigned char *bytes = (const unsigned char *)signature.ptr;
    size_t len = BASE_LEN(signature);
    if (EVP_PKEY_is_a(v->key, "EC")) {
        if (!make_der(signature, &der, &der_len)) {
            return false;
        }
        bytes = der;
        len = (size_t)der_len;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, v->key) == 1 &&
        EVP_DigestVerify(context, bytes, len, (const unsigned char *)text.ptr, BASE_LEN(text)) == 1;
    EVP_MD_CTX_free(context);
    OPENSSL_free(der);
    ERR_clear_error();
    return good;
}

static int32_t check_header(const struct jwt_verifier *v, struct berth_str text,
                            struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    if (!json_parse(&doc, text, JSON_UNIQUE_KEYS, NULL)) {
        return deny(error, "has a header that is no JSON");
    }
    struct json_value root = json_root(&doc);
    if (!json_string_is(json_get(root, "alg"), base_cstr(v->algorithm))) {
        return base_error(error, BERTH_E_DENIED, "the token is not signed with %s", v->algorithm);
    }
    return json_present(json_get(root, "crit")) ? deny(error, "asks for what is not known here")
                                                : BERTH_OK;
}

/* Copies a text into the arena, since the document goes. */
static bool take_name(struct json_value value, struct base_arena *arena, struct berth_str *out) {
    struct berth_str text;
    if (!json_string(value, arena, &text) || !name_is_clean(text)) {
        return false;
    }
    *out = base_arena_dup(arena, text);
    return out->ptr != NULL;
}

/* A list of texts, or one text with commas between the roles. */
static bool take_roles(struct json_value value, struct base_arena *arena, struct name_list *out) {
    if (!json_present(value) || json_is(value, JSON_NULL)) {
        return true;
    }
    bool single = json_is(value, JSON_STRING);
    if (!single && !json_is(value, JSON_ARRAY)) {
        return false;
    }
    size_t most = single ? BASE_LEN(json_inner(value)) + 1 : json_count(value);
    struct berth_str *items = base_arena_array(arena, most + 1, sizeof *items);
    uint32_t count = 0;
    bool ok = items != NULL;
    if (single) {
        struct berth_str rest = base_str("", 0);
        struct berth_str piece;
        ok = ok && (json_inner(value).len == 0 || take_name(value, arena, &rest));
        while (ok && rest.len && base_str_split(&rest, ',', &piece)) {
            piece = base_str_trim(piece);
            if (piece.len) {
                items[count++] = piece;
            }
        }
    } else {
        for (struct json_value v = json_first(value); ok && json_present(v);
             v = json_next(value, v)) {
            ok = take_name(v, arena, &items[count++]);
        }
    }
    *out = (struct name_list){items, count};
    return ok;
}

/* Seconds since 1970, perhaps with a fraction; false where there is no such number. */
static bool take_time(struct json_value value, uint64_t *out_ms) {
    double seconds = 0;
    if (!json_f64(value, &seconds) || !(seconds >= 0 && seconds < 1e12)) {
        return false;
    }
    *out_ms = (uint64_t)(seconds * BASE_MS_PER_S);
    return true;
}

static bool has_audience(struct json_value value, struct berth_str audience) {
    if (!json_is(value, JSON_ARRAY)) {
        return json_string_is(value, audience);
    }
    for (struct json_value v = json_first(value); json_present(v); v = json_next(value, v)) {
        if (json_string_is(v, audience)) {
            return true;
        }
    }
    return false;
}

static int32_t check_claims(const struct jwt_verifier *v, struct json_value root, uint64_t now_ms,
                            struct base_arena *arena, struct jwt_claims *out,
                            struct berth_error *error) {
    uint64_t before = 0;
    struct json_value nbf = json_get(root, "nbf");
    if (!take_time(json_get(root, "exp"), &out->expires_ms)) {
        return deny(error, "has no time of expiry (exp)");
    }
    out->expires_ms += v->leeway_ms;
    if (now_ms >= out->expires_ms) {
        return deny(error, "has expired");
    }
    if (json_present(nbf) && (!take_time(nbf, &before) || now_ms + v->leeway_ms < before)) {
        return deny(error, "does not hold yet");
    }
    if (v->issuer.len && !json_string_is(json_get(root, "iss"), v->issuer)) {
        return deny(error, "is of another issuer");
    }
    if (v->audience.len && !has_audience(json_get(root, "aud"), v->audience)) {
        return deny(error, "is meant for others");
    }
    if (!take_name(json_get_str(root, v->subject), arena, &out->name)) {
        return deny(error, "names no user");
    }
    if (v->roles.len && !take_roles(json_get_str(root, v->roles), arena, &out->roles)) {
        return deny(error, "has roles that are no list of texts");
    }
    return BERTH_OK;
}

int32_t jwt_verify(const struct jwt_verifier *verifier, struct berth_str token, uint64_t now_ms,
                   struct base_arena *arena, struct jwt_claims *out_claims,
                   struct berth_error *error) {
    struct berth_str rest = token;
    struct berth_str header;
    struct berth_str payload;
    bool parts = base_str_split(&rest, '.', &header) && base_str_split(&rest, '.', &payload) &&
                 rest.len > 0 && base_str_find(rest, '.') == rest.len;
    if (!parts) {
        return deny(error, "has not three parts");
    }
    struct berth_str signed_text = base_str(token.ptr, header.len + 1 + payload.len);
    struct berth_str signature = decode(rest, arena);
    header = decode(header, arena);
    payload = decode(payload, arena);
    if (!signature.ptr || !header.ptr || !payload.ptr) {
        return deny(error, "is not in base64url");
    }
    int32_t code = check_header(verifier, header, error);
    if (code) {
        return code;
    }
    bool good = verifier->key ? matches_key(verifier, signed_text, signature)
                              : matches_hmac(verifier, signed_text, signature);
    if (!good) {
        return deny(error, "has a signature that does not fit");
    }
    JSON_DOC_AUTO doc = {0};
    struct jwt_claims claims = {0};
    if (!json_parse(&doc, payload, JSON_UNIQUE_KEYS, NULL)) {
        return deny(error, "holds no JSON");
    }
    code = check_claims(verifier, json_root(&doc), now_ms, arena, &claims, error);
    if (!code) {
        *out_claims = claims;
    }
    return code;
}
