/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of nodes: what one makes the other takes, for that request alone. */
#include "host/security/peer_token.h"

#include "base/clock.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

static const struct berth_str roles[] = {BERTH_STR_INIT("ml_full_access"),
                                         BERTH_STR_INIT("r\"\xc3\xb6le")};
static const struct berth_user alice = {.size = sizeof alice,
                                        .name = BERTH_STR_INIT("alice"),
                                        .backend_roles = roles,
                                        .roles = roles,
                                        .backend_role_count = 1,
                                        .role_count = 2};
static const struct peer_request asked = {BERTH_STR_INIT("POST"), BERTH_STR_INIT("/a/b%20c?x"),
                                          BERTH_STR_INIT("{\"n\":1}")};

static const struct peer_sender of_alice = {.user = &alice};

struct fixture {
    char folders[2][TEMP_MAX];
    struct secrets *keys[2];
    struct base_arena arena;
    struct base_buf token;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    for (int i = 0; i < 2; i++) {
        temp_create(f->folders[i]);
        assert_int_equal(secrets_open(f->folders[i], &f->keys[i], NULL), BERTH_OK);
    }
    base_arena_init(&f->arena, 1024);
    base_buf_init(&f->token, 65536);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        secrets_close(f->keys[i]);
        temp_remove(f->folders[i]);
    }
    base_arena_deinit(&f->arena);
    base_buf_deinit(&f->token);
    free(f);
    return 0;
}

static int32_t check(struct fixture *f, int key, const struct peer_request *request,
                     struct berth_str token, struct peer_claims *claims) {
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = peer_token_check(f->keys[key], request, token, &f->arena, claims, &error);
    if (code == BERTH_E_DENIED) {
        assert_int_equal(base_error_status(&error), 401);
    }
    return code;
}

static void who_asks_is_told(void **state) {
    struct fixture *f = *state;
    struct peer_claims claims;
    assert_int_equal(peer_token_make(f->keys[0], &asked, &of_alice, &f->token), BERTH_OK);
    assert_int_equal(check(f, 0, &asked, base_buf_view(&f->token), &claims), BERTH_OK);
    assert_true(claims.has_user);
    assert_true(base_str_is(claims.name, "alice"));
    assert_int_equal(claims.backend_roles.count, 1);
    assert_int_equal(claims.roles.count, 2);
    assert_true(base_str_eq(claims.roles.items[1], roles[1]));
    static const enum peer_asker askers[] = {PEER_NODE, PEER_CLIENT};
    for (size_t i = 0; i < BASE_COUNT(askers); i++) {
        const struct peer_sender sender = {.asker = askers[i]};
        base_buf_clear(&f->token);
        assert_int_equal(peer_token_make(f->keys[0], &asked, &sender, &f->token), BERTH_OK);
        assert_int_equal(check(f, 0, &asked, base_buf_view(&f->token), &claims), BERTH_OK);
        assert_false(claims.has_user);
        assert_int_equal(claims.asker, askers[i]);
    }
}

static void it_holds_for_its_request_alone(void **state) {
    struct fixture *f = *state;
    struct peer_claims claims;
    const struct peer_request others[] = {
        {BERTH_STR_INIT("PUT"), asked.path, asked.body},
        {asked.method, BERTH_STR_INIT("/a/b%20c"), asked.body},
        {asked.method, asked.path, BERTH_STR_INIT("{\"n\":2}")},
        {asked.method, asked.path, BERTH_STR_INIT("")},
        /* What is moved from one part to the next is not the same. */
        {BERTH_STR_INIT("POST/"), BERTH_STR_INIT("a/b%20c?x"), asked.body},
    };
    assert_int_equal(peer_token_make(f->keys[0], &asked, &of_alice, &f->token), BERTH_OK);
    for (size_t i = 0; i < BASE_COUNT(others); i++) {
        assert_int_equal(check(f, 0, &others[i], base_buf_view(&f->token), &claims),
                         BERTH_E_DENIED);
    }
    assert_int_equal(check(f, 1, &asked, base_buf_view(&f->token), &claims), BERTH_E_DENIED);
}

/* Each byte counts: none can be another. */
static void no_byte_of_it_can_be_changed(void **state) {
    struct fixture *f = *state;
    struct peer_claims claims;
    assert_int_equal(peer_token_make(f->keys[0], &asked, &of_alice, &f->token), BERTH_OK);
    for (size_t i = 0; i < f->token.len; i++) {
        char before = f->token.ptr[i];
        f->token.ptr[i] = before == '1' ? '2' : '1';
        assert_int_equal(check(f, 0, &asked, base_buf_view(&f->token), &claims), BERTH_E_DENIED);
        f->token.ptr[i] = before;
    }
    for (size_t len = 0; len < f->token.len; len++) {
        assert_int_equal(check(f, 0, &asked, base_str(f->token.ptr, len), &claims), BERTH_E_DENIED);
    }
    static const char *const behind[] = {" ", "more"};
    for (size_t i = 0; i < BASE_COUNT(behind); i++) {
        base_buf_cstr(&f->token, behind[i]);
        assert_int_equal(check(f, 0, &asked, base_buf_view(&f->token), &claims), BERTH_E_DENIED);
    }
}

