/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/trace_context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void knows_a_traceparent(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } cases[] = {
        {"00-" TRACE "-" SPAN "-01", true},
        {"00-" TRACE "-" SPAN "-00", true},
        {"cc-" TRACE "-" SPAN "-01", true},
        {"cc-" TRACE "-" SPAN "-01-what the future brings", false}, /* not with blanks */
        {"cc-" TRACE "-" SPAN "-01-what.the.future.brings", true},
        {"cc-" TRACE "-" SPAN "-01.what", false},
        {"00-" TRACE "-" SPAN "-01-more", false},
        {"ff-" TRACE "-" SPAN "-01", false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false},
        {"00-" TRACE "-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", false},
        {"00-" TRACE "_" SPAN "-01", false},
        {"00-" TRACE "-" SPAN "-0", false},
        {"00-" TRACE "-" SPAN "-0g", false},
        {"", false},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        if (ml_trace_parent_is(base_cstr(cases[i].text)) != cases[i].is) {
            fail_msg("[%s]", cases[i].text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_a_traceparent),
    };
    return cmocka_run_group_tests_name("ml_remote.trace_context", tests, NULL, NULL);
}
