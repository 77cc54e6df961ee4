/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/security: bearer tokens, once as they come, once signed so that their parts are looked at.
 * A token that is taken has a clean name and has not expired.
 *
 * Input: a token; or header, a line "---", and claims.
 */
#include "host/security/jwt.h"
#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS 1000000000000u

static struct jwt_verifier *verifier;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    char path[] = "/tmp/berth-fuzz-XXXXXX";
    int fd = mkstemp(path);
    (void)argc;
    (void)argv;
    FUZZ_CHECK(fd >= 0 && write(fd, SECRET, sizeof SECRET - 1) == sizeof SECRET - 1);
    struct jwt_options options = {
        .key_file = path, .subject = BERTH_STR("sub"), .roles = BERTH_STR("roles")};
    FUZZ_CHECK(jwt_verifier_create(&options, &verifier, NULL) == BERTH_OK);
    (void)close(fd);
    (void)unlink(path);
    return 0;
}

static void put_base64url(struct base_buf *out, const void *bytes, size_t len) {
    struct base_buf text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    char *to = base_buf_reserve(&text, len / 3 * 4 + 8);
    FUZZ_CHECK(to);
    int n = EVP_EncodeBlock((unsigned char *)to, bytes, (int)len);
    for (int i = 0; i < n && to[i] != '='; i++) {
        base_buf_char(out, to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i]);
    }
    base_buf_deinit(&text);
}

static void check(struct berth_str token) {
    struct jwt_claims claims;
    struct berth_error error = BASE_ERROR_INIT;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 1024);
    int32_t code = jwt_verify(verifier, token, NOW_MS, &arena, &claims, &error);
    FUZZ_CHECK(code == BERTH_OK || (code == BERTH_E_DENIED && error.message[0]));
    if (!code) {
        FUZZ_CHECK(claims.expires_ms > NOW_MS && claims.name.len > 0);
        for (uint64_t i = 0; i < claims.name.len; i++) {
            FUZZ_CHECK((unsigned char)claims.name.ptr[i] >= 0x20);
        }
        for (uint32_t i = 0; i < claims.roles.count; i++) {
            FUZZ_CHECK(claims.roles.items[i].len > 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str claims = fuzz_text(data, size);
    struct berth_str header = fuzz_part(&claims);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int mac_len = 0;
    struct base_buf token;
    check(fuzz_text(data, size));
    base_buf_init(&token, BASE_BUF_MAX_DEFAULT);
    put_base64url(&token, header.ptr, header.len);
    base_buf_char(&token, '.');
    put_base64url(&token, claims.ptr, claims.len);
    FUZZ_CHECK(HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (const unsigned char *)token.ptr,
                    token.len, mac, &mac_len));
    base_buf_char(&token, '.');
    put_base64url(&token, mac, mac_len);
    check(base_buf_view(&token));
    base_buf_deinit(&token);
    return 0;
}
