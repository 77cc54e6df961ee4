/* SPDX-License-Identifier: Apache-2.0 */
#include "host/security/secrets.h"

#include "tests/support/fault.h"
#include "tests/support/temp.h"

static const struct berth_str here = BERTH_STR_INIT(".connectors/1/credential");

static int setup(void **state) {
    char *folder = malloc(TEMP_MAX);
    assert_non_null(folder);
    temp_create(folder);
    *state = folder;
    return 0;
}

static int teardown(void **state) {
    temp_remove(*state);
    free(*state);
    return 0;
}

static struct secrets *open_secrets(const char *folder) {
    struct secrets *secrets = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(secrets_open(folder, &secrets, &error), BERTH_OK);
    return secrets;
}

static void seal(const struct secrets *secrets, struct berth_str plain, struct base_buf *out) {
    struct berth_error error = BASE_ERROR_INIT;
    base_buf_init(out, (size_t)4 << 20);
    assert_int_equal(secrets_seal(secrets, here, plain, out, &error), BERTH_OK);
}

static int32_t unseal(const struct secrets *secrets, struct berth_str context,
                      struct berth_str sealed, struct base_buf *out_plain) {
    struct berth_error error = BASE_ERROR_INIT;
    base_buf_init_private(out_plain, (size_t)4 << 20);
    return secrets_unseal(secrets, context, sealed, out_plain, &error);
}

/* Refused as CORRUPT, and nothing of the text comes out. */
static void assert_corrupt(const struct secrets *secrets, struct berth_str context,
                           struct berth_str sealed) {
    struct base_buf plain;
    assert_int_equal(unseal(secrets, context, sealed, &plain), BERTH_E_CORRUPT);
    assert_int_equal(plain.len, 0);
    base_buf_deinit(&plain);
}

static void opens_what_it_sealed(void **state) {
    struct secrets *secrets = open_secrets(*state);
    /* Every remainder of the length by three: base64 pads each in its own way. */
    for (size_t len = 0; len <= 64; len++) {
        char text[64];
        memset(text, 's', sizeof text);
        struct base_buf sealed;
        struct base_buf plain;
        seal(secrets, base_str(text, len), &sealed);
        assert_int_equal(unseal(secrets, here, base_buf_view(&sealed), &plain), BERTH_OK);
        assert_true(base_str_eq(base_buf_view(&plain), base_str(text, len)));
        assert_true(base_str_starts(base_buf_view(&sealed), BERTH_STR("berth1:")));
        assert_false(base_str_contains(base_buf_view(&sealed), BERTH_STR("ssss")));
        base_buf_deinit(&plain);
        base_buf_deinit(&sealed);
    }
    secrets_close(secrets);
}

static void seals_the_same_text_differently_each_time(void **state) {
    struct secrets *secrets = open_secrets(*state);
    struct base_buf first;
    struct base_buf second;
    seal(secrets, BERTH_STR("key"), &first);
    seal(secrets, BERTH_STR("key"), &second);
    assert_false(base_str_eq(base_buf_view(&first), base_buf_view(&second)));
    base_buf_deinit(&first);
    base_buf_deinit(&second);
    secrets_close(secrets);
}

