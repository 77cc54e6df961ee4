/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that are signed here: with a secret, with RSA and with P-256.
 */
#include "host/security/jwt.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/buf.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS 1000000000000u

static char folder[TEMP_MAX];

static int setup(void **state) {
    (void)state;
    temp_create(folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    temp_remove(folder);
    return 0;
}

static struct jwt_verifier *verifier_of(const char *file, const char *audience,
                                        const char *issuer) {
    char path[TEMP_MAX];
    struct jwt_verifier *verifier = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    struct jwt_options options = {.key_file = temp_path(path, folder, file),
                                  .subject = BERTH_STR("sub"),
                                  .roles = BERTH_STR("roles"),
                                  .audience = base_cstr(audience),
                                  .issuer = base_cstr(issuer),
                                  .leeway_ms = 1000};
    if (jwt_verifier_create(&options, &verifier, &error)) {
        fail_msg("%s", error.message);
    }
    return verifier;
}

static void put_base64url(struct base_buf *out, const void *bytes, size_t len) {
    unsigned char text[2048];
    int n = EVP_EncodeBlock(text, bytes, (int)len);
    for (int i = 0; i < n && text[i] != '='; i++) {
        base_buf_char(out, text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char)text[i]);
    }
}

/* Signs with a key, or with SECRET where it is NULL. */
static void sign(struct base_buf *out, const char *header, const char *payload, EVP_PKEY *key) {
    unsigned char signature[512];
    size_t len = 0;
    base_buf_init(out, 4096);
    put_base64url(out, header, strlen(header));
    base_buf_char(out, '.');
    put_base64url(out, payload, strlen(payload));
    const unsigned char *text = (const unsigned char *)out->ptr;
    if (!key) {
        unsigned int mac = 0;
        assert_non_null(
            HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, text, out->len, signature, &mac));
        len = mac;
    } else {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        len = sizeof signature;
        assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
        assert_int_equal(EVP_DigestSign(context, signature, &len, text, out->len), 1);
        EVP_MD_CTX_free(context);
        if (EVP_PKEY_is_a(key, "EC")) {
            const unsigned char *der = signature;
            ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
            assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32), 32);
            assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32), 32);
            ECDSA_SIG_free(pair);
            len = 64;
        }
    }
    base_buf_char(out, '.');
    put_base64url(out, signature, len);
}

