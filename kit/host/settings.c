/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/host/host.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>

#define KEY_MAX 256

/* All settings as they are, or with one as it would be. */
struct berth_settings_view {
    struct berth_settings_view *next;
    struct kit_host *host;
    const struct kit_setting *changed;
    struct berth_str value;
    bool over; /* the callback that it was made for has returned */
};

/* ---- values ---- */

static const struct {
    const char *unit;
    int64_t factor;
} times[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}},
  sizes[] = {{"kb", 1024}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"b", 1}};

static bool read_unit(struct berth_str text, const char *unit, int64_t factor, int64_t *out) {
    struct berth_str suffix = base_cstr(unit);
    return base_str_ends(text, suffix) &&
           base_str_i64(base_str_slice(text, 0, text.len - suffix.len), out) &&
           !__builtin_mul_overflow(*out, factor, out);
}

/* A scalar as a number of its type; false when it is none. */
static bool read_number(uint32_t type, struct berth_str text, double *out_number, int64_t *out) {
    bool read = false;
    switch (type) {
    case BERTH_SETTING_BOOL:
        *out = base_str_is(text, "true");
        read = *out || base_str_is(text, "false");
        break;
    case BERTH_SETTING_INT:
        read = base_str_i64(text, out);
        break;
    case BERTH_SETTING_FLOAT:
        return base_str_f64(text, out_number);
    case BERTH_SETTING_TIME:
        read = base_str_is(text, "0") && base_str_i64(text, out);
        for (size_t i = 0; i < BASE_COUNT(times) && !read; i++) {
            read = read_unit(text, times[i].unit, times[i].factor, out);
        }
        break;
    case BERTH_SETTING_BYTES:
        read = base_str_is(text, "0") && base_str_i64(text, out);
        for (size_t i = 0; i < BASE_COUNT(sizes) && !read; i++) {
            read = read_unit(text, sizes[i].unit, sizes[i].factor, out);
        }
        break;
    default:
        break;
    }
    *out_number = (double)*out;
    return read;
}

/* ---- declaring ---- */

static bool is_key(struct berth_str key) {
    bool word = false;
    for (uint64_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (!letter && !(c == '.' && word)) {
            return false;
        }
        word = letter;
    }
    return word && key.len <= KEY_MAX && base_str_find(key, '.') < key.len;
}

static bool is_bounded(uint32_t type) {
    return type == BERTH_SETTING_INT || type == BERTH_SETTING_FLOAT || type == BERTH_SETTING_TIME ||
           type == BERTH_SETTING_BYTES;
}

static bool check_default(const struct berth_setting *s) {
    double number = 0;
    int64_t whole = 0;
    if (s->type == BERTH_SETTING_LIST) {
        return true;
    }
    if (s->default_count != 1) {
        kit_blame(KIT_BLAME_SETTING_DEFAULT, "[" BASE_FMT "] has %" PRIu32 " defaults, expected 1",
                  BASE_ARG(s->key), s->default_count);
        return false;
    }
    if (s->type == BERTH_SETTING_TEXT) {
        return true;
    }
    if (!read_number(s->type, s->default_values[0], &number, &whole)) {
        kit_blame(KIT_BLAME_SETTING_DEFAULT,
                  "the default [" BASE_FMT "] of [" BASE_FMT "] is no value of its type",
                  BASE_ARG(s->default_values[0]), BASE_ARG(s->key));
        return false;
    }
    if (is_bounded(s->type) && (s->min > s->max || number < s->min || number > s->max)) {
        kit_blame(KIT_BLAME_SETTING_BOUNDS,
                  "[" BASE_FMT "] has the default %g and the bounds %g and %g", BASE_ARG(s->key),
                  number, s->min, s->max);
        return false;
    }
    return true;
}

