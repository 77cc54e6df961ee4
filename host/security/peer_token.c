/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/peer_token.h"

#include "base/clock.h"
#include "base/json_write.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#define HEX_SIZE (2u * SECRETS_MAC_SIZE)

/* Who asks where it is no user. */
static const char *const askers[] = {[PEER_NODE] = "-", [PEER_CLIENT] = "*"};

static int32_t mac_hex(const struct secrets *secrets, enum secrets_purpose purpose,
                       const struct berth_str *parts, uint32_t count, char out[HEX_SIZE + 1]) {
    unsigned char mac[SECRETS_MAC_SIZE];
    int32_t code = secrets_mac(secrets, purpose, parts, count, mac);
    if (!code) {
        base_hex(mac, sizeof mac, out);
    }
    return code;
}

static int32_t mac_request(const struct secrets *secrets, const struct peer_request *request,
                           struct berth_str time, struct berth_str user, char out[HEX_SIZE + 1]) {
    const struct berth_str parts[] = {request->method, request->path, time, user, request->body};
    return mac_hex(secrets, SECRETS_PEER, parts, BASE_COUNT(parts), out);
}

static int32_t mac_clock(const struct secrets *secrets, struct berth_str token,
                         struct berth_str time, char out[HEX_SIZE + 1]) {
    const struct berth_str parts[] = {token, time};
    return mac_hex(secrets, SECRETS_PEER_CLOCK, parts, BASE_COUNT(parts), out);
}

static void put_user(const struct berth_user *user, struct base_buf *out) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, 65536);
    json_open_object(&text);
    json_member_string(&text, "name", user->name);
    json_key(&text, "backend_roles");
    json_put_strings(&text, user->backend_roles, user->backend_role_count);
    json_key(&text, "roles");
    json_put_strings(&text, user->roles, user->role_count);
    json_close_object(&text);
    char *at = base_buf_reserve(out, (text.len + 2) / 3 * 4 + 1);
    if (at && !text.error) {
        out->len += (size_t)EVP_EncodeBlock((unsigned char *)at, (const unsigned char *)text.ptr,
                                            (int)text.len);
    } else {
        out->error = BERTH_E_NO_MEMORY;
    }
}

int32_t peer_token_make(const struct secrets *secrets, const struct peer_request *request,
                        const struct peer_sender *sender, struct base_buf *out) {
    BASE_BUF_AUTO who;
    char time[24];
    char mac[HEX_SIZE + 1];
    base_buf_init(&who, 131072);
    if (sender->user) {
        put_user(sender->user, &who);
    } else {
        base_buf_cstr(&who, askers[sender->asker]);
    }
    (void)snprintf(time, sizeof time, "%lld",
                   (long long)((int64_t)base_wall_ms() + sender->ahead_ms));
    int32_t code = who.error
                       ? BERTH_E_NO_MEMORY
                       : mac_request(secrets, request, base_cstr(time), base_buf_view(&who), mac);
    if (!code) {
        base_buf_format(out, "v1 %s " BASE_FMT " %s", time, BASE_ARG(base_buf_view(&who)), mac);
        code = out->error;
    }
    return code;
}

/* ---- checking ---- */

static bool read_names(struct json_value list, struct base_arena *arena, struct name_list *out) {
    out->items = base_arena_array(arena, json_count(list) + 1, sizeof *out->items);
    for (struct json_value v = json_first(list); out->items && json_present(v);
         v = json_next(list, v)) {
        struct berth_str text;
        if (!json_string(v, arena, &text)) {
            return false;
        }
        out->items[out->count] = base_arena_dup(arena, text);
        if (!out->items[out->count++].ptr) {
            return false;
        }
    }
    return out->items != NULL;
}

/* The mac was right: what does not read now is for lack of memory. */
static int32_t read_user(struct berth_str text, struct base_arena *arena,
                         struct peer_claims *claims, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct berth_str name;
    char *json = base_arena_alloc(arena, BASE_LEN(text) / 4 * 3 + 1);
    int len = json ? EVP_DecodeBlock((unsigned char *)json, (const unsigned char *)text.ptr,
                                     (int)text.len)
                   : -1;
    while (len > 0 && !json[len - 1]) {
        len--; /* what pads the last three bytes */
    }
    if (len < 0 || !json_parse(&doc, base_str(json, (size_t)len), 0, NULL) ||
        !json_string(json_get(json_root(&doc), "name"), arena, &name) ||
        !read_names(json_get(json_root(&doc), "backend_roles"), arena, &claims->backend_roles) ||
        !read_names(json_get(json_root(&doc), "roles"), arena, &claims->roles)) {
        return base_error_memory(error);
    }
    claims->has_user = true;
    claims->name = base_arena_dup(arena, name);
    return claims->name.ptr ? BERTH_OK : base_error_memory(error);
}

