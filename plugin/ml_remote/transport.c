/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is secret of it lives with the header lines' kind of memory: locked, not dumped, wiped. The
 * certificates are handed to libcurl as they lie there, without a copy.
 */
#include "plugin/ml_remote/transport.h"

#include "plugin/ml_remote/address.h"
#include "plugin/ml_remote/http1_internal.h"
#include "plugin/ml_remote/http_headers.h"
#include "plugin/ml_remote/transport_internal.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct ml_transport {
    SSL_CTX *tls;                 /* NULL: with a proxy, by libcurl, which has a form of its own */
    struct ml_http_headers *kept; /* the secrets, and the line that proves us to the proxy */
    struct berth_str secrets[ML_TLS_SECRETS]; /* in kept; empty: none */
    bool skip_verification;
    bool is_pkcs12;
    bool is_mutual;
    char proxy_url[]; /* empty: none */
};

struct making {
    const struct ml_client_config *config;
    const struct ml_credentials *credentials;
    struct base_buf secrets[ML_TLS_SECRETS];
    struct base_buf proxy_line;
    struct berth_error *error;
};

/* The credentials that hold them, and whether they are PEM or may be its Base64 instead. */
static const struct {
    const char *name;
    bool is_pem;
} sources[ML_TLS_SECRETS] = {
    [ML_TLS_CERT] = {"client_cert_pem", true},
    [ML_TLS_KEY] = {"client_key_pem", true},
    [ML_TLS_KEYSTORE] = {"client_cert_pkcs12", false},
    [ML_TLS_PASSWORD] = {"keystore_password", false},
    [ML_TLS_CA] = {"ca_cert_pem", true},
};

/* ---- Base64 ---- */

/* Appends what a text encodes, white space apart; false where it encodes nothing. */
static bool decode(struct berth_str text, struct base_buf *out) {
    BASE_BUF_AUTO dense;
    base_buf_init_private(&dense, BASE_BUF_MAX_DEFAULT);
    for (uint64_t i = 0; i < text.len; i++) {
        if (!strchr(" \t\r\n", text.ptr[i])) {
            base_buf_char(&dense, text.ptr[i]);
        }
    }
    char *to = base_buf_reserve(out, dense.len);
    int len =
        to && !dense.error && dense.len > 0
            ? EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)dense.ptr, (int)dense.len)
            : -1;
    for (size_t i = 1; len > 0 && i <= 2 && dense.ptr[dense.len - i] == '='; i++) {
        len--; /* filling counts as zero bytes there */
    }
    out->len += len > 0 ? (size_t)len : 0;
    return len > 0;
}

static void encode(struct berth_str text, struct base_buf *out) {
    char *to = base_buf_reserve(out, (BASE_LEN(text) + 2) / 3 * 4 + 1);
    if (to) {
        out->len += (size_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)text.ptr,
                                            (int)text.len);
    }
}

/* ---- making ---- */

static struct berth_str credential(const struct making *m, const char *name) {
    return ml_credentials_find(m->credentials, base_cstr(name));
}

static int32_t take_secret(struct making *m, enum ml_tls_secret which) {
    struct berth_str text = credential(m, sources[which].name);
    struct base_buf *out = &m->secrets[which];
    bool is_plain = sources[which].is_pem ? base_str_contains(text, BERTH_STR("-----BEGIN "))
                                          : which == ML_TLS_PASSWORD;
    if (!text.ptr) {
        return BERTH_OK;
    }
    if (is_plain) {
        base_buf_str(out, text);
    } else if (!decode(text, out) && !out->error) {
        return ml_invalid(m->error, "[credential.%s] is %s", sources[which].name,
                          sources[which].is_pem ? "neither PEM nor PEM in Base64"
                                                : "not a PKCS12 keystore in Base64");
    }
    return out->error ? base_error_memory(m->error) : BERTH_OK;
}

static bool has_secret(const struct making *m, enum ml_tls_secret which) {
    return m->secrets[which].len > 0;
}