/* No clock is before 1970; what is that far away is not reckoned with. */
static void a_time_that_is_none_is_refused(void **state) {
    static const int64_t jumps[] = {INT64_MIN, INT64_MIN / 2};
    struct fixture *f = *state;
    struct peer_claims claims;
    for (size_t i = 0; i < BASE_COUNT(jumps); i++) {
        struct peer_sender sender = of_alice;
        sender.ahead_ms = jumps[i];
        base_buf_clear(&f->token);
        assert_int_equal(peer_token_make(f->keys[0], &asked, &sender, &f->token), BERTH_OK);
        assert_int_equal(check(f, 0, &asked, base_buf_view(&f->token), &claims), BERTH_E_DENIED);
        assert_true(base_str_is(claims.refusal, "token"));
    }
}

/* One of another time is refused with what the time is, from which a token can be made that holds.
 */
static void clocks_that_differ_find_out(void **state) {
    static const int64_t jumps[] = {-3600000, 3600000, 400000000000};
    struct fixture *f = *state;
    struct peer_claims claims;
    for (size_t i = 0; i < BASE_COUNT(jumps); i++) {
        struct peer_sender sender = of_alice;
        int64_t ahead = 0;
        sender.ahead_ms = jumps[i];
        base_buf_clear(&f->token);
        assert_int_equal(peer_token_make(f->keys[0], &asked, &sender, &f->token), BERTH_OK);
        assert_int_equal(check(f, 0, &asked, base_buf_view(&f->token), &claims), BERTH_E_DENIED);
        assert_true(
            peer_refusal_clock(f->keys[0], base_buf_view(&f->token), claims.refusal, &ahead));
        assert_true(ahead > -60000 && ahead < 60000);
        /* It is the answer to this token, of a node of this cluster. */
        assert_false(
            peer_refusal_clock(f->keys[1], base_buf_view(&f->token), claims.refusal, &ahead));
        assert_false(peer_refusal_clock(f->keys[0], BERTH_STR("v1 1 - 0"), claims.refusal, &ahead));
        char longer[PEER_REFUSAL_MAX];
        int len = snprintf(longer, sizeof longer, BASE_FMT " ", BASE_ARG(claims.refusal));
        assert_false(peer_refusal_clock(f->keys[0], base_buf_view(&f->token),
                                        base_str(longer, (size_t)len), &ahead));
        sender.ahead_ms = ahead;
        base_buf_clear(&f->token);
        assert_int_equal(peer_token_make(f->keys[0], &asked, &sender, &f->token), BERTH_OK);
        assert_int_equal(check(f, 0, &asked, base_buf_view(&f->token), &claims), BERTH_OK);
    }
}

static void other_refusals_tell_no_time(void **state) {
    static const char *const refusals[] = {"",        "token",       "clock",
                                           "clock 1", "clock 1 abc", "clock 1 abc more"};
    struct fixture *f = *state;
    struct peer_claims claims;
    int64_t ahead;
    assert_int_equal(peer_token_make(f->keys[0], &asked, &of_alice, &f->token), BERTH_OK);
    assert_int_equal(check(f, 1, &asked, base_buf_view(&f->token), &claims), BERTH_E_DENIED);
    assert_true(base_str_is(claims.refusal, "token"));
    for (size_t i = 0; i < BASE_COUNT(refusals); i++) {
        assert_false(peer_refusal_clock(f->keys[0], base_buf_view(&f->token),
                                        base_cstr(refusals[i]), &ahead));
    }
}

static void survives_each_failed_allocation(void **state) {
    struct fixture *f = *state;
    struct peer_claims claims;
    FAULT_EACH_ALLOCATION({
        base_buf_deinit(&f->token);
        base_buf_init(&f->token, 65536);
        int32_t code = peer_token_make(f->keys[0], &asked, &of_alice, &f->token);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        if (!code) {
            code = check(f, 0, &asked, base_buf_view(&f->token), &claims);
            assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        }
    });
}

#define WITH_KEYS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_KEYS(who_asks_is_told),
        WITH_KEYS(it_holds_for_its_request_alone),
        WITH_KEYS(no_byte_of_it_can_be_changed),
        WITH_KEYS(a_time_that_is_none_is_refused),
        WITH_KEYS(clocks_that_differ_find_out),
        WITH_KEYS(other_refusals_tell_no_time),
        WITH_KEYS(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.security.peer_token", tests, NULL, NULL);
}
