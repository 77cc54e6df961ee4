/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/tls.h"

#include "host/base/file.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define PIECE 16384
#define KEY_FILE_MAX 65536

struct tls_context {
    SSL_CTX *ssl;
};

struct tls_session {
    SSL *ssl;
    BIO *in;
    BIO *out;
    char *certificate; /* NULL: not asked for yet; "": none */
};

static int32_t ssl_error(struct berth_error *error, const char *what, const char *file) {
    char reason[256] = "unknown reason";
    unsigned long code = ERR_get_error();
    if (code) {
        ERR_error_string_n(code, reason, sizeof reason);
    }
    ERR_clear_error();
    return base_error(error, BERTH_E_INVALID, "%s [%s]: %s", what, file, reason);
}

static int give_password(char *out, int size, int writing, void *user) {
    (void)writing;
    const char *password = user;
    size_t len = password ? strlen(password) : 0;
    if (len > (size_t)size) {
        return -1;
    }
    if (len) {
        memcpy(out, password, len);
    }
    return (int)len;
}

/* OpenSSL would leave what it reads of a file in memory that is not overwritten. */
static int32_t load_key(SSL_CTX *ssl, const struct tls_files *files, struct berth_error *error) {
    BASE_BUF_AUTO text;
    base_buf_init_private(&text, KEY_FILE_MAX);
    int32_t code = file_read(files->key, &text, error);
    if (code) {
        return code;
    }
    BIO *bio = BIO_new_mem_buf(text.len ? text.ptr : "", (int)text.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password,
                                                  (void *)(uintptr_t)files->key_password)
                        : NULL;
    if (!key || SSL_CTX_use_PrivateKey(ssl, key) != 1) {
        code = ssl_error(error, "cannot use the private key", files->key);
    }
    EVP_PKEY_free(key);
    BIO_free(bio);
    return code;
}

static int32_t load_files(SSL_CTX *ssl, const struct tls_files *files, struct berth_error *error) {
    if (SSL_CTX_use_certificate_chain_file(ssl, files->certificate) != 1) {
        return ssl_error(error, "cannot use the certificate", files->certificate);
    }
    int32_t code = load_key(ssl, files, error);
    if (code) {
        return code;
    }
    if (SSL_CTX_check_private_key(ssl) != 1) {
        return ssl_error(error, "the private key does not belong to the certificate", files->key);
    }
    if (files->ca && files->ca[0]) {
        if (SSL_CTX_load_verify_locations(ssl, files->ca, NULL) != 1) {
            return ssl_error(error, "cannot use the certificate authorities", files->ca);
        }
        SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(files->ca));
        SSL_CTX_set_verify(
            ssl,
            SSL_VERIFY_PEER |
                (files->require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
            NULL);
    }
    return BERTH_OK;
}

/* HTTP/1.1 is the only protocol that is spoken. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned int offered_len, void *user) {
    static const unsigned char spoken[] = "\x08http/1.1";
    (void)ssl;
    (void)user;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_len, spoken, sizeof spoken - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

int32_t tls_context_create(const struct tls_files *files, struct tls_context **out_context,
                           struct berth_error *error) {
    struct tls_context *context = calloc(1, sizeof *context);
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (!context || !ssl) {
        free(context);
        SSL_CTX_free(ssl);
        return base_error_memory(error);
    }
    context->ssl = ssl;
    (void)SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* Buffers of idle sessions are given back: they are most of what an idle connection costs. */
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"berth", 5);
    SSL_CTX_set_alpn_select_cb(ssl, select_protocol, NULL);
    int32_t code = load_files(ssl, files, error);
    if (code) {
        tls_context_destroy(context);
        return code;
    }
    *out_context = context;
    return BERTH_OK;
}

void tls_context_destroy(struct tls_context *context) {
    if (context) {
        SSL_CTX_free(context->ssl);
        free(context);
    }
}

struct tls_session *tls_session_create(struct tls_context *context) {
    struct tls_session *session = calloc(1, sizeof *session);
    SSL *ssl = SSL_new(context->ssl);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    if (!session || !ssl || !in || !out) {
        free(session);
        SSL_free(ssl);
        BIO_free(in);
        BIO_free(out);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_bio(ssl, in, out); /* the session owns both */
    SSL_set_accept_state(ssl);
    *session = (struct tls_session){.ssl = ssl, .in = in, .out = out};
    return session;
}

void tls_session_destroy(struct tls_session *session) {
    if (session) {
        SSL_free(session->ssl);
        free(session->certificate);
        free(session);
    }
}

static char *read_subject(SSL *ssl) {
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    BIO *bio = certificate && SSL_get_verify_result(ssl) == X509_V_OK ? BIO_new(BIO_s_mem()) : NULL;
    char *text = NULL;
    char *made = NULL;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
                                  XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        long len = BIO_get_mem_data(bio, &text);
        made = len > 0 ? strndup(text, (size_t)len) : NULL;
    }
    (void)BIO_free(bio);
    X509_free(certificate);
    ERR_clear_error();
    return made ? made : strdup("");
}

struct berth_str tls_session_certificate(struct tls_session *session) {
    if (!session->certificate && SSL_is_init_finished(session->ssl)) {
        session->certificate = read_subject(session->ssl);
    }
    return session->certificate ? base_cstr(session->certificate) : base_str("", 0);
}

static int32_t drain(struct tls_session *session, struct base_buf *wire) {
    size_t pending = BIO_ctrl_pending(session->out);
    if (pending == 0) {
        return BERTH_OK;
    }
    char *to = base_buf_reserve(wire, pending);
    if (!to || pending > INT_MAX) {
        return BERTH_E_NO_MEMORY;
    }
    int n = BIO_read(session->out, to, (int)pending);
    wire->len += n > 0 ? (size_t)n : 0;
    return BERTH_OK;
}

int32_t tls_session_receive(struct tls_session *session, const char *bytes, size_t len,
                            struct base_buf *plain, struct base_buf *wire) {
    if (len > INT_MAX || BIO_write(session->in, bytes, (int)len) != (int)len) {
        return BERTH_E_NO_MEMORY;
    }
    int32_t code = BERTH_OK;
    for (;;) {
        char *to = base_buf_reserve(plain, PIECE);
        if (!to) {
            return BERTH_E_NO_MEMORY;
        }
        ERR_clear_error();
        int n = SSL_read(session->ssl, to, PIECE);
        if (n > 0) {
            plain->len += (size_t)n;
            continue;
        }
        int why = SSL_get_error(session->ssl, n);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
            code = why == SSL_ERROR_ZERO_RETURN ? BERTH_E_CANCELLED : BERTH_E_PARSE;
        }
        break;
    }
    ERR_clear_error();
    int32_t drained = drain(session, wire);
    return code ? code : drained;
}

int32_t tls_session_send(struct tls_session *session, struct berth_str plain,
                         struct base_buf *wire) {
    for (uint64_t done = 0; done < plain.len;) {
        uint64_t piece = plain.len - done < PIECE ? plain.len - done : PIECE;
        ERR_clear_error();
        int n = SSL_write(session->ssl, plain.ptr + done, (int)piece);
        if (n <= 0) {
            ERR_clear_error();
            return BERTH_E_IO;
        }
        done += (uint64_t)n;
        int32_t code = drain(session, wire);
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

void tls_session_close(struct tls_session *session, struct base_buf *wire) {
    ERR_clear_error();
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
    (void)drain(session, wire);
}