static void write_public(const char *name, EVP_PKEY *key) {
    char path[TEMP_MAX];
    FILE *file = fopen(temp_path(path, folder, name), "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PUBKEY(file, key), 1);
    assert_int_equal(fclose(file), 0);
}

static void write_secret(const char *text) {
    char path[TEMP_MAX];
    temp_write(temp_path(path, folder, "secret"), text, strlen(text));
}

static int32_t verify(const struct jwt_verifier *verifier, struct berth_str token,
                      struct berth_error *error) {
    BASE_ARENA_AUTO arena;
    struct jwt_claims claims;
    base_arena_init(&arena, 1024);
    return jwt_verify(verifier, token, NOW_MS, &arena, &claims, error);
}

#define GOOD "\"sub\":\"alice\",\"exp\":1000000100"

static const struct {
    const char *header;
    const char *payload;
    const char *reason; /* NULL: taken */
} cases[] = {
    {"{\"alg\":\"HS256\"}", "{" GOOD "}", NULL},
    {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"7\"}", "{" GOOD ",\"roles\":[\"a\"]}", NULL},
    {"{\"alg\":\"HS256\"}", "{" GOOD ",\"roles\":\"a, b\"}", NULL},
    {"{\"alg\":\"HS256\"}", "{" GOOD ",\"roles\":null}", NULL},
    {"{\"alg\":\"HS256\"}", "{" GOOD ",\"nbf\":1000000001}", NULL},
    {"{\"alg\":\"HS256\"}", "{\"sub\":\"a\",\"exp\":999999999.5}", NULL},
    {"{\"alg\":\"none\"}", "{" GOOD "}", "not signed with HS256"},
    {"{\"alg\":\"hs256\"}", "{" GOOD "}", "not signed with HS256"},
    {"{\"alg\":\"HS512\"}", "{" GOOD "}", "not signed with HS256"},
    {"{\"alg\":\"RS256\"}", "{" GOOD "}", "not signed with HS256"},
    {"{}", "{" GOOD "}", "not signed with HS256"},
    {"[]", "{" GOOD "}", "not signed with HS256"},
    {"{\"alg\":\"HS256\",\"alg\":\"none\"}", "{" GOOD "}", "no JSON"},
    {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "{" GOOD "}", "not known here"},
    {"{\"alg\":\"HS256\"}", "{" GOOD ",\"sub\":\"admin\"}", "no JSON"},
    {"{\"alg\":\"HS256\"}", "[]", "no time of expiry"},
    {"{\"alg\":\"HS256\"}", "{\"sub\":\"a\"}", "no time of expiry"},
    {"{\"alg\":\"HS256\"}", "{\"sub\":\"a\",\"exp\":\"1000000100\"}", "no time of expiry"},
    {"{\"alg\":\"HS256\"}", "{\"sub\":\"a\",\"exp\":-1}", "no time of expiry"},
    {"{\"alg\":\"HS256\"}", "{\"sub\":\"a\",\"exp\":1e300}", "no time of expiry"},
    {"{\"alg\":\"HS256\"}", "{\"sub\":\"a\",\"exp\":999999999}", "has expired"},
    {"{\"alg\":\"HS256\"}", "{" GOOD ",\"nbf\":1000000002}", "not hold yet"},
    {"{\"alg\":\"HS256\"}", "{" GOOD ",\"nbf\":\"x\"}", "not hold yet"},
    {"{\"alg\":\"HS256\"}", "{\"exp\":1000000100}", "names no user"},
    {"{\"alg\":\"HS256\"}", "{\"exp\":1000000100,\"sub\":\"\"}", "names no user"},
    {"{\"alg\":\"HS256\"}", "{\"exp\":1000000100,\"sub\":7}", "names no user"},
    {"{\"alg\":\"HS256\"}", "{\"exp\":1000000100,\"sub\":\"a\\nb\"}", "names no user"},
    {"{\"alg\":\"HS256\"}", "{" GOOD ",\"roles\":{}}", "no list of texts"},
    {"{\"alg\":\"HS256\"}", "{" GOOD ",\"roles\":[1]}", "no list of texts"},
};

static void checks_what_is_signed(void **state) {
    (void)state;
    write_secret(SECRET "\n");
    struct jwt_verifier *verifier = verifier_of("secret", "", "");
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct base_buf token;
        struct berth_error error = BASE_ERROR_INIT;
        sign(&token, cases[i].header, cases[i].payload, NULL);
        int32_t code = verify(verifier, base_buf_view(&token), &error);
        if (cases[i].reason ? code != BERTH_E_DENIED || !strstr(error.message, cases[i].reason)
                            : code != BERTH_OK) {
            fail_msg("case %zu: %d, %s", i, code, error.message);
        }
        base_buf_deinit(&token);
    }
    jwt_verifier_destroy(verifier);
    jwt_verifier_destroy(NULL);
}

static void gives_name_roles_and_end(void **state) {
    (void)state;
    write_secret(SECRET);
    struct jwt_verifier *verifier = verifier_of("secret", "", "");
    static const char *const payloads[] = {"{" GOOD ",\"roles\":[\"eng\",\"sales\"]}",
                                           "{" GOOD ",\"roles\":\"eng, sales,\"}"};
    for (size_t i = 0; i < BASE_COUNT(payloads); i++) {
        struct base_buf token;
        sign(&token, "{\"alg\":\"HS256\"}", payloads[i], NULL);
        FAULT_EACH_ALLOCATION({
            BASE_ARENA_AUTO arena;
            struct jwt_claims claims = {0};
            base_arena_init(&arena, 64);
            if (jwt_verify(verifier, base_buf_view(&token), NOW_MS, &arena, &claims, NULL) ==
                BERTH_OK) {
                assert_true(base_str_is(claims.name, "alice"));
                assert_int_equal(claims.roles.count, 2);
                assert_true(base_str_is(claims.roles.items[1], "sales"));
                assert_int_equal(claims.expires_ms, 1000000101000u);
            }
        });
        base_buf_deinit(&token);
    }
    jwt_verifier_destroy(verifier);
}

static void audience_and_issuer_must_fit(void **state) {
    (void)state;
    static const struct {
        const char *claims;
        bool taken;
    } tokens[] = {
        {",\"aud\":\"berth\",\"iss\":\"i\"", true},
        {",\"aud\":[\"x\",\"berth\"],\"iss\":\"i\"", true},
        {",\"aud\":[\"x\"],\"iss\":\"i\"", false},
        {",\"aud\":\"berth2\",\"iss\":\"i\"", false},
        {",\"aud\":\"berth\",\"iss\":\"j\"", false},
        {",\"aud\":\"berth\"", false},
        {",\"iss\":\"i\"", false},
    };
    write_secret(SECRET);
    struct jwt_verifier *verifier = verifier_of("secret", "berth", "i");
    for (size_t i = 0; i < BASE_COUNT(tokens); i++) {
        char payload[256];
        struct base_buf token;
        (void)snprintf(payload, sizeof payload, "{" GOOD "%s}", tokens[i].claims);
        sign(&token, "{\"alg\":\"HS256\"}", payload, NULL);
        assert_int_equal(verify(verifier, base_buf_view(&token), NULL),
                         tokens[i].taken ? BERTH_OK : BERTH_E_DENIED);
        base_buf_deinit(&token);
    }
    jwt_verifier_destroy(verifier);
}