/* What does not go together, and what is missing. */
static int32_t check_mutual(struct making *m, bool is_signed) {
    const struct ml_client_config *config = m->config;
    if (is_signed) {
        return ml_invalid(m->error, "[client_config.mutual_tls_enabled] is for connectors of the "
                                    "protocol http, not of aws_sigv4");
    }
    if (config->skip_ssl_verification) {
        return ml_invalid(m->error,
                          "[client_config.mutual_tls_enabled] and "
                          "[client_config.skip_ssl_verification] do not go together: a service "
                          "with a certificate of its own authority is trusted by "
                          "[credential.ca_cert_pem]");
    }
    if (credential(m, "api_key").ptr) {
        return ml_invalid(m->error, "[client_config.mutual_tls_enabled] and [credential.api_key] "
                                    "do not go together: the certificate says who asks");
    }
    for (int i = 0; i < ML_TLS_SECRETS; i++) {
        bool needed =
            config->is_pkcs12 ? i == ML_TLS_KEYSTORE : i == ML_TLS_CERT || i == ML_TLS_KEY;
        if (needed && !has_secret(m, (enum ml_tls_secret)i)) {
            return ml_invalid(m->error,
                              "[client_config.mutual_tls_enabled] with the keystore_type %s needs "
                              "[credential.%s]",
                              config->is_pkcs12 ? "PKCS12" : "PEM", sources[i].name);
        }
    }
    return BERTH_OK;
}

static int32_t take_secrets(struct making *m, bool is_signed) {
    const struct ml_client_config *config = m->config;
    int32_t code = take_secret(m, ML_TLS_CA);
    for (int i = 0; i < ML_TLS_CA && config->mutual_tls_enabled && !code; i++) {
        code = take_secret(m, (enum ml_tls_secret)i);
    }
    if (!code && has_secret(m, ML_TLS_CA)) {
        code = ml_tls_check_authorities(m->secrets, m->error);
    }
    if (code || !config->mutual_tls_enabled) {
        return code;
    }
    code = check_mutual(m, is_signed);
    return code ? code : ml_tls_check_identity(m->secrets, config->is_pkcs12, m->error);
}

static int32_t make_proxy_line(struct making *m) {
    struct berth_str user = credential(m, "proxy_user");
    struct berth_str password = credential(m, "proxy_password");
    if (!m->config->proxy_url.ptr || !user.ptr) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO both;
    base_buf_init_private(&both, BASE_BUF_MAX_DEFAULT);
    base_buf_str(&both, user);
    base_buf_char(&both, ':');
    base_buf_str(&both, password);
    base_buf_cstr(&m->proxy_line, "Proxy-Authorization: Basic ");
    encode(base_buf_view(&both), &m->proxy_line);
    int32_t code = both.error || m->proxy_line.error ? base_error_memory(m->error) : BERTH_OK;
    return code;
}

static int32_t finish(struct making *m, struct ml_transport **out_transport) {
    const struct ml_client_config *config = m->config;
    struct berth_str views[ML_TLS_SECRETS];
    struct berth_str line = base_buf_view(&m->proxy_line);
    struct ml_transport *transport = calloc(1, sizeof *transport + BASE_LEN(config->proxy_url) + 1);
    for (int i = 0; i < ML_TLS_SECRETS; i++) {
        views[i] = base_buf_view(&m->secrets[i]);
    }
    if (!transport || ml_http_headers_create(NULL, &line, line.len ? 1 : 0, views, ML_TLS_SECRETS,
                                             &transport->kept)) {
        free(transport);
        return base_error_memory(m->error);
    }
    for (int i = 0; i < ML_TLS_SECRETS; i++) {
        transport->secrets[i] = ml_http_headers_secret(transport->kept, views[i]);
    }
    transport->skip_verification = config->skip_ssl_verification;
    transport->is_mutual = config->mutual_tls_enabled;
    transport->is_pkcs12 = config->is_pkcs12;
    memcpy(transport->proxy_url, config->proxy_url.ptr ? config->proxy_url.ptr : "",
           BASE_LEN(config->proxy_url));
    int32_t code = config->proxy_url.ptr
                       ? BERTH_OK
                       : ml_tls_context(m->secrets, config->mutual_tls_enabled, config->is_pkcs12,
                                        config->skip_ssl_verification, &transport->tls, m->error);
    if (code) {
        ml_transport_destroy(transport);
        return code;
    }
    *out_transport = transport;
    return BERTH_OK;
}