static bool check_setting(struct kit_host *host, const struct berth_setting *s) {
    if (s->size != sizeof *s) {
        kit_blame(KIT_BLAME_SETTING_SIZE,
                  "a setting says that it has %" PRIu32 " bytes, expected %zu", s->size, sizeof *s);
        return false;
    }
    if (!is_key(s->key)) {
        kit_blame(KIT_BLAME_SETTING_KEY, "the key [" BASE_FMT "] is not dotted and lower case",
                  BASE_ARG(s->key));
        return false;
    }
    if (s->type < BERTH_SETTING_BOOL || s->type > BERTH_SETTING_BYTES ||
        s->flags & ~(BERTH_SETTING_DYNAMIC | BERTH_SETTING_SENSITIVE)) {
        kit_blame(KIT_BLAME_SETTING_TYPE,
                  "[" BASE_FMT "] has type %" PRIu32 " and flags 0x%" PRIx32, BASE_ARG(s->key),
                  s->type, s->flags);
        return false;
    }
    for (struct kit_setting *other = host->settings; other; other = other->next) {
        if (base_str_eq(other->declared.key, s->key)) {
            kit_blame(KIT_BLAME_SETTING_TWICE, "[" BASE_FMT "] is declared twice",
                      BASE_ARG(s->key));
            return false;
        }
    }
    return check_default(s);
}

static void add_setting(struct kit_host *host, const struct berth_setting *s) {
    struct kit_setting *mine = kit_alloc(sizeof *mine);
    mine->declared = *s;
    mine->declared.key = base_cstr(kit_copy(s->key));
    mine->declared.description = BERTH_STR("");
    mine->defaults = kit_alloc((s->default_count + 1) * sizeof *mine->defaults);
    for (uint32_t i = 0; i < s->default_count; i++) {
        mine->defaults[i] = base_cstr(kit_copy(s->default_values[i]));
    }
    mine->declared.default_values = mine->defaults;
    mine->next = host->settings;
    host->settings = mine;
}

static int32_t declare(const struct berth_host *face, const struct berth_setting *settings,
                       uint32_t count, struct berth_error *error) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_settings_v1_declare);
    for (uint32_t i = 0; i < count && !code; i++) {
        code = check_setting(host, &settings[i]) ? BERTH_OK : BERTH_E_INVALID;
        if (!code) {
            add_setting(host, &settings[i]);
        }
    }
    return code ? base_error(error, code, "the kit does not take the setting") : BERTH_OK;
}

static int32_t observe(const struct berth_host *face, berth_settings_validate_fn validate,
                       berth_settings_changed_fn changed, void *user) {
    struct kit_host *host = kit_host_of(face);
    int32_t code = kit_enter(host, KIT_FN_berth_settings_v1_observe);
    if (!code) {
        host->validate = validate;
        host->settings_changed = changed;
        host->settings_user = user;
    }
    return code;
}

/* ---- reading ---- */

/* The setting of a key, if it may be read so; the call may be on any thread. */
static const struct kit_setting *find(const struct berth_settings_view *view, enum kit_fn fn,
                                      struct berth_str key, uint32_t types, int32_t *out_code) {
    *out_code = kit_enter(view->host, fn);
    if (view->over) {
        kit_blame(KIT_BLAME_SETTING_VIEW,
                  "it reads [" BASE_FMT "] from a view whose callback has "
                  "returned",
                  BASE_ARG(key));
        *out_code = BERTH_E_NOT_FOUND;
    }
    const struct kit_setting *s = *out_code ? NULL : view->host->settings;
    while (s && !base_str_eq(s->declared.key, key)) {
        s = s->next;
    }
    if (!s) {
        *out_code = *out_code ? *out_code : BERTH_E_NOT_FOUND;
    } else if (!(types & (1u << s->declared.type))) {
        kit_blame(KIT_BLAME_SETTING_READ, "it reads [" BASE_FMT "], of type %" PRIu32 ", with %s",
                  BASE_ARG(key), s->declared.type, kit_functions[fn].name);
        *out_code = BERTH_E_INVALID;
        s = NULL;
    }
    return s;
}

static struct berth_str value_of(const struct berth_settings_view *view,
                                 const struct kit_setting *s) {
    if (s == view->changed) {
        return view->value;
    }
    return s->value ? base_cstr(s->value) : s->defaults[0];
}

#define TYPE(name) (1u << BERTH_SETTING_##name)

static int32_t get_int(const struct berth_settings_view *view, struct berth_str key,
                       int64_t *out_value) {
    int32_t code = BERTH_OK;
    double number = 0;
    const struct kit_setting *s = find(view, KIT_FN_berth_settings_v1_get_int, key,
                                       TYPE(BOOL) | TYPE(INT) | TYPE(TIME) | TYPE(BYTES), &code);
    if (s && !read_number(s->declared.type, value_of(view, s), &number, out_value)) {
        code = BERTH_E_INVALID;
    }
    return code;
}

