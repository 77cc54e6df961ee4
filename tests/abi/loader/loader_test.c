/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader refuses, and how it says so: the fixtures of fixture.c, and files that are
 * damaged here. @threads
 */
#include "host/plugins/capabilities.h"
#include "host/plugins/elf_image.h"
#include "host/plugins/plugins.h"
#include "tests/support/fault.h"
#include "tests/support/services.h"

#include <elf.h>

/* Texts that a message must hold; the file's path is looked for in all. */
#define SAID_MAX 4

struct refusal {
    const char *fixture;
    int32_t code;
    const char *said[SAID_MAX];
};

static const struct refusal refusals[] = {
    {"no_descriptor", BERTH_E_INVALID, {"exports no symbol [berth_plugin]"}},
    {"other_major", BERTH_E_UNSUPPORTED, {"built for ABI 2.0", "this host has 1.0", "major"}},
    {"newer_floor", BERTH_E_UNSUPPORTED, {"needs a host of ABI 1.9 or later", "has 1.0"}},
    {"requires_unknown", BERTH_E_UNSUPPORTED, {"[berth.teleport/1]", "unknown to this host"}},
    {"requires_later", BERTH_E_UNSUPPORTED, {"[berth.routes/2]", "later revision"}},
    {"requires_draft", BERTH_E_UNSUPPORTED, {"[berth.draft.filters/1]", "drafts are not allowed"}},
    {"requires_nameless", BERTH_E_INVALID, {"[capabilities]", "1 to 512 bytes"}},
    {"too_many_capabilities", BERTH_E_INVALID, {"65 capabilities", "allowed are 64"}},
    {"capabilities_beyond_file", BERTH_E_INVALID, {"capabilities"}},
    {"small_descriptor", BERTH_E_INVALID, {"descriptor", "has 112 bytes", "has 120"}},
    {"huge_descriptor", BERTH_E_INVALID, {"2147483647 bytes", "not in the file"}},
    {"grown_number", BERTH_E_UNSUPPORTED, {"descriptor has 136 bytes", "knows 120", "not zero"}},
    {"grown_pointer", BERTH_E_UNSUPPORTED, {"descriptor has 136 bytes", "knows 120", "not zero"}},
    {"no_lifecycle", BERTH_E_INVALID, {"no lifecycle"}},
    {"small_lifecycle", BERTH_E_INVALID, {"lifecycle", "has 64 bytes", "has 72"}},
    {"no_create", BERTH_E_INVALID, {"no [create]", "required"}},
    {"no_start", BERTH_E_INVALID, {"no [start]", "required"}},
    {"no_stop", BERTH_E_INVALID, {"no [stop]", "required"}},
    {"no_destroy", BERTH_E_INVALID, {"no [destroy]", "required"}},
    {"no_name", BERTH_E_INVALID, {"[name]", "1 to 512 bytes"}},
    {"bad_name", BERTH_E_INVALID, {"[Not A Name]", "1 to 64 lower case letters"}},
    {"no_version", BERTH_E_INVALID, {"[version]", "1 to 512 bytes"}},
    {"static_tls", BERTH_E_INVALID, {"thread-local", "DF_STATIC_TLS"}},
    {"text_relocation", BERTH_E_INVALID, {"code to be changed", "TEXTREL"}},
    {"exec_stack", BERTH_E_INVALID, {"stacks", "executed"}},
    {"writable_code", BERTH_E_INVALID, {"both written and executed"}},
    {"run_path", BERTH_E_INVALID, {"libraries in a place of its own"}},
    {"no_delete", BERTH_E_INVALID, {"cannot be unloaded"}},
    {"interpose", BERTH_E_INVALID, {"before other libraries"}},
    {"exports_more", BERTH_E_INVALID, {"exports [more]", "[berth_plugin] alone"}},
};