/* Each byte of a token that is changed spoils it; whatever stands for it never reads beyond it. */
static void every_byte_counts(void **state) {
    (void)state;
    struct base_buf token;
    write_secret(SECRET);
    struct jwt_verifier *verifier = verifier_of("secret", "", "");
    sign(&token, "{\"alg\":\"HS256\"}", "{" GOOD "}", NULL);
    for (size_t i = 0; i + 1 < token.len; i++) {
        char before = token.ptr[i];
        token.ptr[i] = before == 'A' ? 'B' : 'A';
        assert_int_equal(verify(verifier, base_buf_view(&token), NULL), BERTH_E_DENIED);
        token.ptr[i] = before;
        assert_int_equal(verify(verifier, base_str(token.ptr, i), NULL), BERTH_E_DENIED);
    }
    base_buf_cstr(&token, ".x");
    assert_int_equal(verify(verifier, base_buf_view(&token), NULL), BERTH_E_DENIED);
    base_buf_deinit(&token);
    jwt_verifier_destroy(verifier);
}

/* The key says how tokens are signed: a public key is no secret of HS256. */
static void the_key_decides(void **state) {
    (void)state;
    EVP_PKEY *keys[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256")};
    static const char *const headers[] = {"{\"alg\":\"RS256\"}", "{\"alg\":\"ES256\"}"};
    for (size_t i = 0; i < BASE_COUNT(keys); i++) {
        struct base_buf own;
        struct base_buf other;
        struct base_buf forged;
        write_public("public.pem", keys[i]);
        struct jwt_verifier *verifier = verifier_of("public.pem", "", "");
        sign(&own, headers[i], "{" GOOD "}", keys[i]);
        sign(&other, headers[i], "{" GOOD "}", keys[1 - i]);
        sign(&forged, headers[i], "{" GOOD "}", NULL);
        assert_int_equal(verify(verifier, base_buf_view(&own), NULL), BERTH_OK);
        assert_int_equal(verify(verifier, base_buf_view(&other), NULL), BERTH_E_DENIED);
        assert_int_equal(verify(verifier, base_buf_view(&forged), NULL), BERTH_E_DENIED);
        base_buf_deinit(&forged);
        sign(&forged, "{\"alg\":\"HS256\"}", "{" GOOD "}", NULL);
        assert_int_equal(verify(verifier, base_buf_view(&forged), NULL), BERTH_E_DENIED);
        base_buf_deinit(&own);
        base_buf_deinit(&other);
        base_buf_deinit(&forged);
        jwt_verifier_destroy(verifier);
    }
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}

static void refuses_keys_that_are_weak_or_none(void **state) {
    (void)state;
    char path[TEMP_MAX];
    EVP_PKEY *weak[] = {EVP_RSA_gen(1024), EVP_EC_gen("P-384")};
    static const char *const texts[] = {"", "short", SECRET,
                                        "-----BEGIN PUBLIC KEY-----\nAAAA\n"
                                        "-----END PUBLIC KEY-----\n"};
    for (size_t i = 0; i < BASE_COUNT(weak) + BASE_COUNT(texts); i++) {
        struct jwt_verifier *verifier = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        if (i < BASE_COUNT(weak)) {
            write_public("secret", weak[i]);
        } else {
            write_secret(texts[i - BASE_COUNT(weak)]);
        }
        int32_t code = jwt_verifier_create(
            &(struct jwt_options){.key_file = temp_path(path, folder, "secret")}, &verifier,
            &error);
        bool good = i >= BASE_COUNT(weak) && texts[i - BASE_COUNT(weak)][0] == '0';
        assert_int_equal(code, good ? BERTH_OK : BERTH_E_INVALID);
        jwt_verifier_destroy(verifier);
    }
    EVP_PKEY_free(weak[0]);
    EVP_PKEY_free(weak[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_what_is_signed),
        cmocka_unit_test(gives_name_roles_and_end),
        cmocka_unit_test(audience_and_issuer_must_fit),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(the_key_decides),
        cmocka_unit_test(refuses_keys_that_are_weak_or_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
