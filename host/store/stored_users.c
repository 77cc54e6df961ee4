/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/stored_users.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/json_write.h"

#define OWNER "stored_users"

static const struct berth_str index_name = BERTH_STR_INIT(".berth-security");
/* Hashes of passwords are in there: nothing of it is searched. */
static const char mapping[] = "{\"properties\": {\"fields\": {\"type\": \"secret\"}}}";

struct stored_users {
    struct store *store;
    struct log *log;
    struct security *security; /* whom changes are told */
    pthread_mutex_t lock;      /* one change at a time */
};

int32_t stored_users_open(struct store *store, struct log *log, struct stored_users **out_users,
                          struct berth_error *error) {
    struct berth_index index = {
        .size = sizeof index, .name = index_name, .mapping = base_str(mapping, sizeof mapping - 1)};
    struct stored_users *users = calloc(1, sizeof *users);
    if (!users) {
        return base_error_memory(error);
    }
    *users = (struct stored_users){.store = store, .log = log};
    (void)pthread_mutex_init(&users->lock, NULL);
    int32_t code = store_declare_index(store, &index, error);
    if (code) {
        stored_users_close(users);
        return code;
    }
    *out_users = users;
    return BERTH_OK;
}

void stored_users_close(struct stored_users *users) {
    if (users) {
        (void)pthread_mutex_destroy(&users->lock);
        free(users);
    }
}

/* ---- reading ---- */

struct applying {
    struct security_config *config;
    struct berth_error *error;
    int32_t code;
};

static enum security_kind kind_of(struct berth_str name) {
    for (int kind = 0; kind < SECURITY_KINDS; kind++) {
        if (base_str_is(name, security_kind_name((enum security_kind)kind))) {
            return (enum security_kind)kind;
        }
    }
    return SECURITY_KINDS;
}

static int32_t apply_document(void *user, const struct berth_document *document) {
    struct applying *a = user;
    struct berth_str id = document->id;
    struct berth_str kind_text;
    (void)base_str_split(&id, '/', &kind_text);
    enum security_kind kind = kind_of(kind_text);
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    if (kind == SECURITY_KINDS || !json_parse(&doc, document->source, 0, &fault)) {
        a->code = base_error(a->error, BERTH_E_CORRUPT, "the stored entry [" BASE_FMT "] is none",
                             BASE_ARG(document->id));
        return 1;
    }
    struct json_value fields = json_get(json_root(&doc), "fields");
    if (json_present(fields)) {
        a->code = security_config_put(a->config, kind, id, json_raw(fields), a->error);
    } else {
        security_config_drop(a->config, kind, id);
    }
    return a->code != BERTH_OK;
}

static int32_t apply_stored(void *user, struct security_config *config, struct berth_error *error) {
    struct stored_users *users = user;
    struct applying applying = {.config = config, .error = error};
    int32_t code = store_scan(users->store, index_name, apply_document, &applying, error);
    return code ? code : applying.code;
}

struct security_overlay stored_users_overlay(struct stored_users *users) {
    return (struct security_overlay){.apply = apply_stored, .user = users};
}

/* ---- following ---- */

static void on_change(void *user, const struct berth_change *changes, uint32_t count) {
    struct stored_users *users = user;
    struct berth_error error = BASE_ERROR_INIT;
    (void)changes;
    (void)count;
    if (security_reload(users->security, &error)) {
        LOG(users->log, BERTH_LOG_ERROR, "users_not_reloaded",
            LOG_FIELD("reason", base_cstr(error.message)));
    }
}

int32_t stored_users_follow(struct stored_users *users, struct security *security,
                            struct berth_error *error) {
    users->security = security;
    return store_watch(users->store, OWNER, index_name, on_change, users, error);
}

void stored_users_leave(struct stored_users *users) {
    if (users) {
        store_unwatch(users->store, OWNER);
    }
}

/* ---- changing ---- */

/* What a change would make of the users: tried before it is written. */
struct proposal {
    enum security_kind kind;
    struct berth_str name;
    struct berth_str fields; /* ptr NULL: the entry goes */
};