static int32_t deny(struct berth_error *error, const char *why) {
    return base_error_rest(error, BERTH_E_DENIED, 401, "security_exception",
                           "the token of a node [" PEER_TOKEN_HEADER "] %s", why);
}

/* Tells the other node the time here. */
static int32_t deny_for_time(const struct secrets *secrets, struct berth_str token, uint64_t now,
                             struct base_arena *arena, struct peer_claims *claims,
                             struct berth_error *error) {
    char time[24];
    char mac[HEX_SIZE + 1];
    char text[PEER_REFUSAL_MAX];
    (void)snprintf(time, sizeof time, "%llu", (unsigned long long)now);
    if (mac_clock(secrets, token, base_cstr(time), mac)) {
        return base_error_memory(error);
    }
    (void)snprintf(text, sizeof text, "clock %s %s", time, mac);
    struct berth_str copy = base_arena_dup(arena, base_cstr(text));
    claims->refusal = copy.ptr ? copy : claims->refusal;
    return deny(error, "is too old, or the clocks of the two nodes differ by minutes");
}

bool peer_refusal_clock(const struct secrets *secrets, struct berth_str token,
                        struct berth_str refusal, int64_t *out_ahead_ms) {
    struct berth_str pieces[3];
    int64_t time = 0;
    char mac[HEX_SIZE + 1];
    for (size_t i = 0; i < BASE_COUNT(pieces); i++) {
        if (!base_str_split(&refusal, ' ', &pieces[i])) {
            return false;
        }
    }
    if (refusal.ptr || !base_str_is(pieces[0], "clock") || !base_str_i64(pieces[1], &time) ||
        pieces[2].len != HEX_SIZE || time < 0 || mac_clock(secrets, token, pieces[1], mac) ||
        CRYPTO_memcmp(mac, pieces[2].ptr, HEX_SIZE) != 0) {
        return false;
    }
    *out_ahead_ms = time - (int64_t)base_wall_ms();
    return true;
}

int32_t peer_token_check(const struct secrets *secrets, const struct peer_request *request,
                         struct berth_str token, struct base_arena *arena,
                         struct peer_claims *out_claims, struct berth_error *error) {
    struct berth_str pieces[4];
    struct berth_str rest = token;
    int64_t time = 0;
    char mac[HEX_SIZE + 1];
    *out_claims = (struct peer_claims){.refusal = BERTH_STR_INIT("token")};
    for (size_t i = 0; i < BASE_COUNT(pieces); i++) {
        if (!base_str_split(&rest, ' ', &pieces[i])) {
            return deny(error, "has not four parts");
        }
    }
    if (rest.ptr || !base_str_is(pieces[0], "v1") || !base_str_i64(pieces[1], &time) || time < 0 ||
        pieces[3].len != HEX_SIZE) {
        return deny(error, "is not in the form of this version");
    }
    int32_t code = mac_request(secrets, request, pieces[1], pieces[2], mac);
    if (code) {
        return base_error_memory(error);
    }
    if (CRYPTO_memcmp(mac, pieces[3].ptr, HEX_SIZE) != 0) {
        return deny(error, "is of another master key, or of another request");
    }
    uint64_t now = base_wall_ms();
    int64_t age = (int64_t)now - time;
    if (age > (int64_t)PEER_TOKEN_LIFE_MS || age < -(int64_t)PEER_TOKEN_LIFE_MS) {
        return deny_for_time(secrets, token, now, arena, out_claims, error);
    }
    for (size_t i = 0; i < BASE_COUNT(askers); i++) {
        if (base_str_is(pieces[2], askers[i])) {
            out_claims->asker = (enum peer_asker)i;
            return BERTH_OK;
        }
    }
    return read_user(pieces[2], arena, out_claims, error);
}
