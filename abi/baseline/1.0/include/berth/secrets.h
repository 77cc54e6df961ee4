/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.secrets/1: seal what must not be read from the store, and open it again.
 *
 * The key is the host's and never leaves it. A sealed text is printable and says which key it
 * needs; context binds it to its place (index, id, field), so that it opens nowhere else.
 */
#ifndef BERTH_SECRETS_H
#define BERTH_SECRETS_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_SECRETS_ID "berth.secrets/1"

struct berth_host;

/* Text that secret_release wipes before it frees it. */
struct berth_secret {
    uint32_t size;
    uint32_t reserved;
    struct berth_str text;
};
BERTH_ASSERT_SIZE(struct berth_secret, 24);
BERTH_ASSERT_OFFSET(struct berth_secret, text, 8);

struct berth_secrets_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Seals a text.
     * @thread control worker feed
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the caller releases the sealed text
     * @errors UNAVAILABLE NO_MEMORY INTERNAL
     */
    int32_t (*seal)(const struct berth_host *host, struct berth_str context, struct berth_str plain,
                    const struct berth_secret **out_sealed, struct berth_error *error);

    /*
     * Opens a sealed text. CORRUPT: it was changed, or sealed elsewhere or with a key that is
     * gone.
     * @thread control worker feed
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the caller releases the plain text
     * @errors CORRUPT UNAVAILABLE NO_MEMORY
     */
    int32_t (*open)(const struct berth_host *host, struct berth_str context,
                    struct berth_str sealed, const struct berth_secret **out_plain,
                    struct berth_error *error);

    /*
     * Wipes and frees what seal or open gave.
     * @thread any
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner consumes the secret; NULL is allowed
     * @errors none
     */
    void (*release)(const struct berth_secret *secret);
};
BERTH_ASSERT_SIZE(struct berth_secrets_v1, 32);
BERTH_ASSERT_OFFSET(struct berth_secrets_v1, seal, 8);
BERTH_ASSERT_OFFSET(struct berth_secrets_v1, open, 16);
BERTH_ASSERT_OFFSET(struct berth_secrets_v1, release, 24);

BERTH_EXTERN_C_END

#endif
