/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Tokens (RFC 7519) that others sign and that are shown here: HS256, RS256 or ES256.
 *
 * Which of them is decided by the key alone, never by the token. A token needs a time of expiry.
 * Any thread.
 */
#ifndef HOST_SECURITY_JWT_H
#define HOST_SECURITY_JWT_H

#include "base/arena.h"
#include "base/error.h"
#include "host/security/names.h"

struct jwt_verifier;

struct jwt_options {
    const char *key_file;      /* a public key as PEM (RSA or P-256), else the secret of HS256 */
    struct berth_str subject;  /* the claim with the user's name */
    struct berth_str roles;    /* the claim with the backend roles; empty: none */
    struct berth_str audience; /* what aud must hold; empty: anything */
    struct berth_str issuer;   /* what iss must be; empty: anything */
    uint64_t leeway_ms;        /* by how much clocks may differ */
};

/* A secret has at least so many bytes. */
#define JWT_SECRET_MIN 32u

int32_t jwt_verifier_create(const struct jwt_options *options, struct jwt_verifier **out_verifier,
                            struct berth_error *error);
/* NULL is allowed. */
void jwt_verifier_destroy(struct jwt_verifier *verifier);

struct jwt_claims {
    struct berth_str name;
    struct name_list roles;
    uint64_t expires_ms; /* since 1970, with the leeway */
};

/* DENIED with the reason, which holds nothing of the token. The claims are in the arena. */
int32_t jwt_verify(const struct jwt_verifier *verifier, struct berth_str token, uint64_t now_ms,
                   struct base_arena *arena, struct jwt_claims *out_claims,
                   struct berth_error *error);

#endif
