/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/security: the Authorization header, which anybody may send. What is taken apart as basic
 * credentials is what OpenSSL makes of the base64, and has one form alone.
 *
 * Input: the header's value.
 */
#include "host/security/authorization.h"
#include "tests/fuzz/fuzz.h"

#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct authorization_basic basic;
    struct berth_str credentials;
    struct berth_str header = fuzz_text(data, size);
    if (authorization_scheme(header, &credentials) != AUTHORIZATION_BASIC ||
        !authorization_basic(credentials, &basic)) {
        return 0;
    }
    unsigned char again[AUTHORIZATION_BASIC_MAX / 3 * 4 + 1];
    uint64_t length = basic.user.len + 1 + basic.password.len;
    FUZZ_CHECK(length <= sizeof basic.bytes && basic.user.len > 0);
    FUZZ_CHECK(base_str_find(basic.user, ':') == basic.user.len);
    FUZZ_CHECK(EVP_EncodeBlock(again, (const unsigned char *)basic.bytes, (int)length) ==
               (int)credentials.len);
    FUZZ_CHECK(memcmp(again, credentials.ptr, credentials.len) == 0);
    return 0;
}