static void opens_only_where_it_was_sealed_for(void **state) {
    struct secrets *secrets = open_secrets(*state);
    struct base_buf sealed;
    seal(secrets, BERTH_STR("key"), &sealed);
    static const struct berth_str elsewhere[] = {
        BERTH_STR_INIT(".connectors/2/credential"),
        BERTH_STR_INIT(".connectors/1/credential2"),
        BERTH_STR_INIT(".connectors/1/credentia"),
        {NULL, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(elsewhere); i++) {
        assert_corrupt(secrets, elsewhere[i], base_buf_view(&sealed));
    }
    base_buf_deinit(&sealed);
    secrets_close(secrets);
}

static void a_changed_byte_is_found(void **state) {
    struct secrets *secrets = open_secrets(*state);
    struct base_buf sealed;
    seal(secrets, BERTH_STR("a key of some length"), &sealed);
    for (size_t at = 0; at < sealed.len; at++) {
        char old = sealed.ptr[at];
        sealed.ptr[at] = old == 'A' ? 'B' : 'A';
        assert_corrupt(secrets, here, base_buf_view(&sealed));
        sealed.ptr[at] = old;
        assert_corrupt(secrets, here, base_str(sealed.ptr, at));
    }
    base_buf_deinit(&sealed);
    secrets_close(secrets);
}

static void refuses_what_is_no_sealed_text(void **state) {
    struct secrets *secrets = open_secrets(*state);
    static const struct berth_str cases[] = {
        BERTH_STR_INIT("berth1:"),
        BERTH_STR_INIT("berth1:00000000"),
        BERTH_STR_INIT("berth1:00000000:"),
        BERTH_STR_INIT("berth1:00000000:AAAA"),
        BERTH_STR_INIT("berth1:00000000:===="),
        BERTH_STR_INIT("berth2:00000000:AAAA"),
        BERTH_STR_INIT("sk-123456789012345678901234567890"),
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_corrupt(secrets, here, cases[i]);
    }
    secrets_close(secrets);
}

static void the_key_is_kept_for_its_owner_alone(void **state) {
    char path[TEMP_MAX];
    struct secrets *secrets = open_secrets(*state);
    struct base_buf sealed;
    seal(secrets, BERTH_STR("key"), &sealed);
    secrets_close(secrets);
    struct stat status;
    assert_int_equal(stat(temp_path(path, *state, "master.key"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);

    secrets = open_secrets(*state);
    struct base_buf plain;
    assert_int_equal(unseal(secrets, here, base_buf_view(&sealed), &plain), BERTH_OK);
    assert_true(base_str_is(base_buf_view(&plain), "key"));
    base_buf_deinit(&plain);
    secrets_close(secrets);

    assert_int_equal(unlink(path), 0);
    secrets = open_secrets(*state);
    struct berth_error error = BASE_ERROR_INIT;
    base_buf_init_private(&plain, 64);
    assert_int_equal(secrets_unseal(secrets, here, base_buf_view(&sealed), &plain, &error),
                     BERTH_E_CORRUPT);
    assert_non_null(strstr(error.message, "another master key"));
    base_buf_deinit(&plain);
    secrets_close(secrets);
    base_buf_deinit(&sealed);
}

static void a_damaged_key_is_not_replaced(void **state) {
    static const char *const texts[] = {
        "",
        "short",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=AAAA",
    };
    char path[TEMP_MAX];
    (void)temp_path(path, *state, "master.key");
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        temp_write(path, texts[i], strlen(texts[i]));
        struct secrets *secrets = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(secrets_open(*state, &secrets, &error), BERTH_E_CORRUPT);
        assert_null(secrets);
        assert_non_null(strstr(error.message, path));
        size_t len = 0;
        unsigned char *bytes = temp_read(path, &len);
        assert_string_equal((char *)bytes, texts[i]);
        free(bytes);
    }
}

/* Nodes of two versions of Berth make the same codes: computed by another program. */
static void codes_are_as_they_were(void **state) {
    static const char key[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    static const struct berth_str parts[] = {BERTH_STR_INIT("POST"), BERTH_STR_INIT(""),
                                             BERTH_STR_INIT("/a")};
    static const char *const codes[] = {
        [SECRETS_PEER] = "b1dbaa12da5c0ffa84fc5bbb5ddc67d98a69f4649469294fc4becd47f9ddd56b",
        [SECRETS_PEER_CLOCK] = "1466ce340690a0577986ef3ba5c8b24a8081347a15712c5422d091059cdc83ae",
    };
    char path[TEMP_MAX];
    temp_write(temp_path(path, *state, "master.key"), key, sizeof key - 1);
    struct secrets *secrets = open_secrets(*state);
    for (int purpose = 0; purpose < SECRETS_PURPOSES; purpose++) {
        unsigned char mac[SECRETS_MAC_SIZE];
        char hex[2 * SECRETS_MAC_SIZE + 1];
        assert_int_equal(secrets_mac(secrets, purpose, parts, BASE_COUNT(parts), mac), BERTH_OK);
        for (size_t i = 0; i < sizeof mac; i++) {
            (void)snprintf(hex + 2 * i, 3, "%02x", mac[i]);
        }
        assert_string_equal(hex, codes[purpose]);
    }
    secrets_close(secrets);
}

static void refuses_what_is_too_long(void **state) {
    struct secrets *secrets = open_secrets(*state);
    size_t len = ((size_t)1 << 20) + 1;
    char *text = calloc(1, len);
    assert_non_null(text);
    BASE_BUF_AUTO sealed;
    base_buf_init(&sealed, (size_t)4 << 20);
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(secrets_seal(secrets, here, base_str(text, len), &sealed, &error),
                     BERTH_E_TOO_LARGE);
    assert_int_equal(sealed.len, 0);
    struct base_buf longest;
    struct base_buf plain;
    seal(secrets, base_str(text, len - 1), &longest);
    assert_int_equal(unseal(secrets, here, base_buf_view(&longest), &plain), BERTH_OK);
    assert_int_equal(plain.len, len - 1);
    base_buf_deinit(&plain);
    base_buf_deinit(&longest);
    free(text);
    secrets_close(secrets);
}

static void seal_and_open(const char *folder) {
    struct secrets *secrets = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    struct base_buf sealed;
    struct base_buf plain;
    base_buf_init(&sealed, 4096);
    base_buf_init_private(&plain, 4096);
    int32_t code = secrets_open(folder, &secrets, &error);
    code = code ? code : secrets_seal(secrets, here, BERTH_STR("key"), &sealed, &error);
    code = code ? code : secrets_unseal(secrets, here, base_buf_view(&sealed), &plain, &error);
    assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
    base_buf_deinit(&plain);
    base_buf_deinit(&sealed);
    secrets_close(secrets);
}

static void survives_each_failed_allocation(void **state) {
    secrets_close(open_secrets(*state));
    FAULT_EACH_ALLOCATION(seal_and_open(*state));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(opens_what_it_sealed),
        IN_FOLDER(seals_the_same_text_differently_each_time),
        IN_FOLDER(opens_only_where_it_was_sealed_for),
        IN_FOLDER(a_changed_byte_is_found),
        IN_FOLDER(refuses_what_is_no_sealed_text),
        IN_FOLDER(the_key_is_kept_for_its_owner_alone),
        IN_FOLDER(a_damaged_key_is_not_replaced),
        IN_FOLDER(codes_are_as_they_were),
        IN_FOLDER(refuses_what_is_too_long),
        IN_FOLDER(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("host.security.secrets", tests, NULL, NULL);
}