static void fixture_path(char out_path[TEMP_MAX * 2], const char *name) {
    (void)snprintf(out_path, (size_t)TEMP_MAX * 2, "%s/%s.so", FIXTURES, name);
}

static void assert_says(const struct berth_error *error, const char *path,
                        const char *const said[SAID_MAX]) {
    for (int i = 0; i < SAID_MAX && said[i]; i++) {
        if (!strstr(error->message, said[i])) {
            fail_msg("\"%s\" does not say \"%s\"", error->message, said[i]);
        }
    }
    if (!strstr(error->message, path)) {
        fail_msg("\"%s\" does not name the file", error->message);
    }
}

static int32_t judge(const char *path, struct manifest *out_manifest, struct berth_error *error) {
    struct manifest_offer offer = capabilities_offer();
    return manifest_read(path, path, &offer, out_manifest, error);
}

/* ---- fixtures ---- */

static void refuses_each_fixture_and_says_why(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(refusals); i++) {
        char path[TEMP_MAX * 2];
        fixture_path(path, refusals[i].fixture);
        struct berth_error error = BASE_ERROR_INIT;
        struct manifest manifest;
        print_message("  %s\n", refusals[i].fixture);
        assert_int_equal(judge(path, &manifest, &error), refusals[i].code);
        assert_int_equal(error.code, refusals[i].code);
        assert_says(&error, path, refusals[i].said);
    }
}

static void accepts_what_fits(void **state) {
    (void)state;
    static const struct {
        const char *fixture;
        uint16_t minor;
        enum grant grant;
    } cases[] = {
        {"good", 0, GRANT_YES},
        {"newer_minor", 9, GRANT_YES},
        {"grown_zero", 0, GRANT_YES},
        {"optional_unknown", 0, GRANT_UNKNOWN},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char path[TEMP_MAX * 2];
        fixture_path(path, cases[i].fixture);
        struct berth_error error = BASE_ERROR_INIT;
        struct manifest m;
        assert_int_equal(judge(path, &m, &error), BERTH_OK);
        assert_true(base_str_is(m.name, "fixture"));
        assert_true(base_str_is(m.version, "1.2.3"));
        assert_true(base_str_is(m.description, "What the loader is tested with"));
        assert_true(base_str_is(m.component, ""));
        assert_true(base_str_is(m.path, path));
        assert_int_equal(strlen(m.sha256), FILE_SHA256_LENGTH);
        assert_int_equal(m.abi_major, BERTH_ABI_MAJOR);
        assert_int_equal(m.abi_minor, cases[i].minor);
        assert_int_equal(m.abi_minor_floor, 0);
        assert_int_equal(m.capability_count, 1);
        assert_int_equal(m.capabilities[0].grant, cases[i].grant);
        assert_int_equal(manifest_grants(&m, m.capabilities[0].id), cases[i].grant == GRANT_YES);
        assert_false(manifest_grants(&m, BERTH_STR("berth.store/1")));
        manifest_deinit(&m);
    }
}

static void survives_each_failed_allocation(void **state) {
    (void)state;
    char path[TEMP_MAX * 2];
    fixture_path(path, "good");
    FAULT_EACH_ALLOCATION({
        struct berth_error error = BASE_ERROR_INIT;
        struct manifest m;
        int32_t code = judge(path, &m, &error);
        assert_true(code == BERTH_OK || code == BERTH_E_NO_MEMORY);
        if (!code) {
            manifest_deinit(&m);
        }
    });
}

/* ---- damaged files ---- */

struct damaged {
    char folder[TEMP_MAX];
    char path[TEMP_MAX];
    unsigned char *bytes; /* of the good fixture */
    size_t len;
};

static int damaged_setup(void **state) {
    struct damaged *d = calloc(1, sizeof *d);
    assert_non_null(d);
    char good[TEMP_MAX * 2];
    fixture_path(good, "good");
    d->bytes = temp_read(good, &d->len);
    temp_create(d->folder);
    (void)temp_path(d->path, d->folder, "damaged.so");
    *state = d;
    return 0;
}

