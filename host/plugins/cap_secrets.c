/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugins/capabilities.h"

#include <stdlib.h>

/* A secret's text is allocated with it; cap is what is to be wiped. */
struct secret_text {
    struct berth_secret secret;
    size_t cap;
};

static int32_t hand_out(struct base_buf *text, const struct berth_secret **out_secret,
                        struct berth_error *error) {
    struct secret_text *secret = malloc(sizeof *secret);
    if (!secret) {
        base_buf_deinit(text);
        return base_error_memory(error);
    }
    secret->cap = text->cap;
    size_t len = text->len;
    secret->secret = (struct berth_secret){.size = sizeof secret->secret,
                                           .text = base_str(base_buf_take(text), len)};
    *out_secret = &secret->secret;
    return BERTH_OK;
}

typedef int32_t (*transform_fn)(const struct secrets *secrets, struct berth_str context,
                                struct berth_str in, struct base_buf *out,
                                struct berth_error *error);

static int32_t transform(const struct berth_host *host, const char *call, transform_fn fn,
                         struct berth_str context, struct berth_str in,
                         const struct berth_secret **out_secret, struct berth_error *error) {
    struct generation *g = generation_of(host);
    int32_t code = generation_check_blocking(g, IN_STATE(LOADED) | IN_ALIVE, call, error);
    if (code) {
        return code;
    }
    struct base_buf text;
    base_buf_init_private(&text, BASE_BUF_MAX_DEFAULT);
    code = fn(g->services->secrets, context, in, &text, error);
    if (code) {
        base_buf_deinit(&text);
        return code;
    }
    return hand_out(&text, out_secret, error);
}

static int32_t seal(const struct berth_host *host, struct berth_str context, struct berth_str plain,
                    const struct berth_secret **out_sealed, struct berth_error *error) {
    return transform(host, "secrets.seal", secrets_seal, context, plain, out_sealed, error);
}

static int32_t open_secret(const struct berth_host *host, struct berth_str context,
                           struct berth_str sealed, const struct berth_secret **out_plain,
                           struct berth_error *error) {
    return transform(host, "secrets.open", secrets_unseal, context, sealed, out_plain, error);
}

static void release(const struct berth_secret *secret) {
    if (secret) {
        struct secret_text *mine = (struct secret_text *)(uintptr_t)secret;
        char *text = (char *)(uintptr_t)mine->secret.text.ptr;
        if (text) {
            explicit_bzero(text, mine->cap);
            free(text);
        }
        free(mine);
    }
}

const struct berth_secrets_v1 cap_secrets = {
    .size = sizeof cap_secrets,
    .seal = seal,
    .open = open_secret,
    .release = release,
};
