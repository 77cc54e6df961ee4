/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS between a connection's socket and its plain bytes, over OpenSSL's memory buffers.
 *
 * A context is shared by all loops and does not change; a session belongs to its connection.
 */
#ifndef HOST_HTTP_TLS_H
#define HOST_HTTP_TLS_H

#include "base/buf.h"
#include "base/error.h"

struct tls_context;
struct tls_session;

/* File names; a NULL or empty ca_file: clients need no certificate. */
struct tls_files {
    const char *certificate;
    const char *key;
    const char *key_password;
    const char *ca;
    bool require_client_certificate;
};

int32_t tls_context_create(const struct tls_files *files, struct tls_context **out_context,
                           struct berth_error *error);
void tls_context_destroy(struct tls_context *context);

/* NULL without memory. */
struct tls_session *tls_session_create(struct tls_context *context);
void tls_session_destroy(struct tls_session *session);

/*
 * Takes bytes from the socket, appends what they mean to plain, and what must be sent because of
 * them (handshake, alerts) to wire. CANCELLED: the peer ended the session; PARSE: it is no TLS, or
 * refused; what is in wire is to be sent all the same.
 */
int32_t tls_session_receive(struct tls_session *session, const char *bytes, size_t len,
                            struct base_buf *plain, struct base_buf *wire);

/* Appends to wire what sends plain. */
int32_t tls_session_send(struct tls_session *session, struct berth_str plain,
                         struct base_buf *wire);

/*
 * The subject of the client's certificate (RFC 2253) when the handshake is over and the certificate
 * was found good; empty: there is none, or no memory. The session owns it.
 */
struct berth_str tls_session_certificate(struct tls_session *session);

/* Appends the notice that ends the session. */
void tls_session_close(struct tls_session *session, struct base_buf *wire);

#endif