static int damaged_teardown(void **state) {
    struct damaged *d = *state;
    temp_remove(d->folder);
    free(d->bytes);
    free(d);
    return 0;
}

static int32_t judge_damaged(struct damaged *d, struct berth_error *error) {
    struct manifest m;
    *error = (struct berth_error)BASE_ERROR_INIT;
    int32_t code = judge(d->path, &m, error);
    if (!code) {
        manifest_deinit(&m);
    }
    return code;
}

static int32_t judge_bytes(struct damaged *d, size_t len, struct berth_error *error) {
    temp_write(d->path, d->bytes, len);
    return judge_damaged(d, error);
}

static void refuses_what_is_no_shared_object(void **state) {
    struct damaged *d = *state;
    struct berth_error error;
    static const struct {
        const char *text;
        const char *said[SAID_MAX];
    } cases[] = {
        {"", {"is empty"}},
        {"\177ELF", {"not a shared object"}},
        {"#!/bin/sh\necho this is a script and not a plugin, however long it may well become\n",
         {"not a shared object", "ELF"}},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct manifest m;
        temp_write(d->path, cases[i].text, strlen(cases[i].text));
        error = (struct berth_error)BASE_ERROR_INIT;
        assert_int_equal(judge(d->path, &m, &error), BERTH_E_INVALID);
        assert_says(&error, d->path, cases[i].said);
    }
    struct manifest m;
    assert_int_equal(judge(d->folder, &m, &error), BERTH_E_INVALID);
    assert_says(&error, d->folder, (const char *const[SAID_MAX]){"no regular file"});
    char missing[TEMP_MAX];
    (void)temp_path(missing, d->folder, "missing.so");
    assert_int_equal(judge(missing, &m, &error), BERTH_E_NOT_FOUND);
    assert_says(&error, missing, (const char *const[SAID_MAX]){"No such file"});
}

static void refuses_headers_of_other_machines(void **state) {
    struct damaged *d = *state;
    static const struct {
        size_t at;
        unsigned char value;
        const char *said[SAID_MAX];
    } cases[] = {
        {offsetof(Elf64_Ehdr, e_machine), EM_RISCV, {"RISC-V (machine 243)", "this host runs on"}},
        {offsetof(Elf64_Ehdr, e_machine), EM_386, {"i386 (machine 3)", "this host runs on"}},
        {offsetof(Elf64_Ehdr, e_machine), 250, {"another machine (machine 250)"}},
        {EI_CLASS, ELFCLASS32, {"not a 64-bit little-endian", "class 1", "expected 2"}},
        {EI_DATA, ELFDATA2MSB, {"not a 64-bit little-endian", "data 2", "and 1"}},
        {offsetof(Elf64_Ehdr, e_type), ET_EXEC, {"type 2", "is of type 3"}},
        {offsetof(Elf64_Ehdr, e_shentsize), 1, {"cut short or damaged"}},
        {offsetof(Elf64_Ehdr, e_phentsize), 1, {"cut short or damaged"}},
        {offsetof(Elf64_Ehdr, e_shoff) + 7, 0xff, {"cut short or damaged"}},
        {offsetof(Elf64_Ehdr, e_shoff), 1, {"cut short or damaged"}},
        {offsetof(Elf64_Ehdr, e_phoff) + 5, 1, {"cut short or damaged"}},
        {offsetof(Elf64_Ehdr, e_shnum) + 1, 0xff, {"cut short or damaged"}},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        unsigned char old = d->bytes[cases[i].at];
        d->bytes[cases[i].at] = cases[i].value;
        struct berth_error error;
        assert_int_equal(judge_bytes(d, d->len, &error), BERTH_E_INVALID);
        assert_says(&error, d->path, cases[i].said);
        d->bytes[cases[i].at] = old;
    }
}

