/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Authorization header: its scheme, and what is in HTTP basic credentials (RFC 7617).
 */
#ifndef HOST_SECURITY_AUTHORIZATION_H
#define HOST_SECURITY_AUTHORIZATION_H

#include "base/error.h"

enum authorization_scheme {
    AUTHORIZATION_NONE, /* empty, or of a scheme that is not known here */
    AUTHORIZATION_BASIC,
    AUTHORIZATION_BEARER,
};

/* out_credentials: what stands behind the scheme. */
enum authorization_scheme authorization_scheme(struct berth_str header,
                                               struct berth_str *out_credentials);

/* Credentials, decoded, have at most so many bytes. */
#define AUTHORIZATION_BASIC_MAX 1536u

/* The texts are views into the bytes, which the caller wipes. */
struct authorization_basic {
    struct berth_str user;
    struct berth_str password;
    char bytes[AUTHORIZATION_BASIC_MAX];
};

/* False where the text is no strict base64, or holds no colon or no user. */
bool authorization_basic(struct berth_str credentials, struct authorization_basic *out);

#endif