static int32_t get_float(const struct berth_settings_view *view, struct berth_str key,
                         double *out_value) {
    int32_t code = BERTH_OK;
    const struct kit_setting *s =
        find(view, KIT_FN_berth_settings_v1_get_float, key, TYPE(FLOAT) | TYPE(INT), &code);
    if (s && !base_str_f64(value_of(view, s), out_value)) {
        code = BERTH_E_INVALID;
    }
    return code;
}

static int32_t get_text(const struct berth_settings_view *view, struct berth_str key,
                        struct berth_str *out_value) {
    int32_t code = BERTH_OK;
    const struct kit_setting *s =
        find(view, KIT_FN_berth_settings_v1_get_text, key, TYPE(TEXT), &code);
    if (s) {
        *out_value = value_of(view, s);
    }
    return code;
}

static int32_t get_list(const struct berth_settings_view *view, struct berth_str key,
                        const struct berth_str **out_values, uint32_t *out_count) {
    int32_t code = BERTH_OK;
    const struct kit_setting *s =
        find(view, KIT_FN_berth_settings_v1_get_list, key, TYPE(LIST), &code);
    if (s) {
        *out_values = s->defaults;
        *out_count = s->declared.default_count;
    }
    return code;
}

/* ---- changing ---- */

/* Views are kept to the end, so that one that is used too late is seen. */
static struct berth_settings_view *
new_view(struct kit_host *host, const struct kit_setting *changed, struct berth_str value) {
    struct berth_settings_view *view = kit_alloc(sizeof *view);
    *view = (struct berth_settings_view){host->views, host, changed, value, false};
    host->views = view;
    return view;
}

void kit_settings_notify(struct kit_host *host) {
    if (host->settings_changed) {
        struct berth_settings_view *view = new_view(host, NULL, BERTH_STR(""));
        host->settings_changed(host->settings_user, view);
        view->over = true;
    }
}

void kit_settings_renew(struct kit_host *host) {
    enum kit_role before = kit_role_set(KIT_ROLE_FEED, 0);
    kit_settings_notify(host);
    (void)kit_role_set(before, 0);
}

static int32_t ask(struct kit_host *host, const struct berth_settings_view *view,
                   const struct kit_setting *setting) {
    struct berth_error error = BASE_ERROR_INIT;
    enum kit_role before = kit_role_set(KIT_ROLE_WORKER, 0);
    int32_t code = host->validate ? host->validate(host->settings_user, view, &error) : BERTH_OK;
    (void)kit_role_set(before, 0);
    if (code && (!kit_code_is_known(code) || !error.message[0])) {
        kit_blame(KIT_BLAME_SETTING_REFUSAL,
                  "it refuses a value of [" BASE_FMT "] with code %" PRId32
                  " and the message [%.200s]",
                  BASE_ARG(setting->declared.key), code, error.message);
    }
    return code;
}

bool kit_settings_try(struct kit_host *host, struct kit_setting *setting, const char *value) {
    (void)pthread_mutex_lock(&host->feed);
    struct berth_settings_view *view = new_view(host, setting, base_cstr(value));
    bool taken = ask(host, view, setting) == BERTH_OK;
    view->over = true;
    if (taken) {
        free(setting->value);
        setting->value = kit_copy(base_cstr(value));
        kit_settings_renew(host);
    }
    (void)pthread_mutex_unlock(&host->feed);
    return taken;
}

void kit_settings_free(struct kit_host *host) {
    while (host->settings) {
        struct kit_setting *s = host->settings;
        host->settings = s->next;
        for (uint32_t i = 0; i < s->declared.default_count; i++) {
            free((void *)(uintptr_t)s->defaults[i].ptr);
        }
        free(s->defaults);
        free((void *)(uintptr_t)s->declared.key.ptr);
        free(s->value);
        free(s);
    }
    while (host->views) {
        struct berth_settings_view *view = host->views;
        host->views = view->next;
        free(view);
    }
}

const struct berth_settings_v1 kit_settings_v1 = {
    .size = sizeof kit_settings_v1,
    .declare = declare,
    .observe = observe,
    .get_int = get_int,
    .get_float = get_float,
    .get_text = get_text,
    .get_list = get_list,
};
