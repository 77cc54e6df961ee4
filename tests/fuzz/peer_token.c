/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/security: the tokens that nodes show each other, and what refuses them. Once as anybody may
 * send them: nothing is taken. Once with the right MAC, so that what lies behind it is read. Once
 * made by a node: they claim who went in, and hold for their request, to the byte, alone.
 *
 * Input, parted by lines "---": who asks, time, method, path, body. Who asks: as it stands in a
 * token; and the lines of a user, its name, its roles, its backend roles with @ before them. The
 * time: as it stands in a token, or, behind @, how far ahead of now.
 */
#include "host/security/peer_token.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

#define NAMES_MAX 8u
#define MINUTE_MS ((int64_t)60 * 1000)
/* Within it, now and how far ahead of it can be added. */
#define AHEAD_MAX_MS ((int64_t)1 << 53)

static const char *const key_texts[] = {"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
                                        "YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk="};
static struct secrets *keys[BASE_COUNT(key_texts)];

static struct secrets *open_key(const char *text) {
    char directory[] = "/tmp/berth-fuzz-XXXXXX";
    char path[sizeof directory + 16];
    struct secrets *secrets = NULL;
    FUZZ_CHECK(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/master.key", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    FUZZ_CHECK(close(fd) == 0 && secrets_open(directory, &secrets, NULL) == BERTH_OK);
    (void)unlink(path);
    (void)rmdir(directory);
    return secrets;
}

/* A token with the right MAC, whatever its parts are. */
static void sign(const struct peer_request *request, struct berth_str time, struct berth_str who,
                 struct base_buf *out) {
    const struct berth_str parts[] = {request->method, request->path, time, who, request->body};
    unsigned char mac[SECRETS_MAC_SIZE];
    FUZZ_CHECK(secrets_mac(keys[0], SECRETS_PEER, parts, BASE_COUNT(parts), mac) == BERTH_OK);
    base_buf_cstr(out, "v1 ");
    base_buf_str(out, time);
    base_buf_char(out, ' ');
    base_buf_str(out, who);
    base_buf_char(out, ' ');
    for (size_t i = 0; i < sizeof mac; i++) {
        base_buf_format(out, "%02x", mac[i]);
    }
    FUZZ_CHECK(!out->error);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static const struct peer_request request = {BERTH_STR_INIT("GET"), BERTH_STR_INIT("/"),
                                                BERTH_STR_INIT("")};
    static const struct peer_sender sender = {.asker = PEER_CLIENT};
    BASE_BUF_AUTO made;
    BASE_BUF_AUTO again;
    struct berth_str pieces[2];
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < BASE_COUNT(keys); i++) {
        keys[i] = open_key(key_texts[i]);
    }
    base_buf_init(&made, 4096);
    base_buf_init(&again, 4096);
    FUZZ_CHECK(peer_token_make(keys[0], &request, &sender, &made) == BERTH_OK);
    struct berth_str rest = base_buf_view(&made);
    for (size_t i = 0; i < BASE_COUNT(pieces); i++) {
        FUZZ_CHECK(base_str_split(&rest, ' ', &pieces[i]));
    }
    sign(&request, pieces[1], BERTH_STR("*"), &again);
    FUZZ_CHECK(base_str_eq(base_buf_view(&made), base_buf_view(&again)));
    return 0;
}

static int32_t check(const struct secrets *key, const struct peer_request *request,
                     struct berth_str token, struct base_arena *arena,
                     struct peer_claims *out_claims) {
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = peer_token_check(key, request, token, arena, out_claims, &error);
    FUZZ_CHECK(code == BERTH_OK || error.message[0]);
    if (code == BERTH_E_DENIED) {
        FUZZ_CHECK(base_error_status(&error) == 401 && out_claims->refusal.len > 0);
        FUZZ_CHECK(out_claims->refusal.len < PEER_REFUSAL_MAX);
    }
    return code;
}

/* Refused, and not for the time alone. */
static void check_refused(const struct secrets *key, const struct peer_request *request,
                          struct berth_str token) {
    BASE_ARENA_AUTO arena;
    struct peer_claims claims;
    base_arena_init(&arena, 1024);
    FUZZ_CHECK(check(key, request, token, &arena, &claims) == BERTH_E_DENIED);
    FUZZ_CHECK(base_str_is(claims.refusal, "token"));
}

/* A text that is another one: with a byte less, with a blank behind it, else with a byte changed.
 */
