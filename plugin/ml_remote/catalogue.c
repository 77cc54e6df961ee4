/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/catalogue.h"

#include "base/clock.h"
#include "plugin/ml_remote/workers.h"

#include <stdlib.h>

struct ml_catalogue {
    pthread_mutex_t lock;
    struct base_map models; /* struct ml_deployed by id; under lock */
    char node_id[64];
};

static void note_node(void *user, const struct berth_node *nodes, uint32_t count) {
    struct ml_catalogue *catalogue = user;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].is_local && nodes[i].id.len < sizeof catalogue->node_id) {
            memcpy(catalogue->node_id, nodes[i].id.ptr, BASE_LEN(nodes[i].id));
        }
    }
}

int32_t ml_catalogue_create(struct ml_plugin *plugin, struct ml_catalogue **out_catalogue,
                            struct berth_error *error) {
    struct ml_catalogue *catalogue = calloc(1, sizeof *catalogue);
    if (!catalogue) {
        return base_error_memory(error);
    }
    (void)pthread_mutex_init(&catalogue->lock, NULL);
    (void)plugin->nodes->read(plugin->host, note_node, catalogue);
    *out_catalogue = catalogue;
    return BERTH_OK;
}

void ml_catalogue_destroy(struct ml_catalogue *catalogue) {
    if (!catalogue) {
        return;
    }
    size_t cursor = 0;
    struct ml_deployed *deployed;
    while ((deployed = base_map_next(&catalogue->models, &cursor))) {
        ml_deployed_unref(deployed);
    }
    base_map_deinit(&catalogue->models);
    (void)pthread_mutex_destroy(&catalogue->lock);
    free(catalogue);
}

bool ml_catalogue_is_deployed(struct json_value model) {
    struct json_value state = json_get(model, "model_state");
    return json_string_is(state, BERTH_STR("DEPLOYED")) ||
           json_string_is(state, BERTH_STR("PARTIALLY_DEPLOYED"));
}

bool ml_catalogue_belongs(struct json_value model, struct berth_str node_id) {
    struct json_value workers = json_get(model, "planning_worker_nodes");
    if (!ml_catalogue_is_deployed(model)) {
        return false;
    }
    for (struct json_value v = json_first(workers); json_present(v); v = json_next(workers, v)) {
        if (json_string_is(v, node_id)) {
            return true;
        }
    }
    return false;
}

/* ---- a loop's table ---- */

static void free_loop_model(struct ml_loop_model *model) {
    if (model) {
        ml_deployed_unref(model->deployed);
        base_buf_deinit(&model->url);
        free(model);
    }
}

/* Puts a model into the loop's table in place of an older one. Takes over the reference. */
static bool put_in_loop(struct ml_loop *loop, struct ml_deployed *deployed) {
    struct ml_loop_model *model = calloc(1, sizeof *model);
    struct ml_loop_model *old = base_map_get(&loop->models, deployed->id);
    if (!model) {
        ml_deployed_unref(deployed);
        return false;
    }
    model->deployed = deployed;
    model->last_used_ns = old ? old->last_used_ns : base_monotonic_ns();
    base_buf_init(&model->url, BASE_BUF_MAX_DEFAULT);
    if (!base_map_set(&loop->models, deployed->id, model)) {
        free_loop_model(model);
        return false;
    }
    free_loop_model(old);
    return true;
}

/* One change on its way to the loops. */
struct change {
    struct berth_str id;
    struct ml_deployed *deployed; /* NULL: it is not deployed any more */
};

static void change_loop(void *user, uint32_t index, void *context) {
    const struct change *change = user;
    struct ml_loop *loop = context;
    (void)index;
    if (!change->deployed || !put_in_loop(loop, ml_deployed_ref(change->deployed))) {
        /* Without memory the old one must not be served either: the next prediction deploys. */
        free_loop_model(base_map_remove(&loop->models, change->id));
    }
}