static int32_t apply_proposal(void *user, struct security_config *config,
                              struct berth_error *error) {
    const struct proposal *p = user;
    if (p->fields.ptr) {
        return security_config_put(config, p->kind, p->name, p->fields, error);
    }
    security_config_drop(config, p->kind, p->name);
    return BERTH_OK;
}

/* The entry as it is now, copied: its texts are not looked at. */
static int32_t find_entry(struct stored_users *users, const struct proposal *p,
                          struct security_entry *out_entry, bool *out_found,
                          struct berth_error *error) {
    struct security_config *config = security_config_in_force(users->security);
    const struct security_entry *entry = security_config_entry(config, p->kind, p->name);
    *out_found = entry && !entry->hidden;
    *out_entry = entry ? *entry : (struct security_entry){0};
    security_config_unref(config);
    if (out_entry->reserved || out_entry->hidden) {
        return base_error(error, BERTH_E_DENIED,
                          "[" BASE_FMT "] is reserved: files alone change it", BASE_ARG(p->name));
    }
    return BERTH_OK;
}

static int32_t write_change(struct stored_users *users, const struct proposal *p, bool remove,
                            struct berth_error *error) {
    char id[STORED_USERS_NAME_MAX + 32];
    BASE_BUF_AUTO source;
    base_buf_init(&source, ENTRIES_FILE_MAX);
    json_open_object(&source);
    if (p->fields.ptr) {
        json_member_raw(&source, "fields", p->fields);
    }
    json_close_object(&source);
    int len =
        snprintf(id, sizeof id, "%s/" BASE_FMT, security_kind_name(p->kind), BASE_ARG(p->name));
    struct berth_write write = {.size = sizeof write,
                                .op = remove ? BERTH_WRITE_DELETE : BERTH_WRITE_PUT,
                                .index = index_name,
                                .id = base_str(id, (size_t)len),
                                .source = remove ? base_str(NULL, 0) : base_buf_view(&source)};
    return source.error ? base_error_memory(error)
                        : store_write(users->store, &write, 1, NULL, error);
}

static int32_t change(struct stored_users *users, struct proposal *p, bool *out_found,
                      struct berth_error *error) {
    struct security_entry entry;
    (void)pthread_mutex_lock(&users->lock);
    int32_t code = find_entry(users, p, &entry, out_found, error);
    if (!code && !p->fields.ptr && !*out_found) {
        code =
            base_error(error, BERTH_E_NOT_FOUND, "there is no [" BASE_FMT "]", BASE_ARG(p->name));
    }
    const struct security_overlay overlay = {.apply = apply_proposal, .user = p};
    code = code ? code : security_try(users->security, &overlay, error);
    /* What a file has as well stays as a note that it is taken away. */
    bool remove = !p->fields.ptr && entry.is_stored && !entry.is_shadow;
    code = code ? code : write_change(users, p, remove, error);
    (void)pthread_mutex_unlock(&users->lock);
    return code;
}

int32_t stored_users_put(struct stored_users *users, enum security_kind kind, struct berth_str name,
                         struct berth_str fields, bool *out_created, struct berth_error *error) {
    struct proposal proposal = {kind, name, fields};
    bool found = false;
    if (name.len > STORED_USERS_NAME_MAX || !name_is_clean(name) || base_str_is(name, "_meta")) {
        return base_error(error, BERTH_E_INVALID,
                          "a name has 1 to %u bytes, no control characters, and is not _meta",
                          STORED_USERS_NAME_MAX);
    }
    int32_t code = change(users, &proposal, &found, error);
    if (!code) {
        *out_created = !found;
    }
    return code;
}

int32_t stored_users_delete(struct stored_users *users, enum security_kind kind,
                            struct berth_str name, struct berth_error *error) {
    struct proposal proposal = {kind, name, {NULL, 0}};
    bool found = false;
    return change(users, &proposal, &found, error);
}