int32_t ml_transport_create(const struct ml_client_config *config, bool is_signed,
                            const struct ml_credentials *credentials,
                            struct ml_transport **out_transport, struct berth_error *error) {
    struct making m = {.config = config, .credentials = credentials, .error = error};
    for (int i = 0; i < ML_TLS_SECRETS; i++) {
        base_buf_init_private(&m.secrets[i], BASE_BUF_MAX_DEFAULT);
    }
    base_buf_init_private(&m.proxy_line, BASE_BUF_MAX_DEFAULT);
    int32_t code = take_secrets(&m, is_signed);
    code = code ? code : make_proxy_line(&m);
    if (!code && (config->skip_ssl_verification || config->mutual_tls_enabled ||
                  config->proxy_url.ptr || has_secret(&m, ML_TLS_CA))) {
        code = finish(&m, out_transport);
    } else if (!code) {
        *out_transport = NULL;
    }
    for (int i = 0; i < ML_TLS_SECRETS; i++) {
        base_buf_deinit(&m.secrets[i]);
    }
    base_buf_deinit(&m.proxy_line);
    return code;
}

void ml_transport_destroy(struct ml_transport *transport) {
    if (transport) {
        SSL_CTX_free(transport->tls);
        ml_http_headers_destroy(transport->kept);
        free(transport);
    }
}

/* ---- use ---- */

bool ml_transport_has_proxy(const struct ml_transport *transport) {
    return transport && transport->proxy_url[0];
}

SSL_CTX *ml_transport_tls(const struct ml_transport *transport) {
    return transport ? transport->tls : NULL;
}

bool ml_transport_leads_to_private(const struct ml_transport *transport, const char *url) {
    if (!ml_transport_has_proxy(transport)) {
        return false;
    }
    struct ml_http1_url parts;
    /* What cannot be read is not let through. */
    return !ml_http1_url_split(base_cstr(url), &parts) || ml_address_host_is_private(parts.host);
}

/* Hands over one of the secrets, unless there is none. */
static CURLcode set_blob(const struct ml_transport *transport, CURL *easy, CURLoption option,
                         enum ml_tls_secret which) {
    struct berth_str text = transport->secrets[which];
    struct curl_blob blob = {
        .data = (void *)(uintptr_t)text.ptr, .len = BASE_LEN(text), .flags = CURL_BLOB_NOCOPY};
    return text.len ? curl_easy_setopt(easy, option, &blob) : CURLE_OK;
}

static CURLcode set_identity(const struct ml_transport *transport, CURL *easy) {
    const char *type = transport->is_pkcs12 ? "P12" : "PEM";
    struct berth_str password = transport->secrets[ML_TLS_PASSWORD];
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, type);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, type);
    if (!code && password.len) {
        code = curl_easy_setopt(easy, CURLOPT_KEYPASSWD, password.ptr);
    }
    if (transport->is_pkcs12) {
        return code ? code : set_blob(transport, easy, CURLOPT_SSLCERT_BLOB, ML_TLS_KEYSTORE);
    }
    code = code ? code : set_blob(transport, easy, CURLOPT_SSLCERT_BLOB, ML_TLS_CERT);
    return code ? code : set_blob(transport, easy, CURLOPT_SSLKEY_BLOB, ML_TLS_KEY);
}

static CURLcode set_proxy(const struct ml_transport *transport, CURL *easy, const char *url) {
    const char *proxy_url = transport->proxy_url;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROXY, proxy_url);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (!code && transport->kept->list) {
        code = curl_easy_setopt(easy, CURLOPT_PROXYHEADER, transport->kept->list);
        /*
         * A tunnel that one user's password opened must not serve another's connector: libcurl
         * does not look at passwords when it takes a kept connection.
         */
        long forbid = strncmp(url, "https:", 6) == 0;
        code = code ? code : curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, forbid);
    }
    return code;
}

/* The authorities of the connector, and none besides. */
static CURLcode set_authorities(const struct ml_transport *transport, CURL *easy) {
    if (transport->secrets[ML_TLS_CA].len == 0) {
        return CURLE_OK;
    }
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
    code = code ? code : set_blob(transport, easy, CURLOPT_CAINFO_BLOB, ML_TLS_CA);
    return code ? code : set_blob(transport, easy, CURLOPT_PROXY_CAINFO_BLOB, ML_TLS_CA);
}

CURLcode ml_transport_apply(const struct ml_transport *transport, CURL *easy, const char *url) {
    /* The environment's proxies are not ours. */
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROXY, "");
    code = code ? code : curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    if (code || !transport) {
        return code;
    }
    if (transport->proxy_url[0]) {
        code = set_proxy(transport, easy, url);
    }
    if (!code && transport->skip_verification) {
        code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        code = code ? code : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    code = code ? code : set_authorities(transport, easy);
    return code || !transport->is_mutual ? code : set_identity(transport, easy);
}