static void put_other(struct berth_str text, uint64_t seed, struct base_buf *out) {
    uint64_t which = seed % 8;
    uint64_t rest = seed / 8;
    base_buf_clear(out);
    base_buf_str(out, text);
    if (which == 0) {
        out->len--;
    } else if (which == 1) {
        base_buf_char(out, ' ');
    } else {
        char *at = out->ptr + rest % text.len;
        *at = (char)(*at ^ (int)(1 + rest / text.len % 255));
    }
    FUZZ_CHECK(!out->error);
}

/* The time that a refusal tells is that of its token, from a node of the same cluster. */
static void check_clock(struct berth_str token, struct berth_str refusal, uint64_t seed) {
    BASE_BUF_AUTO other;
    int64_t ahead = 0;
    base_buf_init(&other, BASE_BUF_MAX_DEFAULT);
    FUZZ_CHECK(peer_refusal_clock(keys[0], token, refusal, &ahead));
    FUZZ_CHECK(ahead > -MINUTE_MS && ahead < MINUTE_MS);
    FUZZ_CHECK(!peer_refusal_clock(keys[1], token, refusal, &ahead));
    put_other(token, seed, &other);
    FUZZ_CHECK(!peer_refusal_clock(keys[0], base_buf_view(&other), refusal, &ahead));
    put_other(refusal, seed, &other);
    FUZZ_CHECK(!peer_refusal_clock(keys[0], token, base_buf_view(&other), &ahead));
}

/*
 * A token that has the right MAC is none for anything else: one thing of many, as a MAC takes long.
 */
static void check_alone(const struct peer_request *request, struct berth_str token, uint64_t seed) {
    BASE_BUF_AUTO other;
    struct peer_request moved = *request;
    base_buf_init(&other, BASE_BUF_MAX_DEFAULT);
    switch (seed % 8) {
    case 0:
        check_refused(keys[1], request, token);
        break;
    case 1: /* What moves from one part to the next is another request. */
        base_buf_str(&other, request->method);
        base_buf_str(&other, request->path);
        if (request->path.len) {
            moved.method = base_str_slice(base_buf_view(&other), 0, request->method.len + 1);
            moved.path = base_str_from(base_buf_view(&other), request->method.len + 1);
            check_refused(keys[0], &moved, token);
        }
        break;
    case 2:
        base_buf_str(&other, request->body);
        base_buf_char(&other, (char)seed);
        moved.body = base_buf_view(&other);
        check_refused(keys[0], &moved, token);
        break;
    default:
        put_other(token, seed / 8, &other);
        check_refused(keys[0], request, base_buf_view(&other));
    }
}

/* ---- with the right MAC ---- */

static void check_signed(const struct peer_request *request, struct berth_str time,
                         struct berth_str who, uint64_t seed) {
    BASE_BUF_AUTO token;
    BASE_ARENA_AUTO arena;
    struct peer_claims claims;
    base_buf_init(&token, BASE_BUF_MAX_DEFAULT);
    base_arena_init(&arena, 1024);
    sign(request, time, who, &token);
    int32_t code = check(keys[0], request, base_buf_view(&token), &arena, &claims);
    if (code == BERTH_OK && claims.has_user) {
        FUZZ_CHECK(claims.name.ptr && claims.backend_roles.items && claims.roles.items);
    } else if (code == BERTH_OK) {
        FUZZ_CHECK(base_str_is(who, claims.asker == PEER_NODE ? "-" : "*"));
    } else if (code == BERTH_E_DENIED && !base_str_is(claims.refusal, "token")) {
        check_clock(base_buf_view(&token), claims.refusal, seed);
    } else {
        /* Whoever has the key writes no user that does not read, so the module has no words. */
        FUZZ_CHECK(code == BERTH_E_DENIED || code == BERTH_E_NO_MEMORY);
    }
    if (code == BERTH_OK) {
        check_alone(request, base_buf_view(&token), seed);
    }
}

/* ---- as a node makes it ---- */

