/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: declarations, layers in force, observers, reading.
 */
#include "host/settings/settings.h"

#include "base/map.h"
#include "host/settings/value.h"

#include <pthread.h>
#include <stdlib.h>

#define ARENA_CHUNK 4096

struct observer {
    struct observer *next;
    const char *owner;
    berth_settings_validate_fn validate;
    berth_settings_changed_fn changed;
    void *user;
};

/* Readers of a view hold the lock for reading; layers change under it for writing. */
struct settings {
    pthread_rwlock_t lock;
    struct base_map declared;
    struct settings_layer *layers[SETTINGS_LAYERS];
    struct observer *observers;
};

/* What is read: layers by precedence, in force or proposed. */
struct berth_settings_view {
    struct settings *settings;
    const struct settings_layer *layers[SETTINGS_LAYERS];
};

int32_t settings_create(struct settings **out_settings, struct berth_error *error) {
    struct settings *settings = calloc(1, sizeof *settings);
    bool ok = settings != NULL;
    for (int i = 0; ok && i < SETTINGS_LAYERS; i++) {
        settings->layers[i] = settings_layer_create();
        ok = settings->layers[i] != NULL;
    }
    if (!ok || pthread_rwlock_init(&settings->lock, NULL) != 0) {
        for (int i = 0; settings && i < SETTINGS_LAYERS; i++) {
            settings_layer_destroy(settings->layers[i]);
        }
        free(settings);
        return base_error_memory(error);
    }
    *out_settings = settings;
    return BERTH_OK;
}

void settings_destroy(struct settings *settings) {
    if (!settings) {
        return;
    }
    size_t cursor = 0;
    struct setting_def *def;
    while ((def = base_map_next(&settings->declared, &cursor))) {
        while (def) {
            struct setting_def *older = def->older;
            setting_def_destroy(def);
            def = older;
        }
    }
    base_map_deinit(&settings->declared);
    while (settings->observers) {
        struct observer *next = settings->observers->next;
        free(settings->observers);
        settings->observers = next;
    }
    for (int i = 0; i < SETTINGS_LAYERS; i++) {
        settings_layer_destroy(settings->layers[i]);
    }
    (void)pthread_rwlock_destroy(&settings->lock);
    free(settings);
}

void settings_set_file(struct settings *settings, struct settings_layer *file) {
    settings_layer_destroy(settings->layers[SETTINGS_FILE]);
    settings->layers[SETTINGS_FILE] = file;
}

/* Generations of the same: "name#1", "name#2". */
static bool same_family(const char *a, const char *b) {
    size_t len = strcspn(a, "#");
    return a[len] == '#' && b[len] == '#' && strncmp(a, b, len) == 0;
}

static int32_t check_older(const struct setting_def *known, const char *owner,
                           const struct berth_setting *setting, struct berth_error *error) {
    if (!same_family(known->owner, owner) || strcmp(known->owner, owner) == 0) {
        return base_error(error, BERTH_E_EXISTS, "the setting [" BASE_FMT "] is declared by [%s]",
                          BASE_ARG(setting->key), known->owner);
    }
    return known->setting.type == setting->type
               ? BERTH_OK
               : base_error(error, BERTH_E_INVALID,
                            "the setting [" BASE_FMT "] has another type than [%s] declares",
                            BASE_ARG(setting->key), known->owner);
}

/* Puts a declaration before those of older generations. */
static bool put_def(struct settings *settings, struct setting_def *def) {
    struct setting_def *known = base_map_remove(&settings->declared, def->setting.key);
    def->older = known;
    if (base_map_set(&settings->declared, def->setting.key, def)) {
        return true;
    }
    def->older = NULL;
    if (known) {
        (void)base_map_set(&settings->declared, known->setting.key, known); /* there was room */
    }
    return false;
}

/* Takes an owner's declaration of a key away; the next older one holds again. */
static void drop_def(struct settings *settings, struct berth_str key, const char *owner) {
    struct setting_def *first = base_map_remove(&settings->declared, key);
    struct setting_def **link = &first;
    while (*link && strcmp((*link)->owner, owner) != 0) {
        link = &(*link)->older;
    }
    struct setting_def *dropped = *link;
    if (dropped) {
        *link = dropped->older;
    }
    if (first) {
        (void)base_map_set(&settings->declared, first->setting.key, first); /* there was room */
    }
    setting_def_destroy(dropped);
}

