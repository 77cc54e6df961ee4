/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/workers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "plugin/ml_remote/catalogue.h"

/* What a node told of others' work is worth something for so long. */
#define TOLD_NS (1000u * (uint64_t)BASE_NS_PER_MS)

/* One other node. */
struct peer {
    uint64_t in_flight; /* predictions that this node has sent it */
    uint64_t others;    /* what it had to do besides, as it told last */
    uint64_t told_ns;   /* base_monotonic_ns; 0: never */
    char id[ML_NODE_ID_MAX];
};

/* Where one model is. */
struct places {
    struct berth_str model_id;
    uint32_t count;
    struct peer *peers[];
};

struct ml_workers {
    pthread_mutex_t lock;
    struct base_map models; /* struct places by the model's id; under lock, likewise the next */
    struct base_map peers;  /* struct peer by its id: never fewer */
    _Atomic uint32_t turn;
    char own_id[ML_NODE_ID_MAX];
};

static void note_own(void *user, const struct berth_node *nodes, uint32_t count) {
    struct ml_workers *workers = user;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].is_local) {
            (void)snprintf(workers->own_id, sizeof workers->own_id, BASE_FMT,
                           BASE_ARG(nodes[i].id));
        }
    }
}

int32_t ml_workers_create(struct ml_plugin *plugin, struct ml_workers **out_workers,
                          struct berth_error *error) {
    struct ml_workers *workers = calloc(1, sizeof *workers);
    if (!workers) {
        return base_error_memory(error);
    }
    (void)pthread_mutex_init(&workers->lock, NULL);
    base_map_init(&workers->models);
    base_map_init(&workers->peers);
    (void)plugin->nodes->read(plugin->host, note_own, workers);
    *out_workers = workers;
    return BERTH_OK;
}

static void free_all(struct base_map *map) {
    size_t cursor = 0;
    void *value;
    while ((value = base_map_next(map, &cursor))) {
        free(value);
    }
    base_map_deinit(map);
}

void ml_workers_destroy(struct ml_workers *workers) {
    if (workers) {
        free_all(&workers->models);
        free_all(&workers->peers);
        (void)pthread_mutex_destroy(&workers->lock);
        free(workers);
    }
}

/* Under the lock. NULL without memory. */
static struct peer *peer_of(struct ml_workers *workers, struct berth_str id) {
    struct peer *peer = base_map_get(&workers->peers, id);
    if (peer || id.len >= ML_NODE_ID_MAX) {
        return peer;
    }
    peer = calloc(1, sizeof *peer);
    if (peer) {
        memcpy(peer->id, id.ptr, BASE_LEN(id));
        if (!base_map_set(&workers->peers, base_cstr(peer->id), peer)) {
            free(peer);
            peer = NULL;
        }
    }
    return peer;
}

/* Under the lock. NULL where it is on no other node. */
static struct places *read_places(struct ml_workers *workers, struct berth_str model_id,
                                  struct json_value model) {
    struct json_value planned = json_get(model, "planning_worker_nodes");
    size_t most = ml_catalogue_is_deployed(model) ? json_count(planned) : 0;
    struct places *places =
        most ? malloc(sizeof *places + most * sizeof places->peers[0] + BASE_LEN(model_id)) : NULL;
    if (!places) {
        return NULL;
    }
    char *id = (char *)&places->peers[most];
    memcpy(id, model_id.ptr, BASE_LEN(model_id));
    *places = (struct places){.model_id = base_str(id, BASE_LEN(model_id))};
    for (struct json_value v = json_first(planned); json_present(v); v = json_next(planned, v)) {
        struct berth_str node_id = json_inner(v); /* ids have nothing to be escaped */
        struct peer *peer =
            base_str_is(node_id, workers->own_id) ? NULL : peer_of(workers, node_id);
        if (peer) {
            places->peers[places->count++] = peer;
        }
    }
    if (places->count == 0) {
        free(places);
        return NULL;
    }
    return places;
}

void ml_workers_follow(struct ml_workers *workers, struct berth_str model_id,
                       struct json_value model) {
    (void)pthread_mutex_lock(&workers->lock);
    struct places *places = read_places(workers, model_id, model);
    free(base_map_remove(&workers->models, model_id));
    if (places && !base_map_set(&workers->models, places->model_id, places)) {
        free(places);
    }
    (void)pthread_mutex_unlock(&workers->lock);
}

bool ml_workers_has(struct ml_workers *workers, struct berth_str model_id) {
    (void)pthread_mutex_lock(&workers->lock);
    bool has = base_map_get(&workers->models, model_id) != NULL;
    (void)pthread_mutex_unlock(&workers->lock);
    return has;
}

uint32_t ml_workers_turn(struct ml_workers *workers) {
    return atomic_fetch_add(&workers->turn, 1);
}

static uint64_t load_of(const struct peer *peer, uint64_t now) {
    bool is_fresh = peer->told_ns && now - peer->told_ns < TOLD_NS;
    return peer->in_flight + (is_fresh ? peer->others : 0);
}

/* Among those from number on, in the order of the turn, the one with the least to do goes first. */
static uint32_t least_loaded(const struct places *places, uint32_t turn, uint32_t number) {
    uint32_t best = (turn + number) % places->count;
    uint64_t now = base_monotonic_ns();
    for (uint32_t i = number; i < places->count && number == 0; i++) {
        uint32_t at = (turn + i) % places->count;
        best = load_of(places->peers[at], now) < load_of(places->peers[best], now) ? at : best;
    }
    return best;
}

bool ml_workers_choose(struct ml_workers *workers, struct berth_str model_id,
                       enum ml_dispatch dispatch, uint32_t turn, uint32_t number,
                       char out_node_id[ML_NODE_ID_MAX]) {
    (void)pthread_mutex_lock(&workers->lock);
    const struct places *places = base_map_get(&workers->models, model_id);
    bool found = places && number < places->count;
    if (found) {
        uint32_t at = dispatch == ML_LEAST_LOAD ? least_loaded(places, turn, number)
                                                : (turn + number) % places->count;
        memcpy(out_node_id, places->peers[at]->id, ML_NODE_ID_MAX);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return found;
}

void ml_workers_begin(struct ml_workers *workers, const char *node_id) {
    (void)pthread_mutex_lock(&workers->lock);
    struct peer *peer = base_map_get(&workers->peers, base_cstr(node_id));
    if (peer) {
        peer->in_flight++;
    }
    (void)pthread_mutex_unlock(&workers->lock);
}

void ml_workers_end(struct ml_workers *workers, const char *node_id, uint32_t load) {
    (void)pthread_mutex_lock(&workers->lock);
    struct peer *peer = base_map_get(&workers->peers, base_cstr(node_id));
    if (peer && load) {
        peer->others = load > peer->in_flight ? load - peer->in_flight : 0;
        peer->told_ns = base_monotonic_ns();
    }
    if (peer) {
        peer->in_flight--;
    }
    (void)pthread_mutex_unlock(&workers->lock);
}
