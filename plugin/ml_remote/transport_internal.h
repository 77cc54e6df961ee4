/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connector brings for TLS. Internal to transport*.c.
 */
#ifndef ML_REMOTE_TRANSPORT_INTERNAL_H
#define ML_REMOTE_TRANSPORT_INTERNAL_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/error.h"

enum ml_tls_secret {
    ML_TLS_CERT,     /* PEM: our certificate, and those between it and its authority */
    ML_TLS_KEY,      /* PEM: its key */
    ML_TLS_KEYSTORE, /* PKCS12: both in one */
    ML_TLS_PASSWORD, /* of the key or the keystore */
    ML_TLS_CA,       /* PEM: the authorities that the service's certificate must come from */
    ML_TLS_SECRETS,
};

/*
 * Whether the certificate and its key are there and belong together. So a kept connection that was
 * made with a certificate is never used for one who has the certificate and not its key.
 */
int32_t ml_tls_check_identity(const struct base_buf *secrets, bool is_pkcs12,
                              struct berth_error *error);

/* Whether there is at least one certificate. */
int32_t ml_tls_check_authorities(const struct base_buf *secrets, struct berth_error *error);

/*
 * What our own client asks by: the authorities and the identity, where they are there. Whoever
 * calls it frees it by SSL_CTX_free.
 */
int32_t ml_tls_context(const struct base_buf *secrets, bool is_mutual, bool is_pkcs12,
                       bool accept_any, SSL_CTX **out_context, struct berth_error *error);

#endif
