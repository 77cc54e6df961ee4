/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/call.h"
#include "plugin/ml_remote/http1_internal.h"
#include "plugin/ml_remote/transport_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

/* What was read of a connector's identity. */
struct identity {
    X509 *certificate;
    EVP_PKEY *key;
    STACK_OF(X509) * between; /* it and its authority; NULL: none */
};

static void identity_deinit(struct identity *identity) {
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    sk_X509_pop_free(identity->between, X509_free);
}

static BIO *reader(const struct base_buf *text) {
    return BIO_new_mem_buf(text->len ? text->ptr : "", (int)text->len);
}

/* Without it, OpenSSL would ask for a password on the terminal. */
static int give_password(char *out, int size, int writing, void *user) {
    const struct base_buf *password = user;
    (void)writing;
    if (password->len == 0 || password->len > (size_t)size) {
        return -1;
    }
    memcpy(out, password->ptr, password->len);
    return (int)password->len;
}

/* Appends what is there; what cannot be read ends it, as the end of the text does. */
static bool read_certificates(BIO *bio, STACK_OF(X509) * *out) {
    X509 *certificate;
    *out = sk_X509_new_null();
    while (*out && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (sk_X509_push(*out, certificate) == 0) {
            X509_free(certificate);
            return false;
        }
    }
    return *out;
}

static int32_t read_pem(const struct base_buf *secrets, struct identity *out,
                        struct berth_error *error) {
    BIO *certificate = reader(&secrets[ML_TLS_CERT]);
    BIO *key = reader(&secrets[ML_TLS_KEY]);
    void *password = (void *)(uintptr_t)&secrets[ML_TLS_PASSWORD];
    int32_t code = certificate && key ? BERTH_OK : base_error_memory(error);
    if (!code) {
        out->certificate = PEM_read_bio_X509(certificate, NULL, give_password, password);
        out->key = PEM_read_bio_PrivateKey(key, NULL, give_password, password);
        code = read_certificates(certificate, &out->between) ? BERTH_OK : base_error_memory(error);
    }
    BIO_free(certificate);
    BIO_free(key);
    if (!code && !out->certificate) {
        code = ml_invalid(error, "[credential.client_cert_pem] holds no certificate");
    }
    if (!code && !out->key) {
        code = ml_invalid(error, "[credential.client_key_pem] holds no private key, or one that is "
                                 "sealed and [credential.keystore_password] does not open it");
    }
    return code;
}

static int32_t read_pkcs12(const struct base_buf *secrets, struct identity *out,
                           struct berth_error *error) {
    BIO *bio = reader(&secrets[ML_TLS_KEYSTORE]);
    PKCS12 *store = bio ? d2i_PKCS12_bio(bio, NULL) : NULL;
    BASE_BUF_AUTO password; /* as text that a zero byte ends */
    base_buf_init_private(&password, BASE_BUF_MAX_DEFAULT);
    base_buf_str(&password, base_buf_view(&secrets[ML_TLS_PASSWORD]));
    base_buf_char(&password, '\0');
    int32_t code = bio && !password.error ? BERTH_OK : base_error_memory(error);
    if (!code && !store) {
        code = ml_invalid(error, "[credential.client_cert_pkcs12] is not a PKCS12 keystore");
    }
    if (!code &&
        PKCS12_parse(store, password.ptr, &out->key, &out->certificate, &out->between) != 1) {
        code = ml_invalid(error,
                          "[credential.client_cert_pkcs12] is not opened by "
                          "[credential.keystore_password], or is sealed by an algorithm of old");
    }
    PKCS12_free(store);
    BIO_free(bio);
    return code;
}

static int32_t read_identity(const struct base_buf *secrets, bool is_pkcs12, struct identity *out,
                             struct berth_error *error) {
    int32_t code = is_pkcs12 ? read_pkcs12(secrets, out, error) : read_pem(secrets, out, error);
    if (!code && (!out->certificate || !out->key ||
                  X509_check_private_key(out->certificate, out->key) != 1)) {
        code = ml_invalid(error, "the client's certificate and private key of the credential do "
                                 "not belong together");
    }
    return code;
}

int32_t ml_tls_check_identity(const struct base_buf *secrets, bool is_pkcs12,
                              struct berth_error *error) {
    struct identity identity = {0};
    int32_t code = read_identity(secrets, is_pkcs12, &identity, error);
    identity_deinit(&identity);
    ERR_clear_error(); /* the thread's next user of OpenSSL must not find it */
    return code;
}

int32_t ml_tls_check_authorities(const struct base_buf *secrets, struct berth_error *error) {
    BIO *bio = reader(&secrets[ML_TLS_CA]);
    X509 *first = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    int32_t code = !bio    ? base_error_memory(error)
                   : first ? BERTH_OK
                           : ml_invalid(error, "[credential.ca_cert_pem] holds no certificate");
    X509_free(first);
    BIO_free(bio);
    ERR_clear_error();
    return code;
}

static bool trust_authorities(SSL_CTX *context, const struct base_buf *pem) {
    BIO *bio = reader(pem);
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *list = NULL;
    bool is_read = bio && store && read_certificates(bio, &list);
    for (int i = 0; is_read && i < sk_X509_num(list); i++) {
        is_read = X509_STORE_add_cert(store, sk_X509_value(list, i)) == 1;
    }
    sk_X509_pop_free(list, X509_free);
    BIO_free(bio);
    if (!is_read) {
        X509_STORE_free(store);
        return false;
    }
    SSL_CTX_set_cert_store(context, store); /* takes it over: none besides */
    return true;
}

int32_t ml_tls_context(const struct base_buf *secrets, bool is_mutual, bool is_pkcs12,
                       bool accept_any, SSL_CTX **out_context, struct berth_error *error) {
    SSL_CTX *context = ml_http1_tls_context();
    struct identity identity = {0};
    int32_t code = context ? BERTH_OK : base_error_memory(error);
    if (!code && accept_any) {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    }
    if (!code && secrets[ML_TLS_CA].len && !trust_authorities(context, &secrets[ML_TLS_CA])) {
        code = base_error_memory(error);
    }
    if (!code && is_mutual) {
        code = read_identity(secrets, is_pkcs12, &identity, error);
        if (!code && SSL_CTX_use_cert_and_key(context, identity.certificate, identity.key,
                                              identity.between, 1) != 1) {
            code = ml_invalid(error, "the client's certificate of the credential is not one that "
                                     "OpenSSL takes: it is too weak, or of an unknown kind");
        }
    }
    identity_deinit(&identity);
    ERR_clear_error();
    if (code) {
        SSL_CTX_free(context);
        return code;
    }
    *out_context = context;
    return BERTH_OK;
}
