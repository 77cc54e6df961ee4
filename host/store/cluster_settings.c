/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/cluster_settings.h"

/* Attempts against other writers of the same documents. */
#define ATTEMPTS_MAX 8

static const char owner[] = "host";
static const char mapping[] = "{\"properties\":{\"values\":{\"type\":\"secret\"}}}";

/* The scopes, with the id of the document of each. */
enum scope { PERSISTENT, TRANSIENT, SCOPES };

static const struct berth_str scope_ids[SCOPES] = {
    [PERSISTENT] = BERTH_STR_INIT("persistent"),
    [TRANSIENT] = BERTH_STR_INIT("transient"),
};
static const enum settings_layer_kind scope_layers[SCOPES] = {
    [PERSISTENT] = SETTINGS_PERSISTENT,
    [TRANSIENT] = SETTINGS_TRANSIENT,
};

static const struct berth_str index_name = BERTH_STR_INIT(CLUSTER_SETTINGS_INDEX);

/* The layer that a document holds: {"values": {flat}}. */
static int32_t read_document(struct berth_str source, struct settings_layer **out_layer,
                             struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct settings_layer *layer = settings_layer_create();
    struct settings_layer *resets = settings_layer_create();
    int32_t code = layer && resets ? BERTH_OK : base_error_memory(error);
    struct json_error fault;
    if (!code && source.len && !json_parse(&doc, source, 0, &fault)) {
        code = json_refuse(&fault, BERTH_E_CORRUPT, "the document of cluster settings", error);
    }
    if (!code) {
        code = settings_layer_read(layer, resets, json_get(json_root(&doc), "values"), error);
    }
    settings_layer_destroy(resets);
    if (code) {
        settings_layer_destroy(layer);
        return code;
    }
    *out_layer = layer;
    return BERTH_OK;
}

static void write_document(const struct settings_layer *layer, struct base_buf *out) {
    json_open_object(out);
    json_key(out, "values");
    settings_layer_write(layer, true, out);
    json_close_object(out);
}

static void tell_applied(const struct cluster_settings *follower, uint64_t seq_no) {
    if (follower->applied) {
        follower->applied(follower->user, seq_no);
    }
}

/* Changes arrive in order; each brings the whole scope. */
static void on_change(void *user, const struct berth_change *changes, uint32_t count) {
    struct cluster_settings *follower = user;
    struct settings *settings = follower->settings;
    struct settings_layer *layers[SCOPES] = {0};
    for (uint32_t i = 0; i < count; i++) {
        for (int scope = 0; scope < SCOPES; scope++) {
            if (!base_str_eq(changes[i].id, scope_ids[scope])) {
                continue;
            }
            struct settings_layer *layer = NULL;
            struct berth_str source =
                changes[i].document ? changes[i].document->source : base_str("", 0);
            if (read_document(source, &layer, NULL) == BERTH_OK) {
                settings_layer_destroy(layers[scope]);
                layers[scope] = layer;
            }
        }
    }
    for (int scope = 0; scope < SCOPES; scope++) {
        if (!layers[scope]) {
            layers[scope] = settings_layer_in_force(settings, scope_layers[scope]);
        }
    }
    if (layers[PERSISTENT] && layers[TRANSIENT]) {
        settings_apply(settings, layers[PERSISTENT], layers[TRANSIENT]);
        tell_applied(follower, changes[count - 1].seq_no);
        return;
    }
    settings_layer_destroy(layers[PERSISTENT]);
    settings_layer_destroy(layers[TRANSIENT]);
}

/* A scope as it is stored; a document that is not there is an empty one. */
struct stored {
    struct settings_layer *layer;
    bool exists;
    uint64_t seq_no;
};

static int32_t load(struct store *store, enum scope scope, struct stored *out,
                    struct berth_error *error) {
    const struct berth_document *document = NULL;
    int32_t code = store_get(store, index_name, scope_ids[scope], &document, error);
    if (code && code != BERTH_E_NOT_FOUND) {
        return code;
    }
    *out = (struct stored){.exists = document != NULL, .seq_no = document ? document->seq_no : 0};
    code = read_document(document ? document->source : base_str("", 0), &out->layer, error);
    store_document_release(document);
    return code;
}

static int32_t forget_transient(struct store *store, struct berth_error *error) {
    struct store_stats stats;
    store_stats(store, &stats);
    struct berth_write forget = {.size = sizeof forget,
                                 .op = BERTH_WRITE_DELETE,
                                 .index = index_name,
                                 .id = scope_ids[TRANSIENT]};
    return stats.is_replica ? BERTH_OK : store_write(store, &forget, 1, NULL, error);
}

/* Puts what is stored in force. */
static int32_t apply_stored(struct store *store, const struct cluster_settings *follower,
                            uint64_t *out_seq_no, struct berth_error *error) {
    struct stored scopes[SCOPES] = {0};
    int32_t code = BERTH_OK;
    for (int scope = 0; scope < SCOPES && !code; scope++) {
        code = load(store, (enum scope)scope, &scopes[scope], error);
    }
    if (code) {
        settings_layer_destroy(scopes[PERSISTENT].layer);
        settings_layer_destroy(scopes[TRANSIENT].layer);
        return code;
    }
    settings_apply(follower->settings, scopes[PERSISTENT].layer, scopes[TRANSIENT].layer);
    *out_seq_no = scopes[PERSISTENT].seq_no > scopes[TRANSIENT].seq_no ? scopes[PERSISTENT].seq_no
                                                                       : scopes[TRANSIENT].seq_no;
    return BERTH_OK;
}

