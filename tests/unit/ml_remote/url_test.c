/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
    const char *url;
    const char *authority;
    const char *host;
    const char *shown;
} cases[] = {
    {"http://a", "a", "a", "http://a"},
    {"http://a:8/b", "a:8", "a:8", "http://a:8/b"},
    {"http://[::1]:8/b", "[::1]:8", "[::1]:8", "http://[::1]:8/b"},
    {"http://a?key=secret", "a", "a", "http://a"},
    {"http://a/b?key=secret#c", "a", "a", "http://a/b"},
    {"http://a#secret?b", "a", "a", "http://a"},
    {"http://me:secret@a:8/b", "me:secret@a:8", "a:8", "a:8"},
    {"http://me@secret@a/b", "me@secret@a", "a", "a"},
    {"http://a/b@c", "a", "a", "http://a/b@c"},
    {"ftp://a?http://b@c", "a", "a", "ftp://a"},
    {"/b?secret", "", "", "/b"},
    {"//a:8/b", "a:8", "a:8", "//a:8/b"},
    {"/b?to=http://a", "", "", "/b"},
    {"http://", "", "", "http://"},
    {"http:///b", "", "", "http:///b"},
    {"", "", "", ""},
};

static void takes_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_str url = base_cstr(cases[i].url);
        if (!base_str_is(ml_url_authority(url), cases[i].authority) ||
            !base_str_is(ml_url_host(url), cases[i].host) ||
            !base_str_is(ml_url_shown(url), cases[i].shown)) {
            fail_msg("[%s]: [" BASE_FMT "] [" BASE_FMT "] [" BASE_FMT "]", cases[i].url,
                     BASE_ARG(ml_url_authority(url)), BASE_ARG(ml_url_host(url)),
                     BASE_ARG(ml_url_shown(url)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