/* The lines of a user. Whether all is UTF-8, without which a name is not kept to the letter. */
static bool read_user(struct berth_str text, struct berth_str names[2][NAMES_MAX],
                      struct berth_user *out_user) {
    uint32_t counts[2] = {0, 0};
    struct berth_str line;
    *out_user = (struct berth_user){.size = sizeof *out_user};
    for (uint64_t i = 0; i < text.len;) {
        const unsigned char *at = (const unsigned char *)text.ptr + i;
        size_t n = base_utf8_length(at, (const unsigned char *)text.ptr + text.len);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    struct berth_str rest = text;
    if (!base_str_split(&rest, '\n', &out_user->name)) {
        return false;
    }
    while (base_str_split(&rest, '\n', &line)) {
        bool is_backend = line.len && line.ptr[0] == '@';
        if (counts[is_backend] < NAMES_MAX) {
            names[is_backend][counts[is_backend]++] = base_str_from(line, is_backend);
        }
    }
    out_user->roles = names[0];
    out_user->role_count = counts[0];
    out_user->backend_roles = names[1];
    out_user->backend_role_count = counts[1];
    return true;
}

static void check_names(const struct name_list *list, const struct berth_str *names,
                        uint32_t count) {
    FUZZ_CHECK(list->count == count);
    for (uint32_t i = 0; i < count; i++) {
        FUZZ_CHECK(base_str_eq(list->items[i], names[i]));
    }
}

static void check_made(const struct peer_request *request, const struct peer_sender *sender,
                       uint64_t seed) {
    BASE_BUF_AUTO token;
    BASE_ARENA_AUTO arena;
    struct peer_claims claims;
    base_buf_init(&token, BASE_BUF_MAX_DEFAULT);
    base_arena_init(&arena, 1024);
    int32_t made = peer_token_make(keys[0], request, sender, &token);
    if (made) {
        FUZZ_CHECK(made == BERTH_E_NO_MEMORY); /* a user beyond its room */
        return;
    }
    int64_t ahead = sender->ahead_ms;
    int64_t off = ahead < 0 ? -ahead : ahead;
    int32_t code = check(keys[0], request, base_buf_view(&token), &arena, &claims);
    if (off < (int64_t)PEER_TOKEN_LIFE_MS - MINUTE_MS) {
        FUZZ_CHECK(code == BERTH_OK && claims.has_user == (sender->user != NULL));
        FUZZ_CHECK(sender->user || claims.asker == sender->asker);
    } else if (off > (int64_t)PEER_TOKEN_LIFE_MS + MINUTE_MS) {
        FUZZ_CHECK(code == BERTH_E_DENIED);
        if (ahead > -(int64_t)base_wall_ms()) { /* no clock is before 1970 */
            check_clock(base_buf_view(&token), claims.refusal, seed);
        }
    }
    if (code == BERTH_OK && sender->user) {
        const struct berth_user *user = sender->user;
        FUZZ_CHECK(base_str_eq(claims.name, user->name));
        check_names(&claims.roles, user->roles, user->role_count);
        check_names(&claims.backend_roles, user->backend_roles, user->backend_role_count);
    }
    check_alone(request, base_buf_view(&token), seed);
}

/* As it stands in a token. ahead: where it is said by how far it is ahead of now, else 0. */
static struct berth_str read_time(struct berth_str text, char out[32], int64_t *out_ahead) {
    int64_t ahead = 0;
    *out_ahead = 0;
    if (!base_str_starts(text, BERTH_STR("@")) || !base_str_i64(base_str_from(text, 1), &ahead) ||
        ahead > AHEAD_MAX_MS || ahead < -AHEAD_MAX_MS) {
        return text;
    }
    *out_ahead = ahead;
    int64_t time = (int64_t)base_wall_ms() + ahead;
    (void)snprintf(out, 32, "%lld", (long long)time);
    return base_cstr(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str all = fuzz_text(data, size);
    struct berth_str rest = all;
    struct berth_str who = fuzz_part(&rest);
    struct berth_str time = fuzz_part(&rest);
    struct peer_request request = {.method = fuzz_part(&rest), .path = fuzz_part(&rest)};
    struct berth_str names[2][NAMES_MAX];
    struct berth_user user;
    struct peer_sender sender = {0};
    char now[32];
    int64_t ahead = 0;
    uint64_t seed = base_str_hash(all);
    request.body = rest;
    check_refused(keys[0], &request, all);
    FUZZ_CHECK(!peer_refusal_clock(keys[0], BERTH_STR("v1 1 - 0"), all, &ahead));
    time = read_time(time, now, &sender.ahead_ms);
    check_signed(&request, time, who, seed);
    sender.asker = seed & 1 ? PEER_NODE : PEER_CLIENT;
    sender.user = read_user(who, names, &user) ? &user : NULL;
    check_made(&request, &sender, seed);
    return 0;
}