static int32_t check_given(const struct settings *settings, const struct setting_def *def,
                           struct berth_error *error) {
    struct berth_error reason = BASE_ERROR_INIT;
    for (int i = 0; i < SETTINGS_LAYERS; i++) {
        const struct setting_value *value =
            settings_layer_get(settings->layers[i], def->setting.key);
        bool counts = i == SETTINGS_FILE || def->older;
        if (value && counts && setting_check(def, value, &reason)) {
            return value->line ? base_error(error, BERTH_E_INVALID, "line %u: %.900s", value->line,
                                            reason.message)
                               : base_error(error, BERTH_E_INVALID, "%.900s", reason.message);
        }
    }
    return BERTH_OK;
}

static int32_t declare_one(struct settings *settings, const char *owner,
                           const struct berth_setting *setting, struct berth_error *error) {
    const struct setting_def *known = base_map_get(&settings->declared, setting->key);
    int32_t checked = known ? check_older(known, owner, setting, error) : BERTH_OK;
    if (checked) {
        return checked;
    }
    struct setting_def *def = NULL;
    int32_t code = setting_def_create(setting, owner, &def, error);
    if (code) {
        return code;
    }
    def->older = (struct setting_def *)(uintptr_t)known; /* for check_given */
    code = check_given(settings, def, error);
    if (!code && !put_def(settings, def)) {
        code = base_error_memory(error);
    }
    if (code) {
        setting_def_destroy(def);
    }
    return code;
}

int32_t settings_declare(struct settings *settings, const char *owner,
                         const struct berth_setting *list, uint32_t count,
                         struct berth_error *error) {
    int32_t code = BERTH_OK;
    (void)pthread_rwlock_wrlock(&settings->lock);
    uint32_t done = 0;
    for (; done < count && !code; done++) {
        code = declare_one(settings, owner, &list[done], error);
    }
    for (uint32_t i = 0; code && i + 1 < done; i++) {
        drop_def(settings, list[i].key, owner);
    }
    (void)pthread_rwlock_unlock(&settings->lock);
    return code;
}

static bool has_owner(const struct setting_def *def, const char *owner) {
    while (def && strcmp(def->owner, owner) != 0) {
        def = def->older;
    }
    return def != NULL;
}

void settings_forget(struct settings *settings, const char *owner) {
    (void)pthread_rwlock_wrlock(&settings->lock);
    struct setting_def *def;
    do {
        size_t cursor = 0;
        while ((def = base_map_next(&settings->declared, &cursor)) && !has_owner(def, owner)) {
        }
        if (def) {
            drop_def(settings, def->setting.key, owner);
        }
    } while (def);
    struct observer **link = &settings->observers;
    while (*link) {
        struct observer *observer = *link;
        if (strcmp(observer->owner, owner) == 0) {
            *link = observer->next;
            free(observer);
        } else {
            link = &observer->next;
        }
    }
    (void)pthread_rwlock_unlock(&settings->lock);
}

int32_t settings_observe(struct settings *settings, const char *owner,
                         berth_settings_validate_fn validate, berth_settings_changed_fn changed,
                         void *user, struct berth_error *error) {
    struct observer *observer = calloc(1, sizeof *observer);
    if (!observer) {
        return base_error_memory(error);
    }
    *observer =
        (struct observer){.owner = owner, .validate = validate, .changed = changed, .user = user};
    (void)pthread_rwlock_wrlock(&settings->lock);
    struct observer **last = &settings->observers;
    while (*last) {
        last = &(*last)->next;
    }
    *last = observer;
    (void)pthread_rwlock_unlock(&settings->lock);
    return BERTH_OK;
}

static void view_in_force(struct settings *settings, struct berth_settings_view *out_view) {
    out_view->settings = settings;
    for (int i = 0; i < SETTINGS_LAYERS; i++) {
        out_view->layers[i] = settings->layers[i];
    }
}

void settings_notify(struct settings *settings, const char *owner) {
    struct berth_settings_view view;
    (void)pthread_rwlock_rdlock(&settings->lock);
    view_in_force(settings, &view);
    for (struct observer *o = settings->observers; o; o = o->next) {
        if (o->changed && strcmp(o->owner, owner) == 0) {
            o->changed(o->user, &view);
        }
    }
    (void)pthread_rwlock_unlock(&settings->lock);
}

const struct setting_value *settings_undeclared(struct settings *settings) {
    const struct settings_layer *file = settings->layers[SETTINGS_FILE];
    for (size_t i = 0; i < settings_layer_count(file); i++) {
        const struct setting_value *value = settings_layer_at(file, i);
        if (!base_map_get(&settings->declared, value->key)) {
            return value;
        }
    }
    return NULL;
}

