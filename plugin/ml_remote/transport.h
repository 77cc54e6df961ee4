/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connector's service is reached where it is not reached as all others are: by a proxy, with
 * certificates of its own, or without looking at those of the service.
 */
#ifndef ML_REMOTE_TRANSPORT_H
#define ML_REMOTE_TRANSPORT_H

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "plugin/ml_remote/client_config.h"
#include "plugin/ml_remote/credentials.h"

struct ml_transport;

/*
 * Makes one of a connector's client_config and credentials, and checks the certificates and keys:
 * INVALID says which is not fit. NULL where the connector is reached as all others are.
 */
int32_t ml_transport_create(const struct ml_client_config *config, bool is_signed,
                            const struct ml_credentials *credentials,
                            struct ml_transport **out_transport, struct berth_error *error);
/* NULL is allowed. */
void ml_transport_destroy(struct ml_transport *transport);

bool ml_transport_has_proxy(const struct ml_transport *transport);
/* The certificates that count without a proxy, borrowed; NULL: those of all others. */
SSL_CTX *ml_transport_tls(const struct ml_transport *transport);

/*
 * Whether a proxy is asked for a host that certainly is private: an address that is, in whatever
 * form it is written, or localhost. What a name stands for only the proxy knows.
 */
bool ml_transport_leads_to_private(const struct ml_transport *transport, const char *url);

/* Sets up a call, which the transport must outlive; NULL: as all others. */
CURLcode ml_transport_apply(const struct ml_transport *transport, CURL *easy, const char *url);

#endif
