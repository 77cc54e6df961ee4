/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's master key, and sealing under it: AES-256-GCM with a random nonce.
 *
 * A sealed text is "berth1:<key id>:<base64 of nonce, ciphertext and tag>". The context is
 * authenticated with it, so that a sealed text opens only where it was sealed for. Any thread.
 */
#ifndef HOST_SECURITY_SECRETS_H
#define HOST_SECURITY_SECRETS_H

#include "base/buf.h"
#include "base/error.h"

struct secrets;

/* Reads the key from data_path/master.key, or makes one. The key's memory is locked. */
int32_t secrets_open(const char *data_path, struct secrets **out_secrets,
                     struct berth_error *error);
/* Wipes the key. */
void secrets_close(struct secrets *secrets);

int32_t secrets_seal(const struct secrets *secrets, struct berth_str context,
                     struct berth_str plain, struct base_buf *out_sealed,
                     struct berth_error *error);

/* out_plain is best a private buffer. */
int32_t secrets_unseal(const struct secrets *secrets, struct berth_str context,
                       struct berth_str sealed, struct base_buf *out_plain,
                       struct berth_error *error);

#define SECRETS_MAC_SIZE 32u

/* What codes are for; a key of its own is derived from the master key for each. */
enum secrets_purpose { SECRETS_PEER, SECRETS_PEER_CLOCK, SECRETS_PURPOSES };

/* HMAC-SHA-256 of the parts, each with its length before it, under the key of a purpose. */
int32_t secrets_mac(const struct secrets *secrets, enum secrets_purpose purpose,
                    const struct berth_str *parts, uint32_t count,
                    unsigned char out_mac[SECRETS_MAC_SIZE]);

#endif