int32_t cluster_settings_open(struct store *store, struct cluster_settings *follower,
                              struct berth_error *error) {
    struct berth_index index = {
        .size = sizeof index, .name = index_name, .mapping = base_str(mapping, sizeof mapping - 1)};
    uint64_t before = 0;
    uint64_t seq_no = UINT64_MAX;
    int32_t code = store_declare_index(store, &index, error);
    code = code ? code : forget_transient(store, error);
    code = code ? code : store_watch(store, owner, index_name, on_change, follower, error);
    /* Until nothing has come between reading and applying that is newer. */
    while (!code && before != seq_no) {
        before = seq_no;
        code = apply_stored(store, follower, &seq_no, error);
    }
    if (!code) {
        tell_applied(follower, seq_no);
    }
    return code;
}

/* Takes keys out of a layer; a key that is neither set nor declared is a mistake. */
static int32_t reset_keys(struct settings *settings, struct settings_layer *layer,
                          const struct settings_layer *resets, struct berth_error *error) {
    for (size_t i = 0; i < settings_layer_count(resets); i++) {
        struct berth_str pattern = settings_layer_at(resets, i)->key;
        bool wildcard = base_str_find(pattern, '*') < pattern.len;
        if (!wildcard && !settings_layer_get(layer, pattern) &&
            !settings_is_declared(settings, pattern)) {
            return base_error(error, BERTH_E_INVALID, "there is no setting [" BASE_FMT "]",
                              BASE_ARG(pattern));
        }
        for (size_t k = settings_layer_count(layer); k-- > 0;) {
            struct berth_str key = settings_layer_at(layer, k)->key;
            if (base_str_glob(pattern, key)) {
                settings_layer_remove(layer, key);
            }
        }
    }
    return BERTH_OK;
}

static int32_t change_layer(struct settings *settings, struct settings_layer *layer,
                            const struct settings_change *change, struct berth_error *error) {
    int32_t code = reset_keys(settings, layer, change->resets, error);
    for (size_t i = 0; i < settings_layer_count(change->values) && !code; i++) {
        const struct setting_value *value = settings_layer_at(change->values, i);
        if (!settings_layer_set(layer, value->key, value->is_list, value->texts, value->count)) {
            code = base_error_memory(error);
        }
    }
    return code;
}

static int32_t save(struct store *store, const struct stored *scopes, uint64_t *out_seq_no,
                    struct berth_error *error) {
    struct base_buf sources[SCOPES];
    struct berth_write writes[SCOPES];
    struct berth_write_result results[SCOPES] = {{.size = sizeof results[0]},
                                                 {.size = sizeof results[0]}};
    int32_t code = BERTH_OK;
    for (int scope = 0; scope < SCOPES; scope++) {
        base_buf_init(&sources[scope], BASE_BUF_MAX_DEFAULT);
        write_document(scopes[scope].layer, &sources[scope]);
        code = sources[scope].error ? base_error_memory(error) : code;
        writes[scope] =
            (struct berth_write){.size = sizeof writes[scope],
                                 .op = scopes[scope].exists ? BERTH_WRITE_PUT : BERTH_WRITE_CREATE,
                                 .flags = scopes[scope].exists ? BERTH_WRITE_IF_SEQ_NO : 0,
                                 .index = index_name,
                                 .id = scope_ids[scope],
                                 .source = base_buf_view(&sources[scope]),
                                 .if_seq_no = scopes[scope].seq_no};
    }
    code = code ? code : store_write(store, writes, SCOPES, results, error);
    *out_seq_no = results[SCOPES - 1].seq_no;
    for (int scope = 0; scope < SCOPES; scope++) {
        base_buf_deinit(&sources[scope]);
    }
    return code;
}

static int32_t attempt(struct store *store, struct settings *settings,
                       const struct settings_change *const *changes, uint64_t *out_seq_no,
                       struct berth_error *error) {
    struct stored scopes[SCOPES] = {0};
    int32_t code = BERTH_OK;
    for (int scope = 0; scope < SCOPES && !code; scope++) {
        code = load(store, (enum scope)scope, &scopes[scope], error);
        code = code ? code : change_layer(settings, scopes[scope].layer, changes[scope], error);
    }
    if (!code) {
        code =
            settings_validate(settings, scopes[PERSISTENT].layer, scopes[TRANSIENT].layer, error);
    }
    code = code ? code : save(store, scopes, out_seq_no, error);
    for (int scope = 0; scope < SCOPES; scope++) {
        settings_layer_destroy(scopes[scope].layer);
    }
    return code;
}

int32_t cluster_settings_change(struct store *store, struct settings *settings,
                                const struct settings_change *persistent,
                                const struct settings_change *transient, uint64_t *out_seq_no,
                                struct berth_error *error) {
    const struct settings_change *changes[SCOPES] = {persistent, transient};
    int32_t code = BERTH_E_CONFLICT;
    for (int i = 0; i < ATTEMPTS_MAX && (code == BERTH_E_CONFLICT || code == BERTH_E_EXISTS); i++) {
        code = attempt(store, settings, changes, out_seq_no, error);
    }
    return code;
}