/* ---- the plugin's table ---- */

/* Takes over the reference. */
static void set(struct ml_plugin *plugin, struct berth_str id, struct ml_deployed *deployed) {
    struct ml_catalogue *catalogue = plugin->catalogue;
    (void)pthread_mutex_lock(&catalogue->lock);
    struct ml_deployed *old = base_map_remove(&catalogue->models, id);
    if (deployed && !base_map_set(&catalogue->models, deployed->id, ml_deployed_ref(deployed))) {
        ml_deployed_unref(deployed);
        ml_deployed_unref(deployed);
        deployed = NULL;
    }
    (void)pthread_mutex_unlock(&catalogue->lock);
    if (old || deployed) {
        struct change change = {.id = id, .deployed = deployed};
        (void)plugin->loop->run_on_all(plugin->host, change_loop, &change);
    }
    ml_deployed_unref(old);
    ml_deployed_unref(deployed);
}

struct ml_deployed *ml_catalogue_get(struct ml_plugin *plugin, struct berth_str id) {
    struct ml_catalogue *catalogue = plugin->catalogue;
    (void)pthread_mutex_lock(&catalogue->lock);
    struct ml_deployed *found = base_map_get(&catalogue->models, id);
    found = found ? ml_deployed_ref(found) : NULL;
    (void)pthread_mutex_unlock(&catalogue->lock);
    return found;
}

/* Brings the catalogue to what a model's document says; absent: it was deleted. */
static void follow(struct ml_plugin *plugin, struct berth_str id, struct json_value model) {
    struct ml_deployed *deployed = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    struct ml_deployed *before = ml_catalogue_get(plugin, id);
    if (ml_catalogue_belongs(model, base_cstr(plugin->catalogue->node_id)) &&
        ml_deployed_create(plugin, id, model, before, &deployed, &error)) {
        ML_LOG(plugin, BERTH_LOG_ERROR, "model_not_deployed", ML_FIELD("model_id", id),
               ML_FIELD("reason", base_cstr(error.message)));
    }
    ml_deployed_unref(before);
    set(plugin, id, deployed);
}

static void forget_on_loop(void *user, uint32_t index, void *context) {
    struct ml_loop *loop = context;
    (void)index;
    ml_usages_forget(&loop->usages, *(const struct berth_str *)user);
}

/* What was counted of a model goes with it, so that what is kept does not grow without end. */
static void forget_usage(struct ml_plugin *plugin, struct berth_str id) {
    (void)plugin->loop->run_on_all(plugin->host, forget_on_loop, &id);
    (void)pthread_mutex_lock(&plugin->usages_lock);
    ml_usages_forget(&plugin->usages, id);
    (void)pthread_mutex_unlock(&plugin->usages_lock);
}

static void on_models(void *user, const struct berth_change *changes, uint32_t count) {
    struct ml_plugin *plugin = user;
    JSON_DOC_AUTO doc = {0};
    for (uint32_t i = 0; i < count; i++) {
        bool ok = changes[i].document && json_parse(&doc, changes[i].document->source, 0, NULL);
        ml_workers_follow(plugin->workers, changes[i].id, ok ? json_root(&doc) : JSON_NONE);
        follow(plugin, changes[i].id, ok ? json_root(&doc) : JSON_NONE);
        if (!changes[i].document) {
            forget_usage(plugin, changes[i].id);
        }
    }
}

/* What a deployed model was made of has changed. One that cannot be read is served no more. */
static void refollow(struct ml_plugin *plugin, struct berth_str id) {
    ML_DOCUMENT_AUTO model = {0};
    struct berth_error error = BASE_ERROR_INIT;
    int32_t code = ml_document_get(plugin, ML_MODEL, id, &model, &error);
    if (code && code != BERTH_E_NOT_FOUND) {
        ML_LOG(plugin, BERTH_LOG_ERROR, "model_not_deployed", ML_FIELD("model_id", id),
               ML_FIELD("reason", base_cstr(error.message)));
    }
    follow(plugin, id, model.root);
}

