/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/credentials.h"

#include "plugin/ml_remote/call.h"

#include <stdlib.h>

struct berth_str ml_credential_context(struct base_arena *arena, const struct ml_place *place,
                                       struct berth_str name) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    struct berth_str index = ml_index(place->kind);
    base_buf_str(&text, index);
    base_buf_char(&text, '/');
    base_buf_str(&text, place->id);
    base_buf_format(&text, "/%scredential/", place->prefix);
    base_buf_str(&text, name);
    return ml_keep(arena, &text);
}

static const struct berth_secret mask = {.size = sizeof mask, .text = BERTH_STR_INIT(ML_MASK)};

static int32_t open_one(struct ml_credentials *credentials, struct berth_str sealed,
                        const struct ml_place *place, struct base_arena *arena,
                        struct berth_error *error) {
    struct ml_plugin *plugin = credentials->plugin;
    struct ml_credential *c = &credentials->list[credentials->count];
    if (!plugin) {
        c->secret = &mask;
        return BERTH_OK;
    }
    struct berth_str context = ml_credential_context(arena, place, c->name);
    return context.ptr ? plugin->secrets->open(plugin->host, context, sealed, &c->secret, error)
                       : base_error_memory(error);
}

static int32_t open_all(struct ml_credentials *credentials, struct json_value object,
                        const struct ml_place *place, struct base_arena *arena,
                        struct berth_error *error) {
    for (struct json_value k = json_first(object); json_present(k);) {
        struct json_value v = json_next(object, k);
        struct berth_str sealed;
        if (credentials->count == ML_CREDENTIALS_MAX) {
            return ml_invalid(error, "a connector has at most %u credentials", ML_CREDENTIALS_MAX);
        }
        if (!json_string(k, arena, &credentials->list[credentials->count].name) ||
            !json_string(v, arena, &sealed)) {
            return base_error_memory(error);
        }
        int32_t code = open_one(credentials, sealed, place, arena, error);
        if (code) {
            return code;
        }
        credentials->count++;
        k = json_next(object, v);
    }
    return BERTH_OK;
}

static int32_t create(struct ml_plugin *plugin, struct json_value connector,
                      const struct ml_place *place, struct base_arena *arena,
                      struct ml_credentials **out_credentials, struct berth_error *error) {
    struct ml_credentials *credentials = calloc(1, sizeof *credentials);
    if (!credentials) {
        return base_error_memory(error);
    }
    credentials->plugin = plugin;
    int32_t code = open_all(credentials, json_get(connector, "credential"), place, arena, error);
    if (code) {
        ml_credentials_close(credentials);
        return code;
    }
    *out_credentials = credentials;
    return BERTH_OK;
}

int32_t ml_credentials_open(struct ml_plugin *plugin, struct json_value connector,
                            const struct ml_place *place, struct base_arena *arena,
                            struct ml_credentials **out_credentials, struct berth_error *error) {
    return create(plugin, connector, place, arena, out_credentials, error);
}

int32_t ml_credentials_mask(struct json_value connector, struct base_arena *arena,
                            struct ml_credentials **out_credentials, struct berth_error *error) {
    return create(NULL, connector, NULL, arena, out_credentials, error);
}

void ml_credentials_close(struct ml_credentials *credentials) {
    for (uint32_t i = 0; credentials && credentials->plugin && i < credentials->count; i++) {
        credentials->plugin->secrets->release(credentials->list[i].secret);
    }
    free(credentials);
}

struct berth_str ml_credentials_find(const struct ml_credentials *credentials,
                                     struct berth_str name) {
    for (uint32_t i = 0; i < credentials->count; i++) {
        if (base_str_eq(credentials->list[i].name, name)) {
            return credentials->list[i].secret->text;
        }
    }
    return base_str(NULL, 0);
}
