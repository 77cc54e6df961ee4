/* SPDX-License-Identifier: Apache-2.0 */
#include "host/rest/cat_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fault.h"

/* The router as a table sees it: the parameters of one request, and its reply. */
struct berth_request {
    const char *parameters[4][2];
    const char *format;
    struct base_buf reply;
    bool is_json;
    bool failed;
};

int32_t router_query(struct berth_request *request, struct berth_str name,
                     struct berth_str *out_value) {
    for (size_t i = 0; i < 4 && request->parameters[i][0]; i++) {
        if (base_str_is(name, request->parameters[i][0])) {
            *out_value = base_cstr(request->parameters[i][1]);
            return BERTH_OK;
        }
    }
    return BERTH_E_NOT_FOUND;
}

bool router_query_bool(struct berth_request *request, const char *name, bool *out_value) {
    struct berth_str value;
    if (router_query(request, base_cstr(name), &value) == BERTH_OK) {
        *out_value = base_str_is(value, "true");
    }
    return true;
}

struct berth_str router_format(const struct berth_request *request) {
    return base_cstr(request->format);
}

void router_reply_json(struct berth_request *request, uint32_t status,
                       const struct base_buf *body) {
    assert_int_equal(status, 200);
    request->is_json = true;
    request->failed = body->error != BERTH_OK;
    base_buf_str(&request->reply, base_buf_view(body));
}

void router_reply_text(struct berth_request *request, uint32_t status, struct berth_str text) {
    assert_int_equal(status, 200);
    base_buf_str(&request->reply, text);
}

static const struct cat_column columns[] = {
    {"name", "n", "its name", true},
    {"heap.percent", "hp,heapPercent", "used heap", true},
    {"heap.max", "hm", "largest heap", false},
};

static const struct berth_str rows[][3] = {
    {BERTH_STR_INIT("bb"), BERTH_STR_INIT("7"), BERTH_STR_INIT("x")},
    {BERTH_STR_INIT("a"), BERTH_STR_INIT("7"), BERTH_STR_INIT("y\"")},
    {BERTH_STR_INIT("ccc"), BERTH_STR_INIT("10"), BERTH_STR_INIT("")},
};

static const struct table_case {
    const char *parameters[4][2];
    const char *format;
    const char *reply;
} cases[] = {
    {{{NULL}}, "", "bb  7\na   7\nccc 10\n"},
    {{{"v", "true"}}, "", "name heap.percent\nbb   7\na    7\nccc  10\n"},
    {{{"h", "hm,name"}}, "", "x  bb\ny\" a\n   ccc\n"},
    {{{"h", "heap.*"}, {"v", "true"}},
     "",
     "heap.percent heap.max\n7            x\n7            y\"\n10           \n"},
    {{{"h", "heapPercent, n"}}, "", "7  bb\n7  a\n10 ccc\n"},
    {{{"h", "none"}}, "", ""},
    {{{"s", "name"}}, "", "a   7\nbb  7\nccc 10\n"},
    {{{"s", "n:desc"}}, "", "ccc 10\nbb  7\na   7\n"},
    {{{"s", "hp:asc,name:desc"}}, "", "bb  7\na   7\nccc 10\n"},
    {{{"s", "hp:desc"}}, "", "ccc 10\nbb  7\na   7\n"},
    {{{"s", "none"}, {"h", "n"}}, "", "bb\na\nccc\n"},
    {{{"h", "n,hm"}},
     "json",
     "[{\"name\":\"bb\",\"heap.max\":\"x\"},{\"name\":\"a\",\"heap.max\":\"y\\\"\"},"
     "{\"name\":\"ccc\",\"heap.max\":\"\"}]"},
    {{{"h", "n"}, {"s", "n"}}, "yaml", "[{\"name\":\"a\"},{\"name\":\"bb\"},{\"name\":\"ccc\"}]"},
    {{{"help", "true"}},
     "",
     "name               | n              | its name\n"
     "heap.percent       | hp,heapPercent | used heap\n"
     "heap.max           | hm             | largest heap\n"},
};

static void shows_tables(void **state) {
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct cat_table table;
        struct berth_request request = {.format = cases[i].format};
        memcpy(request.parameters, cases[i].parameters, sizeof request.parameters);
        base_buf_init(&request.reply, 4096);
        cat_table_init(&table, columns, BASE_COUNT(columns));
        for (size_t row = 0; row < BASE_COUNT(rows); row++) {
            cat_table_row(&table, rows[row]);
        }
        cat_table_reply(&table, &request);
        cat_table_deinit(&table);
        assert_int_equal(request.is_json, cases[i].format[0] != '\0');
        if (!base_str_is(base_buf_view(&request.reply), cases[i].reply)) {
            fail_msg("case %zu:\n%.*s", i, (int)request.reply.len, request.reply.ptr);
        }
        base_buf_deinit(&request.reply);
    }
}

static void shows_an_empty_table(void **state) {
    (void)state;
    static const char *const replies[][2] = {{"", "name heap.percent\n"}, {"json", "[]"}};
    for (size_t i = 0; i < BASE_COUNT(replies); i++) {
        struct cat_table table;
        struct berth_request request = {.parameters = {{"v", "true"}, {"s", "name"}},
                                        .format = replies[i][0]};
        base_buf_init(&request.reply, 4096);
        cat_table_init(&table, columns, BASE_COUNT(columns));
        cat_table_reply(&table, &request);
        cat_table_deinit(&table);
        assert_true(base_str_is(base_buf_view(&request.reply), replies[i][1]));
        base_buf_deinit(&request.reply);
    }
}

/* A table without all of its rows is an error, not a shorter table. */
static void is_whole_or_an_error(void **state) {
    (void)state;
    char space[4096];
    const struct base_buf reply = {.ptr = space, .cap = sizeof space, .max = sizeof space};
    FAULT_EACH_ALLOCATION({
        struct cat_table table;
        struct berth_request request = {.format = ""};
        request.reply = reply;
        cat_table_init(&table, columns, BASE_COUNT(columns));
        for (int row = 0; row < 100; row++) {
            cat_table_row(&table, rows[0]);
        }
        cat_table_reply(&table, &request);
        cat_table_deinit(&table);
        assert_true(request.failed || request.reply.len == 100 * strlen("bb 7\n"));
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_tables),
        cmocka_unit_test(shows_an_empty_table),
        cmocka_unit_test(is_whole_or_an_error),
    };
    return cmocka_run_group_tests_name("host.rest.cat_table", tests, NULL, NULL);
}
