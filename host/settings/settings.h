/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declared settings and their values, in four layers: transient before persistent before the
 * node's file before the default.
 *
 * The registry knows nothing of where the layers come from: the store feeds it the persistent and
 * transient ones, the configuration the file's. Values are kept as texts, as OpenSearch shows
 * them, and lists of texts; they are read by type.
 */
#ifndef HOST_SETTINGS_SETTINGS_H
#define HOST_SETTINGS_SETTINGS_H

#include <berth/settings.h>

#include "base/error.h"
#include "base/json_write.h"

struct settings;

/* A value: one text, or a list. Read as a list, one text is what stands between its commas. */
struct setting_value {
    struct berth_str key;
    bool is_list;
    uint32_t count;
    uint32_t item_count;
    uint32_t line; /* of the node's file; 0 elsewhere */
    struct berth_str *texts;
    struct berth_str *items;
};

/* Values by key, sorted; owns its memory. Immutable once it is handed on. */
struct settings_layer;

enum settings_layer_kind {
    SETTINGS_FILE,
    SETTINGS_PERSISTENT,
    SETTINGS_TRANSIENT,
    SETTINGS_LAYERS
};

struct settings_layer *settings_layer_create(void);
void settings_layer_destroy(struct settings_layer *layer);
struct settings_layer *settings_layer_copy(const struct settings_layer *layer);
/* Sets or replaces a value; false without memory. */
bool settings_layer_set(struct settings_layer *layer, struct berth_str key, bool is_list,
                        const struct berth_str *texts, uint32_t count);
/* Notes the line of the node's file that a value comes from. */
void settings_layer_set_line(struct settings_layer *layer, struct berth_str key, uint32_t line);
void settings_layer_remove(struct settings_layer *layer, struct berth_str key);
const struct setting_value *settings_layer_get(const struct settings_layer *layer,
                                               struct berth_str key);
size_t settings_layer_count(const struct settings_layer *layer);
const struct setting_value *settings_layer_at(const struct settings_layer *layer, size_t index);

/*
 * Reads a JSON object of settings, nested or flat, into a layer: numbers and booleans become
 * texts, arrays lists, key.0, key.1 … a list. A null is kept as a value without texts in
 * *out_resets.
 */
int32_t settings_layer_read(struct settings_layer *values, struct settings_layer *resets,
                            struct json_value object, struct berth_error *error);

/* Appends the layer as a JSON object; nested unless flat. prefix limits it; may be empty. */
void settings_layer_write(const struct settings_layer *layer, bool flat, struct base_buf *out);

/* ---- the registry ---- */

int32_t settings_create(struct settings **out_settings, struct berth_error *error);
void settings_destroy(struct settings *settings);

/* Takes over the values of the node's file. Before any declaration. */
void settings_set_file(struct settings *settings, struct settings_layer *file);

/*
 * owner: a name for messages and listings, kept as long as the settings are. What stands before its
 * '#' is whose generation it is: generations of one may declare the same setting, with the same
 * type, and the newest declaration holds.
 */
int32_t settings_declare(struct settings *settings, const char *owner,
                         const struct berth_setting *list, uint32_t count,
                         struct berth_error *error);
/* Forgets what the owner declared and observes. */
void settings_forget(struct settings *settings, const char *owner);

/* Several observers: validate in order, stops at the first refusal; changed in order. */
int32_t settings_observe(struct settings *settings, const char *owner,
                         berth_settings_validate_fn validate, berth_settings_changed_fn changed,
                         void *user, struct berth_error *error);

/* Calls the owner's changed callback with the values in force. */
void settings_notify(struct settings *settings, const char *owner);

/* A value in the file that nobody declared; NULL when there is none. */
const struct setting_value *settings_undeclared(struct settings *settings);

/*
 * Whether these layers would be accepted: only declared dynamic keys that differ from what is in
 * force, values of the right type within bounds, no observer against it.
 */
int32_t settings_validate(struct settings *settings, const struct settings_layer *persistent,
                          const struct settings_layer *transient, struct berth_error *error);

/* Puts the layers in force and tells the observers. Takes both over. One call at a time. */
void settings_apply(struct settings *settings, struct settings_layer *persistent,
                    struct settings_layer *transient);

/* A copy of a layer in force; NULL without memory. */
struct settings_layer *settings_layer_in_force(struct settings *settings,
                                               enum settings_layer_kind kind);

/* Every declared setting that neither layer sets, with the value of file or default. */
struct settings_layer *settings_defaults(struct settings *settings);

/* Whether a key is declared; a pattern with '*' when any that matches is. */
bool settings_is_declared(struct settings *settings, struct berth_str key);

/* Appends {"key": {"type", "default", "dynamic", …}} of an owner's settings. */
void settings_describe(struct settings *settings, const char *owner, struct base_buf *out);

/* ---- reading; a view is valid within a callback or between acquire and release ---- */

const struct berth_settings_view *settings_acquire(struct settings *settings);
void settings_release(struct settings *settings, const struct berth_settings_view *view);

int32_t settings_get_int(const struct berth_settings_view *view, struct berth_str key,
                         int64_t *out_value);
int32_t settings_get_float(const struct berth_settings_view *view, struct berth_str key,
                           double *out_value);
int32_t settings_get_text(const struct berth_settings_view *view, struct berth_str key,
                          struct berth_str *out_value);
int32_t settings_get_list(const struct berth_settings_view *view, struct berth_str key,
                          const struct berth_str **out_values, uint32_t *out_count);

/* Reads a time as settings are written, 30s, as milliseconds. */
bool settings_read_time(struct berth_str text, uint64_t *out_ms);

#endif
