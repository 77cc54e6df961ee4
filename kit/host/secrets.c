/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing that seals nothing: a text with its place before it. */
#include "kit/host/host.h"

#include "base/error.h"

#include <stdio.h>

#define SEALED "kit:"

static const struct berth_secret *give(struct kit_host *host, struct berth_str head,
                                       struct berth_str tail) {
    size_t size = sizeof(struct berth_secret) + host->config.grow_objects;
    size_t len = BASE_LEN(head) + BASE_LEN(tail);
    unsigned char *bytes = kit_alloc(size + len + 1);
    struct berth_secret *secret = (struct berth_secret *)(void *)bytes;
    char *text = (char *)bytes + size;
    memset(bytes + sizeof *secret, host->config.tail, host->config.grow_objects);
    (void)snprintf(text, len + 1, BASE_FMT BASE_FMT, BASE_ARG(head), BASE_ARG(tail));
    secret->size = (uint32_t)size;
    secret->text = base_str(text, strlen(text));
    kit_handle_add(host, secret, KIT_BLAME_HELD_SECRET);
    return secret;
}

static struct berth_str place_of(struct berth_str context, char *out_text, size_t size) {
    (void)snprintf(out_text, size, SEALED BASE_FMT ":", BASE_ARG(context));
    return base_cstr(out_text);
}

static int32_t seal(const struct berth_host *face, struct berth_str context, struct berth_str plain,
                    const struct berth_secret **out_sealed, struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_secrets_v1_seal);
    char place[1024];
    if (code) {
        return base_error(error, code, "the kit's key is not there");
    }
    *out_sealed = give(host, place_of(context, place, sizeof place), plain);
    return BERTH_OK;
}

static int32_t open_sealed(const struct berth_host *face, struct berth_str context,
                           struct berth_str sealed, const struct berth_secret **out_plain,
                           struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_secrets_v1_open);
    char text[1024];
    struct berth_str place = place_of(context, text, sizeof text);
    if (code) {
        return base_error(error, code, "the kit's key is not there");
    }
    if (!base_str_starts(sealed, place)) {
        return base_error(error, BERTH_E_CORRUPT, "it was sealed elsewhere");
    }
    *out_plain = give(host, base_str_from(sealed, place.len), BERTH_STR(""));
    return BERTH_OK;
}

static void release(const struct berth_secret *secret) {
    if (secret) {
        kit_handle_release(secret, KIT_FN_berth_secrets_v1_release, "secret");
    }
}

const struct berth_secrets_v1 kit_secrets_v1 = {
    .size = sizeof kit_secrets_v1,
    .seal = seal,
    .open = open_sealed,
    .release = release,
};