/* A controller is part of its model, which is made anew. */
static void on_controllers(void *user, const struct berth_change *changes, uint32_t count) {
    struct ml_plugin *plugin = user;
    for (uint32_t i = 0; i < count; i++) {
        if (ml_catalogue_has(plugin, changes[i].id)) {
            refollow(plugin, changes[i].id);
        }
    }
}

struct members_call {
    struct berth_str group_id;
    const struct ml_access *access; /* of the group from now on; NULL: it is gone */
    struct base_arena arena;
    struct berth_str *ids;
    size_t count;
    size_t cap;
};

/* Under the catalogue's lock. */
static void note_member(struct members_call *call, const struct ml_deployed *deployed) {
    bool is_as_before =
        call->access && deployed->has_group && ml_access_is(call->access, &deployed->access);
    if (base_str_eq(deployed->group_id, call->group_id) && !is_as_before &&
        call->count < call->cap) {
        struct berth_str id = base_arena_dup(&call->arena, deployed->id);
        call->ids[call->count] = id;
        call->count += id.ptr != NULL;
    }
}

static void find_members(struct ml_catalogue *catalogue, struct members_call *call) {
    size_t cursor = 0;
    struct ml_deployed *deployed;
    (void)pthread_mutex_lock(&catalogue->lock);
    call->cap = catalogue->models.count;
    call->ids = base_arena_array(&call->arena, call->cap + 1, sizeof *call->ids);
    while (call->ids && (deployed = base_map_next(&catalogue->models, &cursor))) {
        note_member(call, deployed);
    }
    (void)pthread_mutex_unlock(&catalogue->lock);
}

/* Who may use a model is its group's to say: where that changes, those in it are made anew. */
static void on_groups(void *user, const struct berth_change *changes, uint32_t count) {
    struct ml_plugin *plugin = user;
    JSON_DOC_AUTO doc = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct members_call call = {.group_id = changes[i].id};
        struct ml_access access;
        base_arena_init(&call.arena, 1024);
        /* What cannot be read for lack of memory counts as changed. */
        if (changes[i].document && json_parse(&doc, changes[i].document->source, 0, NULL) &&
            ml_access_load(json_root(&doc), &call.arena, &access)) {
            call.access = &access;
        }
        find_members(plugin->catalogue, &call);
        for (size_t k = 0; k < call.count; k++) {
            refollow(plugin, call.ids[k]);
        }
        base_arena_deinit(&call.arena);
    }
}

struct load_call {
    struct ml_plugin *plugin;
    struct json_doc doc;
};

static int32_t load_one(void *user, const struct berth_document *document) {
    struct load_call *call = user;
    if (!json_parse(&call->doc, document->source, 0, NULL)) {
        return 0;
    }
    struct json_value model = json_root(&call->doc);
    ml_workers_follow(call->plugin->workers, document->id, model);
    if (ml_catalogue_belongs(model, base_cstr(call->plugin->catalogue->node_id))) {
        follow(call->plugin, document->id, model);
    }
    return 0;
}

int32_t ml_catalogue_start(struct ml_plugin *plugin, struct berth_error *error) {
    int32_t code = plugin->store->watch(plugin->host, ml_index(ML_MODEL), on_models, plugin, error);
    code = code ? code
                : plugin->store->watch(plugin->host, ml_index(ML_CONTROLLER), on_controllers,
                                       plugin, error);
    code = code ? code
                : plugin->store->watch(plugin->host, ml_index(ML_GROUP), on_groups, plugin, error);
    struct load_call call = {.plugin = plugin};
    code =
        code ? code : plugin->store->scan(plugin->host, ml_index(ML_MODEL), load_one, &call, error);
    json_doc_deinit(&call.doc);
    return code;
}

