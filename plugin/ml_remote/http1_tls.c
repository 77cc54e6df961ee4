/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/http1_internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* A session for the next connection to the same origin; kept by the latest. */
static int on_session(SSL *tls, SSL_SESSION *session) {
    struct ml_http1_conn *conn = SSL_get_app_data(tls);
    SSL_SESSION_free(conn->origin->session);
    conn->origin->session = session;
    return 1; /* the reference is ours now */
}

SSL_CTX *ml_http1_tls_context(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_default_verify_paths(context) != 1) {
        SSL_CTX_free(context);
        ERR_clear_error();
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
    return context;
}

/* The name that the service's certificate must hold, and that it is told. */
static bool set_name(SSL *tls, const struct ml_http1_origin *origin) {
    X509_VERIFY_PARAM *parameters = SSL_get0_param(tls);
    if (origin->is_address) {
        return X509_VERIFY_PARAM_set1_ip_asc(parameters, origin->host) == 1;
    }
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(parameters, origin->host, 0) == 1 &&
           SSL_set_tlsext_host_name(tls, origin->host) == 1;
}

SSL *ml_http1_tls_create(struct ml_http1_conn *conn) {
    static const unsigned char protocols[] = "\x08http/1.1";
    const struct ml_http1_origin *origin = conn->origin;
    SSL *tls = SSL_new(origin->tls);
    if (!tls || SSL_set_fd(tls, conn->fd) != 1 || !set_name(tls, origin) ||
        SSL_set_alpn_protos(tls, protocols, sizeof protocols - 1) != 0) {
        SSL_free(tls);
        ERR_clear_error();
        return NULL;
    }
    (void)SSL_set_app_data(tls, conn);
    if (origin->session) {
        (void)SSL_set_session(tls, origin->session); /* without it, the greeting is longer */
    }
    SSL_set_connect_state(tls);
    return tls;
}

void ml_http1_tls_explain(const SSL *tls, char *out, size_t size) {
    long verified = SSL_get_verify_result(tls);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    if (verified != X509_V_OK) {
        (void)snprintf(out, size, "the service's certificate is not trusted: %s",
                       X509_verify_cert_error_string(verified));
    } else {
        (void)snprintf(out, size, "%s", reason ? reason : "the service closed the connection");
    }
    ERR_clear_error();
}