static bool same_value(const struct setting_value *a, const struct setting_value *b) {
    if (!a || !b || a->is_list != b->is_list || a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!base_str_eq(a->texts[i], b->texts[i])) {
            return false;
        }
    }
    return true;
}

static int32_t check_layer(struct settings *settings, const struct settings_layer *proposed,
                           const struct settings_layer *present, struct berth_error *error) {
    for (size_t i = 0; i < settings_layer_count(proposed); i++) {
        const struct setting_value *value = settings_layer_at(proposed, i);
        if (same_value(value, settings_layer_get(present, value->key))) {
            continue;
        }
        const struct setting_def *def = base_map_get(&settings->declared, value->key);
        if (!def) {
            return base_error(error, BERTH_E_INVALID, "there is no setting [" BASE_FMT "]",
                              BASE_ARG(value->key));
        }
        if (!(def->setting.flags & BERTH_SETTING_DYNAMIC)) {
            return base_error(error, BERTH_E_INVALID,
                              "the setting [" BASE_FMT
                              "] cannot be changed at run time: it is read from the node's "
                              "configuration file when the node starts",
                              BASE_ARG(value->key));
        }
        int32_t code = setting_check(def, value, error);
        if (code) {
            return code;
        }
    }
    return BERTH_OK;
}

int32_t settings_validate(struct settings *settings, const struct settings_layer *persistent,
                          const struct settings_layer *transient, struct berth_error *error) {
    struct berth_settings_view view = {.settings = settings};
    (void)pthread_rwlock_rdlock(&settings->lock);
    view.layers[SETTINGS_FILE] = settings->layers[SETTINGS_FILE];
    view.layers[SETTINGS_PERSISTENT] = persistent;
    view.layers[SETTINGS_TRANSIENT] = transient;
    int32_t code = check_layer(settings, persistent, settings->layers[SETTINGS_PERSISTENT], error);
    if (!code) {
        code = check_layer(settings, transient, settings->layers[SETTINGS_TRANSIENT], error);
    }
    for (struct observer *o = settings->observers; o && !code; o = o->next) {
        code = o->validate ? o->validate(o->user, &view, error) : BERTH_OK;
    }
    (void)pthread_rwlock_unlock(&settings->lock);
    return code;
}

void settings_apply(struct settings *settings, struct settings_layer *persistent,
                    struct settings_layer *transient) {
    (void)pthread_rwlock_wrlock(&settings->lock);
    struct settings_layer *old_persistent = settings->layers[SETTINGS_PERSISTENT];
    struct settings_layer *old_transient = settings->layers[SETTINGS_TRANSIENT];
    settings->layers[SETTINGS_PERSISTENT] = persistent;
    settings->layers[SETTINGS_TRANSIENT] = transient;
    (void)pthread_rwlock_unlock(&settings->lock);
    settings_layer_destroy(old_persistent);
    settings_layer_destroy(old_transient);
    struct berth_settings_view view;
    (void)pthread_rwlock_rdlock(&settings->lock);
    view_in_force(settings, &view);
    for (struct observer *o = settings->observers; o; o = o->next) {
        if (o->changed) {
            o->changed(o->user, &view);
        }
    }
    (void)pthread_rwlock_unlock(&settings->lock);
}

struct settings_layer *settings_layer_in_force(struct settings *settings,
                                               enum settings_layer_kind kind) {
    (void)pthread_rwlock_rdlock(&settings->lock);
    struct settings_layer *copy = settings_layer_copy(settings->layers[kind]);
    (void)pthread_rwlock_unlock(&settings->lock);
    return copy;
}

static bool add_default(struct settings *settings, const struct setting_def *def,
                        struct settings_layer *out) {
    struct berth_str key = def->setting.key;
    if (settings_layer_get(settings->layers[SETTINGS_PERSISTENT], key) ||
        settings_layer_get(settings->layers[SETTINGS_TRANSIENT], key) ||
        (def->setting.flags & BERTH_SETTING_SENSITIVE)) {
        return true;
    }
    const struct setting_value *value = settings_layer_get(settings->layers[SETTINGS_FILE], key);
    if (value) {
        return settings_layer_set(out, key, value->is_list, value->texts, value->count);
    }
    return settings_layer_set(out, key, def->setting.type == BERTH_SETTING_LIST,
                              def->setting.default_values, def->setting.default_count);
}