int32_t ml_catalogue_start_loop(struct ml_loop *loop) {
    struct ml_catalogue *catalogue = loop->plugin->catalogue;
    size_t cursor = 0;
    struct ml_deployed *deployed;
    int32_t code = BERTH_OK;
    (void)pthread_mutex_lock(&catalogue->lock);
    while (!code && (deployed = base_map_next(&catalogue->models, &cursor))) {
        code = put_in_loop(loop, ml_deployed_ref(deployed)) ? BERTH_OK : BERTH_E_NO_MEMORY;
    }
    (void)pthread_mutex_unlock(&catalogue->lock);
    return code;
}

void ml_catalogue_stop_loop(struct ml_loop *loop) {
    size_t cursor = 0;
    struct ml_loop_model *model;
    while ((model = base_map_next(&loop->models, &cursor))) {
        free_loop_model(model);
    }
    base_map_deinit(&loop->models);
}

struct ml_loop_model *ml_catalogue_find(struct ml_loop *loop, struct berth_str id) {
    return base_map_get(&loop->models, id);
}

bool ml_catalogue_has(struct ml_plugin *plugin, struct berth_str id) {
    struct ml_catalogue *catalogue = plugin->catalogue;
    (void)pthread_mutex_lock(&catalogue->lock);
    bool has = base_map_get(&catalogue->models, id) != NULL;
    (void)pthread_mutex_unlock(&catalogue->lock);
    return has;
}

void ml_catalogue_each(struct ml_plugin *plugin, void (*fn)(void *user, struct berth_str id),
                       void *user) {
    struct ml_catalogue *catalogue = plugin->catalogue;
    size_t cursor = 0;
    struct ml_deployed *deployed;
    (void)pthread_mutex_lock(&catalogue->lock);
    while ((deployed = base_map_next(&catalogue->models, &cursor))) {
        fn(user, deployed->id);
    }
    (void)pthread_mutex_unlock(&catalogue->lock);
}

struct ids_call {
    struct base_arena *arena;
    struct berth_str *ids;
    size_t count;
    size_t cap;
};

static void note_id(void *user, struct berth_str id) {
    struct ids_call *call = user;
    if (call->count < call->cap) {
        struct berth_str copy = base_arena_dup(call->arena, id);
        call->ids[call->count] = copy;
        call->count += copy.ptr != NULL;
    }
}

size_t ml_catalogue_ids(struct ml_plugin *plugin, struct base_arena *arena,
                        struct berth_str **out_ids) {
    struct ml_catalogue *catalogue = plugin->catalogue;
    struct ids_call call = {.arena = arena};
    (void)pthread_mutex_lock(&catalogue->lock);
    call.cap = catalogue->models.count;
    (void)pthread_mutex_unlock(&catalogue->lock);
    /* One that comes meanwhile is left for the next time. */
    call.ids = base_arena_array(arena, call.cap + 1, sizeof *call.ids);
    if (call.ids) {
        ml_catalogue_each(plugin, note_id, &call);
    }
    *out_ids = call.ids;
    return call.count;
}

struct use_call {
    struct berth_str id;
    uint64_t last_ns;
    pthread_mutex_t lock; /* loops answer at the same time */
};

static void note_use(void *user, uint32_t index, void *context) {
    struct use_call *call = user;
    const struct ml_loop_model *model = ml_catalogue_find(context, call->id);
    (void)index;
    if (model) {
        (void)pthread_mutex_lock(&call->lock);
        call->last_ns = model->last_used_ns > call->last_ns ? model->last_used_ns : call->last_ns;
        (void)pthread_mutex_unlock(&call->lock);
    }
}

uint64_t ml_catalogue_last_used(struct ml_plugin *plugin, struct berth_str id) {
    struct use_call call = {.id = id, .lock = PTHREAD_MUTEX_INITIALIZER};
    (void)plugin->loop->run_on_all(plugin->host, note_use, &call);
    (void)pthread_mutex_destroy(&call.lock);
    return call.last_ns;
}
