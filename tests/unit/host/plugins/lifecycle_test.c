/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lifecycle: the table of berth/lifecycle.h, written out once more as a matrix, and that
 * generations move as it says. @threads
 */
#include "host/plugins/capabilities.h"
#include "tests/support/services.h"

/* ---- the table ---- */

enum call { CREATE, START, LOOP_START, SERVE, DRAIN, LOOP_STOP, STOP, DESTROY, UNLOAD, CALLS };

static const char *const call_names[CALLS] = {
    "create", "start", "loop_start", "serve", "drain", "loop_stop", "stop", "destroy", "unload",
};

#define STATES 9 /* they are numbered from 1 */

/* The state after each call in each state; 0: refused. */
static const uint32_t after[STATES][CALLS] = {
    [BERTH_STATE_LOADED] = {[CREATE] = BERTH_STATE_CREATED, [UNLOAD] = BERTH_STATE_UNLOADED},
    [BERTH_STATE_CREATED] = {[START] = BERTH_STATE_STARTED, [DESTROY] = BERTH_STATE_DESTROYED},
    [BERTH_STATE_STARTED] = {[LOOP_START] = BERTH_STATE_STARTED,
                             [SERVE] = BERTH_STATE_SERVING,
                             [LOOP_STOP] = BERTH_STATE_STARTED,
                             [STOP] = BERTH_STATE_STOPPED},
    [BERTH_STATE_SERVING] = {[DRAIN] = BERTH_STATE_DRAINING},
    [BERTH_STATE_DRAINING] = {[LOOP_STOP] = BERTH_STATE_DRAINING, [STOP] = BERTH_STATE_STOPPED},
    [BERTH_STATE_STOPPED] = {[DESTROY] = BERTH_STATE_DESTROYED},
    [BERTH_STATE_DESTROYED] = {[UNLOAD] = BERTH_STATE_UNLOADED},
};

static void the_table_is_the_matrix(void **state) {
    (void)state;
    static const struct {
        uint32_t from;
        const char *call;
        uint32_t to;
    } rows[] = {
#define ROW(from, call, to) {BERTH_STATE_##from, #call, BERTH_STATE_##to},
        BERTH_LIFECYCLE_TABLE(ROW)
#undef ROW
    };
    for (uint32_t from = 1; from < STATES; from++) {
        for (uint32_t call = 0; call < CALLS; call++) {
            uint32_t found = 0;
            uint32_t count = 0;
            for (size_t i = 0; i < BASE_COUNT(rows); i++) {
                if (rows[i].from == from && strcmp(rows[i].call, call_names[call]) == 0) {
                    found = rows[i].to;
                    count++;
                }
            }
            assert_int_equal(found, after[from][call]);
            assert_true(count <= 1);
        }
    }
}