static void refuses_a_file_cut_anywhere(void **state) {
    struct damaged *d = *state;
    struct berth_error error;
    for (size_t len = 1; len < d->len; len += len < 128 ? 1 : 509) {
        assert_int_equal(judge_bytes(d, len, &error), BERTH_E_INVALID);
    }
    assert_int_equal(judge_bytes(d, d->len, &error), BERTH_OK);
}

/* Whatever a byte becomes, the file is refused or accepted, and nothing outside of it is read. */
static void reads_no_byte_outside_of_a_damaged_file(void **state) {
    struct damaged *d = *state;
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)d->bytes;
    struct {
        size_t from;
        size_t to;
    } parts[] = {
        {0, sizeof *h},
        {h->e_phoff, h->e_phoff + (size_t)h->e_phnum * sizeof(Elf64_Phdr)},
        {h->e_shoff, h->e_shoff + (size_t)h->e_shnum * sizeof(Elf64_Shdr)},
    };
    static const unsigned char values[] = {0x00, 0x7f, 0xff};
    uint32_t refused = 0;
    temp_write(d->path, d->bytes, d->len);
    int fd = open(d->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t p = 0; p < BASE_COUNT(parts); p++) {
        for (size_t at = parts[p].from; at < parts[p].to; at++) {
            for (size_t v = 0; v < BASE_COUNT(values); v++) {
                struct berth_error error;
                assert_int_equal(pwrite(fd, &values[v], 1, (off_t)at), 1);
                refused += judge_damaged(d, &error) != BERTH_OK;
            }
            assert_int_equal(pwrite(fd, &d->bytes[at], 1, (off_t)at), 1);
        }
    }
    assert_int_equal(close(fd), 0);
    assert_true(refused > 0);
}

/* ---- loading ---- */

struct loading {
    struct services services;
    struct route_owner owner;
    struct route_set routes;
    struct plugins *plugins;
};

static int loading_setup(void **state) {
    struct loading *l = calloc(1, sizeof *l);
    assert_non_null(l);
    services_open(&l->services);
    l->owner.name = "host";
    route_set_init(&l->routes, &l->owner);
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(plugins_create(&l->services.parts, &l->routes, &l->plugins, &error), BERTH_OK);
    *state = l;
    return 0;
}

static int loading_teardown(void **state) {
    struct loading *l = *state;
    plugins_stop(l->plugins, 1000);
    plugins_destroy(l->plugins);
    route_set_deinit(&l->routes);
    services_close(&l->services);
    free(l);
    return 0;
}

/* A failed load leaves no copy behind. */
static int32_t load_plugin(const struct loading *l, const char *path, struct berth_error *error) {
    char name[PLUGIN_GENERATION_NAME];
    return plugins_load(l->plugins, path, 0, name, error);
}

static void assert_run_path_is_empty(const struct loading *l) {
    assert_int_equal(rmdir(l->services.run_path), 0);
    assert_int_equal(mkdir(l->services.run_path, 0700), 0);
}

static void count_plugin(void *user, const struct plugin_info *info) {
    (void)info;
    ++*(uint32_t *)user;
}

static uint32_t loaded(struct loading *l) {
    uint32_t count = 0;
    plugins_each(l->plugins, count_plugin, &count);
    return count;
}

static void a_refused_file_leaves_nothing(void **state) {
    struct loading *l = *state;
    static const struct refusal cases[] = {
        {"missing", BERTH_E_NOT_FOUND, {"cannot open the plugin"}},
        {"other_major", BERTH_E_UNSUPPORTED, {"built for ABI 2.0"}},
        {"requires_unknown", BERTH_E_UNSUPPORTED, {"[berth.teleport/1]"}},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char path[TEMP_MAX * 2];
        fixture_path(path, cases[i].fixture);
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(load_plugin(l, path, &error), cases[i].code);
        assert_says(&error, path, cases[i].said);
        assert_run_path_is_empty(l);
        assert_int_equal(loaded(l), 0);
    }
}