struct settings_layer *settings_defaults(struct settings *settings) {
    struct settings_layer *out = settings_layer_create();
    size_t cursor = 0;
    const struct setting_def *def;
    (void)pthread_rwlock_rdlock(&settings->lock);
    while (out && (def = base_map_next(&settings->declared, &cursor))) {
        if (!add_default(settings, def, out)) {
            settings_layer_destroy(out);
            out = NULL;
        }
    }
    (void)pthread_rwlock_unlock(&settings->lock);
    return out;
}

bool settings_is_declared(struct settings *settings, struct berth_str key) {
    size_t cursor = 0;
    const struct setting_def *def;
    bool found = false;
    (void)pthread_rwlock_rdlock(&settings->lock);
    while (!found && (def = base_map_next(&settings->declared, &cursor))) {
        found = base_str_glob(key, def->setting.key);
    }
    (void)pthread_rwlock_unlock(&settings->lock);
    return found;
}

void settings_describe(struct settings *settings, const char *owner, struct base_buf *out) {
    size_t cursor = 0;
    const struct setting_def *def;
    json_open_object(out);
    (void)pthread_rwlock_rdlock(&settings->lock);
    while ((def = base_map_next(&settings->declared, &cursor))) {
        if (strcmp(def->owner, owner) == 0) {
            json_key_str(out, def->setting.key);
            setting_def_write(def, out);
        }
    }
    (void)pthread_rwlock_unlock(&settings->lock);
    json_close_object(out);
}

const struct berth_settings_view *settings_acquire(struct settings *settings) {
    struct berth_settings_view *view = malloc(sizeof *view);
    if (view) {
        (void)pthread_rwlock_rdlock(&settings->lock);
        view_in_force(settings, view);
    }
    return view;
}

void settings_release(struct settings *settings, const struct berth_settings_view *view) {
    if (view) {
        (void)pthread_rwlock_unlock(&settings->lock);
        free((void *)(uintptr_t)view);
    }
}

/* The value in force or proposed; from the default where no layer has one. */
static int32_t find(const struct berth_settings_view *view, struct berth_str key,
                    const struct setting_def **out_def, struct setting_value *out_value) {
    const struct setting_def *def = base_map_get(&view->settings->declared, key);
    if (!def) {
        return BERTH_E_NOT_FOUND;
    }
    *out_def = def;
    for (int i = SETTINGS_LAYERS - 1; i >= 0; i--) {
        const struct setting_value *value = settings_layer_get(view->layers[i], key);
        if (value) {
            *out_value = *value;
            return BERTH_OK;
        }
    }
    struct berth_str *texts = (struct berth_str *)(uintptr_t)def->setting.default_values;
    *out_value = (struct setting_value){.key = key,
                                        .is_list = def->setting.type == BERTH_SETTING_LIST,
                                        .count = def->setting.default_count,
                                        .item_count = def->setting.default_count,
                                        .texts = texts,
                                        .items = texts};
    return BERTH_OK;
}

int32_t settings_get_int(const struct berth_settings_view *view, struct berth_str key,
                         int64_t *out_value) {
    const struct setting_def *def;
    struct setting_value value;
    int32_t code = find(view, key, &def, &value);
    return code ? code : setting_read_int(def, &value, out_value);
}

int32_t settings_get_float(const struct berth_settings_view *view, struct berth_str key,
                           double *out_value) {
    const struct setting_def *def;
    struct setting_value value;
    int32_t code = find(view, key, &def, &value);
    return code ? code : setting_read_float(def, &value, out_value);
}

int32_t settings_get_text(const struct berth_settings_view *view, struct berth_str key,
                          struct berth_str *out_value) {
    const struct setting_def *def;
    struct setting_value value;
    int32_t code = find(view, key, &def, &value);
    if (code || def->setting.type != BERTH_SETTING_TEXT || value.count != 1) {
        return code ? code : BERTH_E_INVALID;
    }
    *out_value = value.texts[0];
    return BERTH_OK;
}

int32_t settings_get_list(const struct berth_settings_view *view, struct berth_str key,
                          const struct berth_str **out_values, uint32_t *out_count) {
    const struct setting_def *def;
    struct setting_value value;
    int32_t code = find(view, key, &def, &value);
    if (code || def->setting.type != BERTH_SETTING_LIST) {
        return code ? code : BERTH_E_INVALID;
    }
    *out_values = value.items;
    *out_count = value.item_count;
    return BERTH_OK;
}
