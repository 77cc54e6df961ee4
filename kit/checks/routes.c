/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/checks/scenario.h"

#include <stdlib.h>

#define LONG_TEXT 4000
#define BODY_BYTES 300000
#define RANDOM_BODIES 24

/* A host that serves; NULL, and the check is skipped, where it has no routes. */
static struct kit_host *serve(struct kit_run *run, const struct kit_config *config) {
    struct kit_host *host = kit_host_open(run, config);
    if (host && (kit_host_up(host) || !host->routes)) {
        kit_skip(run, "it registers no routes");
    }
    return host;
}

static void end(struct kit_host *host) {
    if (host) {
        kit_host_down(host);
        kit_host_close(host);
    }
}

/* choice: what is looked for after one plain request to each route. */
static void check_plain(struct kit_run *run) {
    struct kit_host *host = serve(run, &KIT_USUAL);
    if (host) {
        kit_serve_routes(host, &kit_plain);
    }
    end(host);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

/* choice: what is looked for where nothing is asked of it. */
static void check_registered(struct kit_run *run) {
    (void)kit_live_idle(run, &KIT_USUAL);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

/* Requests of many shapes: all must have one reply, whatever it is. */
static void serve_shapes(struct kit_host *host, const struct kit_shape *shapes, size_t count) {
    for (size_t i = 0; i < count && !kit_blamed(KIT_BLAME_NO_REPLY); i++) {
        kit_serve_routes(host, &shapes[i]);
    }
}

static void judge_replies(struct kit_run *run) {
    kit_judge(run, KIT_BLAME_NO_REPLY);
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
    kit_judge(run, KIT_BLAME_REPLY_JSON);
}

static char *filled(char c, size_t len) {
    char *text = kit_alloc(len + 1);
    memset(text, c, len);
    return text;
}

static void check_params(struct kit_run *run) {
    char *text = filled('x', LONG_TEXT);
    const struct kit_shape shapes[] = {
        {.param = BERTH_STR("_")},        {.param = base_str(text, LONG_TEXT)},
        {.param = BERTH_STR("a\"b\\c")},  {.param = BERTH_STR("..")},
        {.param = BERTH_STR("a\0b")},     {.param = BERTH_STR("\xff\xfe")},
        {.param = BERTH_STR("\n\t%s%n")}, {.param = BERTH_STR("caf\xc3\xa9")},
    };
    struct kit_host *host = serve(run, &KIT_USUAL);
    if (host) {
        serve_shapes(host, shapes, BASE_COUNT(shapes));
    }
    end(host);
    judge_replies(run);
}

static void check_query_values(struct kit_run *run) {
    char *text = filled('9', LONG_TEXT);
    const struct kit_shape shapes[] = {
        {.with_query = true, .query = BERTH_STR("")},
        {.with_query = true, .query = BERTH_STR("true")},
        {.with_query = true, .query = BERTH_STR("-1")},
        {.with_query = true, .query = base_str(text, LONG_TEXT)},
        {.with_query = true, .query = BERTH_STR("\xff\"\\")},
    };
    struct kit_host *host = serve(run, &KIT_USUAL);
    if (host) {
        serve_shapes(host, shapes, BASE_COUNT(shapes));
    }
    end(host);
    judge_replies(run);
}

static struct kit_shape body(const char *text, size_t len) {
    return (struct kit_shape){.with_body = true, .body = {text, len}};
}

static void check_bodies(struct kit_run *run) {
    char *deep = filled('[', BODY_BYTES);
    char *words = filled('a', BODY_BYTES);
    words[0] = '"';
    words[BODY_BYTES - 1] = '"';
    const struct kit_shape shapes[] = {
        body(NULL, 0),
        body("", 0),
        body("null", 4),
        body("[]", 2),
        body("{", 1),
        body("{\"a\":1,\"a\":2}", 13),
        body("\xff\xff", 2),
        body("1e999", 5),
        body(deep, BODY_BYTES),
        body(words, BODY_BYTES),
        body("{\"name\":7}", 10),
        body("no JSON at all", 14),
    };
    struct kit_host *host = serve(run, &KIT_USUAL);
    if (host) {
        serve_shapes(host, shapes, BASE_COUNT(shapes));
    }
    end(host);
    judge_replies(run);
}

/* Bytes chosen by the seed: mostly those of JSON. */
static void check_random_bodies(struct kit_run *run) {
    static const char letters[] = "{}[]\",:0123456789truefalsn\\u \n-.eE\xc3\xa9";
    uint64_t state = run->subject->seed * 2 + 1;
    struct kit_host *host = serve(run, &KIT_USUAL);
    for (uint32_t i = 1; i <= RANDOM_BODIES && host; i++) {
        char *text = filled(' ', LONG_TEXT);
        size_t len = (size_t)(i * i) % LONG_TEXT;
        for (size_t k = 0; k < len; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            text[k] = letters[(state >> 33) % (sizeof letters - 1)];
        }
        struct kit_shape *shape = kit_alloc(sizeof *shape);
        *shape = body(text, len);
        serve_shapes(host, shape, 1);
    }
    end(host);
    judge_replies(run);
}

/* ---- clients that leave ---- */

static void check_cancelled(struct kit_run *run) {
    static const struct kit_shape shape = {.cancelled = true};
    struct kit_host *host = serve(run, &KIT_USUAL);
    if (host) {
        serve_shapes(host, &shape, 1);
    }
    end(host);
    kit_judge(run, KIT_BLAME_NO_REPLY);
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
}

/* The client leaves when the handler has returned, or where it runs on a worker, meanwhile. */
static void check_leaving(struct kit_run *run) {
    struct kit_host *host = serve(run, &KIT_USUAL);
    uint32_t loop = 0;
    for (struct kit_route *r = host ? host->routes : NULL; r; r = r->next) {
        kit_phase(run, "a client that leaves [" BASE_FMT "]", BASE_ARG(r->route.path));
        kit_request_send_leaving(host, r, loop++ % host->loop_count);
        kit_requests_wait(host);
    }
    end(host);
    kit_judge(run, KIT_BLAME_NO_REPLY);
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
}

/* ---- replies that fail ---- */

static void check_failing_reply(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    uint32_t nth = 0;
    bool met = true;
    config.fail_fn = KIT_FN_berth_routes_v1_reply;
    config.fail_code = BERTH_E_NO_MEMORY;
    while (met && nth < 8) {
        config.fail_nth = ++nth;
        struct kit_host *host = serve(run, &config);
        if (host) {
            kit_serve_routes(host, &kit_plain);
            met = host->fault_met;
        }
        end(host);
    }
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
    kit_judge(run, KIT_BLAME_NO_REPLY);
}

static void check_views(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.views_end = true;
    struct kit_host *host = serve(run, &config);
    if (host) {
        kit_serve_routes(host, &kit_plain);
    }
    end(host);
}

/* ---- streams ---- */

/* choice: what is looked for where the client takes nothing before it must. */
static void check_stream(struct kit_run *run) {
    struct kit_config config = KIT_USUAL;
    config.slow_client = true;
    struct kit_host *host = serve(run, &config);
    if (host) {
        kit_serve_routes(host, &kit_plain);
        if (!kit_requests_streamed(host)) {
            kit_skip(run, "no plain request is answered by a stream");
        }
    }
    end(host);
    kit_judge(run, (enum kit_blame)run->check->choice);
}

/* ---- as it drains ---- */

/* Requests that are not replied to when drain is called. */
static void check_in_flight(struct kit_run *run) {
    struct kit_host *host = serve(run, &KIT_USUAL);
    uint32_t loop = 0;
    for (struct kit_route *r = host ? host->routes : NULL; r; r = r->next) {
        (void)kit_request_send(host, r, &kit_plain, loop++ % host->loop_count);
    }
    end(host);
    kit_judge(run, KIT_BLAME_NO_REPLY);
    kit_judge(run, KIT_BLAME_REPLY_TWICE);
}

#define ONE_REPLY KIT_REPLIES " routes.reply_once"
#define JSON_REPLY ONE_REPLY " routes.reply_json"

const struct kit_check kit_routes_checks[] = {
    {"routes.form", 4, "each route has a method, a path of segments, a known kind and a handler",
     "compare it with the comment of struct berth_route", "lifecycle.load", check_registered,
     KIT_BLAME_ROUTE_FORM},
    {"routes.size", 3, "each route says its size", ".size = sizeof route", "lifecycle.load",
     check_registered, KIT_BLAME_ROUTE_SIZE},
    {"routes.twice", 10, "no route is registered twice", "register it once", "lifecycle.load",
     check_registered, KIT_BLAME_ROUTE_TWICE},
    {"routes.reply", 9, "each request is replied to",
     "follow each path of the handler to a reply, those of errors too", KIT_LIVES, check_plain,
     KIT_BLAME_NO_REPLY},
    {"routes.reply_once", 9, "no request is replied to twice",
     "return after each reply, also after one that failed", KIT_REPLIES, check_plain,
     KIT_BLAME_REPLY_TWICE},
    {"routes.after_reply", 9, "a request is not used after its reply",
     "read what is needed first, and reply last", KIT_REPLIES, check_plain, KIT_BLAME_AFTER_REPLY},
    {"routes.views", 6, "what a request showed is not read after its reply",
     "copy what is needed longer, before the reply", KIT_REPLIES, check_views, 0},
    {"routes.reply_size", 3, "each reply says its size", ".size = sizeof reply", KIT_REPLIES,
     check_plain, KIT_BLAME_REPLY_SIZE},
    {"routes.reply_status", 8, "each reply has a status, and each error a code of the list",
     "set .status, or a BERTH_E_ code in the error", KIT_REPLIES, check_plain,
     KIT_BLAME_REPLY_STATUS},
    {"routes.reply_headers", 5, "headers of a reply hold nothing that cannot be sent",
     "leave out line ends and zeros; check what comes from a client", KIT_REPLIES, check_plain,
     KIT_BLAME_REPLY_HEADERS},
    {"routes.reply_json", 5, "a reply without a content type is JSON",
     "write JSON, escaped, or set .content_type", KIT_REPLIES, check_plain, KIT_BLAME_REPLY_JSON},
    {"routes.reply_parts", 6, "parts of a reply stay as they are until they are released",
     "change or free them in release", KIT_REPLIES, check_plain, KIT_BLAME_REPLY_PARTS},
    {"routes.query", 7, "it asks only for query parameters that the route has registered",
     "list the parameter in .query", KIT_REPLIES, check_plain, KIT_BLAME_QUERY},
    {"routes.params", 9, "odd values of placeholders have one reply, in JSON",
     "take them for what a client chose: any length, any bytes", JSON_REPLY, check_params, 0},
    {"routes.query_values", 9, "odd values of query parameters have one reply",
     "take them for what a client chose, also empty", JSON_REPLY, check_query_values, 0},
    {"routes.bodies", 9, "absent, broken, deep and large bodies have one reply",
     "check the body's length and form before anything of it is used", JSON_REPLY, check_bodies, 0},
    {"routes.random_bodies", 9, "bodies chosen at random (--seed) have one reply",
     "run it again with the seed under a debugger", JSON_REPLY, check_random_bodies, 0},
    {"routes.cancelled", 9, "a request that was cancelled before it came is replied to once",
     "reply also where the client has left: the host drops it", ONE_REPLY, check_cancelled, 0},
    {"routes.leaving", 9, "a request whose client leaves meanwhile is replied to once",
     "let the callback of on_cancel end the work, and reply in one place", ONE_REPLY, check_leaving,
     0},
    {"routes.failing_reply", 9, "a reply that fails is not followed by another",
     "do not reply again where reply returns an error: the request has ended", ONE_REPLY,
     check_failing_reply, 0},
    {"routes.stream_order", 9, "a stream is opened, written and closed, in this order",
     "keep the state of the stream; once it is open end it with stream_close", KIT_REPLIES,
     check_stream, KIT_BLAME_STREAM_ORDER},
    {"routes.stream_flow", 9, "a stream that the client does not take waits",
     "ask stream_on_writable once out_queued is above BERTH_STREAM_HIGH_WATER",
     KIT_REPLIES " routes.stream_order", check_stream, KIT_BLAME_STREAM_FLOW},
    {"routes.in_flight", 9, "requests that are in flight as it drains are replied to",
     "finish them in drain, or let them end; reply before loop_stop", ONE_REPLY, check_in_flight,
     0},
};
const uint32_t kit_routes_count = BASE_COUNT(kit_routes_checks);