static void a_plugin_that_fails_is_named_with_its_reason(void **state) {
    struct loading *l = *state;
    static const struct refusal cases[] = {
        {"create_fails",
         BERTH_E_UNAVAILABLE,
         {"[fixture]", "failed in create: the moon is in the wrong phase"}},
        {"create_fails_mute",
         BERTH_E_INTERNAL,
         {"[fixture]", "failed in create: it gave no reason"}},
        {"start_fails",
         BERTH_E_INVALID,
         {"[fixture]", "failed in start: there is nothing to start"}},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char path[TEMP_MAX * 2];
        fixture_path(path, cases[i].fixture);
        struct berth_error error = BASE_ERROR_INIT;
        assert_int_equal(load_plugin(l, path, &error), cases[i].code);
        assert_says(&error, "fixture", cases[i].said);
        assert_run_path_is_empty(l);
        assert_int_equal(loaded(l), 0);
    }
}

static void refuses_code_that_everybody_can_write(void **state) {
    struct loading *l = *state;
    char good[TEMP_MAX * 2];
    char path[TEMP_MAX];
    size_t len = 0;
    fixture_path(good, "good");
    unsigned char *bytes = temp_read(good, &len);
    temp_write(temp_path(path, l->services.folder, "open.so"), bytes, len);
    free(bytes);
    assert_int_equal(chmod(path, 0777), 0);
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(load_plugin(l, path, &error), BERTH_E_DENIED);
    assert_says(&error, path, (const char *const[SAID_MAX]){"mode 0777", "0755 or stricter"});
    assert_run_path_is_empty(l);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(load_plugin(l, path, &error), BERTH_OK);
}

static void serves_one_plugin_of_a_name(void **state) {
    struct loading *l = *state;
    char path[TEMP_MAX * 2];
    fixture_path(path, "good");
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(load_plugin(l, path, &error), BERTH_OK);
    assert_int_equal(loaded(l), 1);
    fixture_path(path, "newer_minor");
    assert_int_equal(load_plugin(l, path, &error), BERTH_E_EXISTS);
    assert_non_null(strstr(error.message, "[fixture] is loaded already, from ["));
    assert_int_equal(loaded(l), 1);
    BASE_BUF_AUTO text;
    base_buf_init(&text, 65536);
    plugins_describe(l->plugins, &text);
    assert_int_equal(text.error, BERTH_OK);
    assert_true(base_str_contains(base_buf_view(&text), BERTH_STR("\"state\":\"SERVING\"")));
    assert_true(base_str_contains(base_buf_view(&text), BERTH_STR("\"id\":\"berth.routes/1\"")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_each_fixture_and_says_why),
        cmocka_unit_test(accepts_what_fits),
        cmocka_unit_test(survives_each_failed_allocation),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_shared_object, damaged_setup,
                                        damaged_teardown),
        cmocka_unit_test_setup_teardown(refuses_headers_of_other_machines, damaged_setup,
                                        damaged_teardown),
        cmocka_unit_test_setup_teardown(refuses_a_file_cut_anywhere, damaged_setup,
                                        damaged_teardown),
        cmocka_unit_test_setup_teardown(reads_no_byte_outside_of_a_damaged_file, damaged_setup,
                                        damaged_teardown),
        cmocka_unit_test_setup_teardown(a_refused_file_leaves_nothing, loading_setup,
                                        loading_teardown),
        cmocka_unit_test_setup_teardown(a_plugin_that_fails_is_named_with_its_reason, loading_setup,
                                        loading_teardown),
        cmocka_unit_test_setup_teardown(refuses_code_that_everybody_can_write, loading_setup,
                                        loading_teardown),
        cmocka_unit_test_setup_teardown(serves_one_plugin_of_a_name, loading_setup,
                                        loading_teardown),
    };
    return cmocka_run_group_tests_name("abi.loader", tests, NULL, NULL);
}