static void each_state_has_its_name(void **state) {
    (void)state;
#define NAME(name, number, meaning)                                                                \
    assert_string_equal(generation_state_name(number), #name);                                     \
    assert_true(sizeof(meaning) > 1);
    BERTH_STATE_LIST(NAME)
#undef NAME
    assert_string_equal(generation_state_name(0), "UNKNOWN");
    assert_string_equal(generation_state_name(STATES), "UNKNOWN");
}

/* ---- a plugin that writes down what is called ---- */

struct record {
    pthread_mutex_t lock;
    char calls[256];
    uint32_t failing;                       /* bit of the call that fails */
    const struct berth_host *leaves_timers; /* loop_start makes one and forgets it */
};

static void note(struct record *r, const char *what) {
    (void)pthread_mutex_lock(&r->lock);
    size_t len = strlen(r->calls);
    (void)snprintf(r->calls + len, sizeof r->calls - len, "%s%s", len ? " " : "", what);
    (void)pthread_mutex_unlock(&r->lock);
}

static int32_t answer(struct record *r, enum call call) {
    note(r, call_names[call]);
    return r->failing & 1u << call ? BERTH_E_LIMIT : BERTH_OK;
}

/* The descriptor's calls have no argument of the test's own before create has given one. */
static struct record *current;

static int32_t plugin_create(const struct berth_host *host, void **out_plugin,
                             struct berth_error *error) {
    (void)host;
    (void)error;
    *out_plugin = current;
    return answer(current, CREATE);
}

static int32_t plugin_start(void *plugin, struct berth_error *error) {
    (void)error;
    return answer(plugin, START);
}

static void ignore_timer(void *user) {
    (void)user;
}

static int32_t plugin_loop_start(void *plugin, uint32_t loop, void **out_context,
                                 struct berth_error *error) {
    (void)error;
    struct record *r = plugin;
    struct berth_timer *timer = NULL;
    if (r->leaves_timers) {
        assert_int_equal(cap_loop.timer_create(r->leaves_timers, ignore_timer, NULL, &timer),
                         BERTH_OK);
        cap_loop.timer_start(timer, 3600000);
    }
    *out_context = plugin;
    return loop == 0 ? answer(plugin, LOOP_START) : BERTH_OK;
}

static void plugin_loop_stop(void *plugin, uint32_t loop, void *context) {
    assert_ptr_equal(plugin, context);
    if (loop == 0) {
        note(plugin, call_names[LOOP_STOP]);
    }
}

static void plugin_serve(void *plugin) {
    note(plugin, call_names[SERVE]);
}

static void plugin_drain(void *plugin) {
    note(plugin, call_names[DRAIN]);
}

static void plugin_stop(void *plugin) {
    note(plugin, call_names[STOP]);
}

static void plugin_destroy(void *plugin) {
    note(plugin, call_names[DESTROY]);
}

static const struct berth_lifecycle lifecycle = {.size = sizeof lifecycle,
                                                 .create = plugin_create,
                                                 .start = plugin_start,
                                                 .loop_start = plugin_loop_start,
                                                 .serve = plugin_serve,
                                                 .drain = plugin_drain,
                                                 .loop_stop = plugin_loop_stop,
                                                 .stop = plugin_stop,
                                                 .destroy = plugin_destroy};

struct fixture {
    struct services services;
    struct record record;
    struct generation generation; /* as generation_load leaves it, without a file */
};

static void make_generation(struct fixture *f, uint32_t state) {
    struct generation *g = &f->generation;
    *g = (struct generation){.services = &f->services.parts,
                             .lifecycle = &lifecycle,
                             .instance = &f->record,
                             .owner = "plugin#1",
                             .manifest = {.name = BERTH_STR_INIT("plugin")}};
    g->state = state;
    g->route_owner.name = g->owner;
    route_set_init(&g->routes, &g->route_owner);
    g->face = (struct berth_host){.size = sizeof g->face,
                                  .abi_major = BERTH_ABI_MAJOR,
                                  .abi_minor = BERTH_ABI_MINOR,
                                  .context = (struct berth_host_context *)(void *)g,
                                  .get_capability = capabilities_get};
    f->record.calls[0] = '\0';
    f->record.failing = 0;
    f->record.leaves_timers = NULL;
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    services_open(&f->services);
    (void)pthread_mutex_init(&f->record.lock, NULL);
    current = &f->record;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    services_close(&f->services);
    (void)pthread_mutex_destroy(&f->record.lock);
    free(f);
    return 0;
}

/* ---- generations ---- */

static void goes_up_and_down(void **state) {
    struct fixture *f = *state;
    struct generation *g = &f->generation;
    struct berth_error error = BASE_ERROR_INIT;
    make_generation(f, BERTH_STATE_LOADED);
    assert_int_equal(generation_start(g, &error), BERTH_OK);
    assert_int_equal(g->state, BERTH_STATE_STARTED);
    assert_int_equal(generation_start_loops(g, &error), BERTH_OK);
    assert_int_equal(g->state, BERTH_STATE_STARTED);
    generation_serve(g);
    assert_int_equal(g->state, BERTH_STATE_SERVING);
    assert_true(g->started_ms > 0);
    assert_int_equal(generation_drain(g, 0), 0);
    generation_stop(g);
    assert_int_equal(g->state, BERTH_STATE_DESTROYED);
    assert_string_equal(f->record.calls,
                        "create start loop_start serve drain loop_stop stop destroy");
    route_set_deinit(&g->routes);
}

static void start_and_serve_are_refused_elsewhere(void **state) {
    struct fixture *f = *state;
    struct generation *g = &f->generation;
    for (uint32_t from = 1; from < STATES; from++) {
        struct berth_error error = BASE_ERROR_INIT;
        make_generation(f, from);
        if (!after[from][CREATE]) {
            assert_int_equal(generation_start(g, &error), BERTH_E_STATE);
            assert_non_null(strstr(error.message, generation_state_name(from)));
            assert_int_equal(g->state, from);
            assert_string_equal(f->record.calls, "");
        }
        if (!after[from][SERVE]) {
            generation_serve(g);
            assert_int_equal(g->state, from);
            assert_string_equal(f->record.calls, "");
        }
        route_set_deinit(&g->routes);
    }
}

/* Stopping goes the way that the table has from each state, and twice is once. */
static void stops_from_each_state(void **state) {
    struct fixture *f = *state;
    struct generation *g = &f->generation;
    static const struct {
        uint32_t from;
        const char *calls;
        uint32_t to;
    } cases[] = {
        {BERTH_STATE_LOADED, "", BERTH_STATE_LOADED},
        {BERTH_STATE_CREATED, "destroy", BERTH_STATE_DESTROYED},
        {BERTH_STATE_STARTED, "stop destroy", BERTH_STATE_DESTROYED},
        {BERTH_STATE_SERVING, "drain stop destroy", BERTH_STATE_DESTROYED},
        {BERTH_STATE_DRAINING, "stop destroy", BERTH_STATE_DESTROYED},
        {BERTH_STATE_STOPPED, "destroy", BERTH_STATE_DESTROYED},
        {BERTH_STATE_DESTROYED, "", BERTH_STATE_DESTROYED},
        {BERTH_STATE_UNLOADED, "", BERTH_STATE_UNLOADED},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        make_generation(f, cases[i].from);
        for (int times = 0; times < 2; times++) {
            assert_int_equal(generation_drain(g, 0), 0);
            generation_stop(g);
            assert_string_equal(f->record.calls, cases[i].calls);
            assert_int_equal(g->state, cases[i].to);
        }
        route_set_deinit(&g->routes);
    }
}

static void a_failing_call_sends_it_down(void **state) {
    struct fixture *f = *state;
    struct generation *g = &f->generation;
    static const struct {
        enum call failing;
        const char *calls;
    } cases[] = {
        {CREATE, "create"},
        {START, "create start destroy"},
        {LOOP_START, "create start loop_start stop destroy"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        make_generation(f, BERTH_STATE_LOADED);
        f->record.failing = 1u << cases[i].failing;
        int32_t code = generation_start(g, &error);
        code = code ? code : generation_start_loops(g, &error);
        assert_int_equal(code, BERTH_E_LIMIT);
        assert_non_null(strstr(error.message, call_names[cases[i].failing]));
        assert_non_null(strstr(error.message, "[plugin]"));
        assert_string_equal(f->record.calls, cases[i].calls);
        assert_int_equal(g->state, BERTH_STATE_DESTROYED);
        route_set_deinit(&g->routes);
    }
}

/* services_close fails when a handle is left on a loop. */
static void timers_that_it_forgot_are_swept(void **state) {
    struct fixture *f = *state;
    struct generation *g = &f->generation;
    static const uint32_t failing[] = {0, 1u << LOOP_START};
    for (size_t i = 0; i < BASE_COUNT(failing); i++) {
        struct berth_error error = BASE_ERROR_INIT;
        make_generation(f, BERTH_STATE_STARTED);
        f->record.failing = failing[i];
        f->record.leaves_timers = &g->face;
        int32_t code = generation_start_loops(g, &error);
        assert_int_equal(code, failing[i] ? BERTH_E_LIMIT : BERTH_OK);
        assert_int_equal(generation_drain(g, 0), 0);
        generation_stop(g);
        for (uint32_t loop = 0; loop < SERVICES_LOOPS; loop++) {
            assert_null(g->timers[loop]);
            assert_null(g->route_owner.loop_contexts[loop]);
        }
        route_set_deinit(&g->routes);
    }
}

static void requests_in_flight_hold_it_in_draining(void **state) {
    struct fixture *f = *state;
    struct generation *g = &f->generation;
    make_generation(f, BERTH_STATE_SERVING);
    g->route_owner.in_flight[1] = 3;
    assert_int_equal(generation_drain(g, 0), 3);
    assert_int_equal(g->state, BERTH_STATE_DRAINING);
    assert_string_equal(f->record.calls, "drain");
    g->route_owner.in_flight[1] = 0;
    assert_int_equal(generation_drain(g, 0), 0);
    generation_stop(g);
    assert_string_equal(f->record.calls, "drain stop destroy");
    route_set_deinit(&g->routes);
}

/* ---- capabilities ---- */

static void ignore_nodes(void *user, const struct berth_node *nodes, uint32_t count) {
    (void)user;
    (void)nodes;
    assert_int_equal(count, 1);
}

static void ignore_changes(void *user, const struct berth_change *changes, uint32_t count) {
    (void)user;
    (void)changes;
    (void)count;
}

static void handle(void *user, struct berth_request *request,
                   const struct berth_request_view *view) {
    (void)user;
    (void)request;
    (void)view;
}

static void post_nothing(void *user, uint32_t loop, void *context) {
    (void)user;
    (void)loop;
    (void)context;
}

static void work_nothing(void *user) {
    (void)user;
}

static int32_t call_routes_add(const struct berth_host *host, struct berth_error *error) {
    struct berth_route route = {.size = sizeof route,
                                .kind = BERTH_ROUTE_LOOP,
                                .method = BERTH_STR_INIT("GET"),
                                .path = BERTH_STR_INIT("/_test"),
                                .handle = handle};
    return cap_routes.add(host, &route, error);
}

static int32_t call_settings_declare(const struct berth_host *host, struct berth_error *error) {
    static const struct berth_str value = BERTH_STR_INIT("1");
    struct berth_setting setting = {.size = sizeof setting,
                                    .type = BERTH_SETTING_INT,
                                    .default_count = 1,
                                    .key = BERTH_STR_INIT("plugins.test.count"),
                                    .default_values = &value,
                                    .max = 9};
    return cap_settings.declare(host, &setting, 1, error);
}

static int32_t call_settings_observe(const struct berth_host *host, struct berth_error *error) {
    (void)error;
    return cap_settings.observe(host, NULL, NULL, NULL);
}

static int32_t call_nodes_watch(const struct berth_host *host, struct berth_error *error) {
    (void)error;
    return cap_nodes.watch(host, ignore_nodes, NULL);
}

static int32_t call_nodes_read(const struct berth_host *host, struct berth_error *error) {
    (void)error;
    return cap_nodes.read(host, ignore_nodes, NULL);
}

static int32_t call_store_declare(const struct berth_host *host, struct berth_error *error) {
    struct berth_index index = {.size = sizeof index, .name = BERTH_STR_INIT("things")};
    return cap_store.declare_index(host, &index, error);
}

static int32_t call_store_watch(const struct berth_host *host, struct berth_error *error) {
    return cap_store.watch(host, BERTH_STR("things"), ignore_changes, NULL, error);
}

static int32_t call_store_get(const struct berth_host *host, struct berth_error *error) {
    const struct berth_document *document = NULL;
    return cap_store.get(host, BERTH_STR("things"), BERTH_STR("1"), &document, error);
}

static int32_t call_store_write(const struct berth_host *host, struct berth_error *error) {
    return cap_store.write(host, NULL, 0, NULL, error);
}

static int32_t call_store_search(const struct berth_host *host, struct berth_error *error) {
    struct berth_search search = {.size = sizeof search, .index = BERTH_STR_INIT("nothing")};
    const struct berth_text *text = NULL;
    return cap_store.search(host, &search, &text, error);
}

static int32_t call_loop_post(const struct berth_host *host, struct berth_error *error) {
    (void)error;
    return cap_loop.post(host, 1, post_nothing, NULL);
}

static int32_t call_loop_run_on_all(const struct berth_host *host, struct berth_error *error) {
    (void)error;
    return cap_loop.run_on_all(host, post_nothing, NULL);
}

static int32_t call_worker_submit(const struct berth_host *host, struct berth_error *error) {
    (void)error;
    return cap_worker.submit(host, work_nothing, NULL);
}

static int32_t call_secrets_seal(const struct berth_host *host, struct berth_error *error) {
    const struct berth_secret *sealed = NULL;
    int32_t code = cap_secrets.seal(host, BERTH_STR("here"), BERTH_STR("x"), &sealed, error);
    cap_secrets.release(sealed);
    return code;
}

static int32_t call_metrics_collect(const struct berth_host *host, struct berth_error *error) {
    return cap_metrics.collect(host, NULL, NULL, error);
}

static int32_t save_nothing(void *user, uint32_t part, struct berth_state_sink *sink,
                            struct berth_error *error) {
    (void)user, (void)part, (void)sink, (void)error;
    return BERTH_OK;
}

static int32_t restore_nothing(void *user, const struct berth_handover *handover,
                               struct berth_error *error) {
    (void)user, (void)handover, (void)error;
    return BERTH_OK;
}

static int32_t call_state_declare(const struct berth_host *host, struct berth_error *error) {
    const struct berth_state_hooks hooks = {.size = sizeof hooks,
                                            .schema = 1,
                                            .oldest_schema = 1,
                                            .save = save_nothing,
                                            .restore = restore_nothing};
    return cap_state.declare(host, &hooks, error);
}

static int32_t call_get_capability(const struct berth_host *host, struct berth_error *error) {
    const void *table = NULL;
    return host->get_capability(host, BERTH_STR("berth.nothing/1"), &table, error);
}

#define IN_CREATE (IN_STATE(LOADED) | IN_ALIVE)

static const struct {
    const char *name;
    uint32_t states;
    int32_t (*call)(const struct berth_host *host, struct berth_error *error);
} calls[] = {
    {"get_capability", IN_CREATE, call_get_capability},
    {"routes.add", IN_STATE(CREATED), call_routes_add},
    {"state.declare", IN_STATE(CREATED), call_state_declare},
    {"settings.declare", IN_STATE(CREATED), call_settings_declare},
    {"settings.observe", IN_STATE(CREATED), call_settings_observe},
    {"nodes.watch", IN_STATE(CREATED), call_nodes_watch},
    {"nodes.read", IN_CREATE, call_nodes_read},
    {"store.declare_index", IN_STATE(CREATED), call_store_declare},
    {"store.watch", IN_STATE(CREATED), call_store_watch},
    {"store.get", IN_CREATE, call_store_get},
    {"store.write", IN_CREATE, call_store_write},
    {"store.search", IN_CREATE, call_store_search},
    {"loop.post", IN_RUNNING, call_loop_post},
    {"loop.run_on_all", IN_ALIVE, call_loop_run_on_all},
    {"worker.submit", IN_RUNNING, call_worker_submit},
    {"secrets", IN_CREATE, call_secrets_seal},
    {"metrics.collect", IN_STATE(CREATED), call_metrics_collect},
};

static void each_capability_is_refused_out_of_its_states(void **state) {
    struct fixture *f = *state;
    struct generation *g = &f->generation;
    make_generation(f, BERTH_STATE_LOADED);
    uint64_t refused = 0;
    for (uint32_t in = 1; in < STATES; in++) {
        for (size_t i = 0; i < BASE_COUNT(calls); i++) {
            struct berth_error error = BASE_ERROR_INIT;
            g->state = in;
            bool allowed = calls[i].states & 1u << in;
            int32_t code = calls[i].call(&g->face, &error);
            if ((code != BERTH_E_STATE) != allowed) {
                fail_msg("%s in %s gives %d", calls[i].name, generation_state_name(in), code);
            }
            refused += !allowed;
            assert_int_equal(g->refused_calls, refused);
            if (error.code == BERTH_E_STATE) {
                assert_non_null(strstr(error.message, calls[i].name));
                assert_non_null(strstr(error.message, generation_state_name(in)));
            }
        }
    }
    g->state = BERTH_STATE_DRAINING;
    assert_int_equal(generation_drain(g, 0), 0);
    generation_stop(g);
    route_set_deinit(&g->routes);
}

struct on_loop {
    struct generation *generation;
    _Atomic uint32_t checked;
};

static void call_what_blocks(struct loop *loop, void *arg) {
    (void)loop;
    struct on_loop *o = arg;
    static const char *const blocking[] = {"store.get", "store.write", "store.search",
                                           "loop.run_on_all", "secrets"};
    for (size_t i = 0; i < BASE_COUNT(calls); i++) {
        for (size_t k = 0; k < BASE_COUNT(blocking); k++) {
            struct berth_error error = BASE_ERROR_INIT;
            if (strcmp(calls[i].name, blocking[k]) == 0 &&
                calls[i].call(&o->generation->face, &error) == BERTH_E_STATE) {
                o->checked++;
            }
        }
    }
}

static void what_blocks_is_refused_on_a_loop(void **state) {
    struct fixture *f = *state;
    make_generation(f, BERTH_STATE_SERVING);
    struct on_loop o = {.generation = &f->generation};
    loop_run_on_all(f->services.parts.loops, call_what_blocks, &o);
    assert_int_equal(o.checked, 5 * SERVICES_LOOPS);
    assert_int_equal(f->generation.refused_calls, 5 * SERVICES_LOOPS);
    route_set_deinit(&f->generation.routes);
}

static void only_what_the_descriptor_names_is_granted(void **state) {
    struct fixture *f = *state;
    struct generation *g = &f->generation;
    make_generation(f, BERTH_STATE_LOADED);
    struct manifest_offer offer = capabilities_offer();
    assert_int_equal(offer.count, 12);
    for (uint32_t i = 0; i < offer.count; i++) {
        const void *table = NULL;
        struct berth_error error = BASE_ERROR_INIT;
        g->manifest.capability_count = 0;
        assert_int_equal(g->face.get_capability(&g->face, offer.ids[i], &table, &error),
                         BERTH_E_DENIED);
        assert_null(table);
        g->manifest.capability_count = 1;
        g->manifest.capabilities[0] =
            (struct manifest_capability){.id = offer.ids[i], .grant = GRANT_YES};
        assert_int_equal(g->face.get_capability(&g->face, offer.ids[i], &table, &error), BERTH_OK);
        uint32_t size = 0;
        memcpy(&size, table, sizeof size);
        assert_true(size >= 16 && size % 8 == 0);
    }
    const void *table = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    assert_int_equal(g->face.get_capability(&g->face, BERTH_STR("berth.routes/2"), &table, &error),
                     BERTH_E_NOT_FOUND);
    route_set_deinit(&g->routes);
}

#define WITH_SERVICES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_the_matrix),
        cmocka_unit_test(each_state_has_its_name),
        WITH_SERVICES(goes_up_and_down),
        WITH_SERVICES(start_and_serve_are_refused_elsewhere),
        WITH_SERVICES(stops_from_each_state),
        WITH_SERVICES(a_failing_call_sends_it_down),
        WITH_SERVICES(timers_that_it_forgot_are_swept),
        WITH_SERVICES(requests_in_flight_hold_it_in_draining),
        WITH_SERVICES(each_capability_is_refused_out_of_its_states),
        WITH_SERVICES(what_blocks_is_refused_on_a_loop),
        WITH_SERVICES(only_what_the_descriptor_names_is_granted),
    };
    return cmocka_run_group_tests_name("host.plugins.lifecycle", tests, NULL, NULL);
}
