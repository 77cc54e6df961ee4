/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /_plugins/_security/api: users, roles and mappings, shown and changed in the form of OpenSearch's
 * security plugin. Hashes are never shown.
 */
#include "base/json_write.h"
#include "host/rest/rest.h"

#include <stdio.h>

/* The shortest password that is taken here; a hash that is given may be of any. */
#define PASSWORD_LENGTH_MIN 8u

static const struct resource {
    const char *path;
    const char *permission;
    enum security_kind kind;
} resources[] = {
    {"/_plugins/_security/api/internalusers", "restapi:admin/internalusers", SECURITY_USERS},
    {"/_plugins/_security/api/roles", "restapi:admin/roles", SECURITY_ROLES},
    {"/_plugins/_security/api/rolesmapping", "restapi:admin/rolesmapping", SECURITY_MAPPINGS},
};

/* ---- showing ---- */

static void put_names(struct base_buf *out, const char *key, const struct name_list *names) {
    json_key(out, key);
    json_put_strings(out, names->items, names->count);
}

static void put_empty_list(struct base_buf *out, const char *key) {
    put_names(out, key, &(struct name_list){NULL, 0});
}

static void put_user(struct base_buf *out, const struct security_user *user) {
    json_member_cstr(out, "hash", "");
    put_names(out, "backend_roles", &user->backend_roles);
    json_key(out, "attributes");
    json_open_object(out);
    for (uint32_t i = 0; i < user->attributes.count; i++) {
        json_key_str(out, user->attributes.items[i].name);
        json_put_string(out, user->attributes.items[i].value);
    }
    json_close_object(out);
    put_names(out, "opendistro_security_roles", &user->direct_roles);
}

static void put_role(struct base_buf *out, const struct security_role *role) {
    put_names(out, "cluster_permissions", &role->permissions);
    put_empty_list(out, "index_permissions");
    put_empty_list(out, "tenant_permissions");
}

static void put_mapping(struct base_buf *out, const struct security_mapping *mapping) {
    put_names(out, "backend_roles", &mapping->backend_roles);
    put_names(out, "hosts", &mapping->hosts);
    put_names(out, "users", &mapping->users);
    put_names(out, "and_backend_roles", &mapping->and_backend_roles);
}

static void put_entry(struct base_buf *out, enum security_kind kind,
                      const struct security_entry *entry) {
    json_key_str(out, entry->name);
    json_open_object(out);
    json_member_bool(out, "reserved", entry->reserved);
    json_member_bool(out, "hidden", entry->hidden);
    if (entry->description.len) {
        json_member_string(out, "description", entry->description);
    }
    const void *whole = entry; /* the first member of each kind's struct */
    switch (kind) {
    case SECURITY_USERS:
        put_user(out, whole);
        break;
    case SECURITY_ROLES:
        put_role(out, whole);
        break;
    default:
        put_mapping(out, whole);
        break;
    }
    json_member_bool(out, "static", entry->is_static);
    json_close_object(out);
}

static const struct resource *resource_of(const struct berth_request_view *view) {
    for (size_t i = 0; i < BASE_COUNT(resources); i++) {
        struct berth_str path = base_cstr(resources[i].path);
        struct berth_str rest = base_str_from(view->path, path.len);
        if (base_str_starts(view->path, path) && (rest.len == 0 || rest.ptr[0] == '/')) {
            return &resources[i];
        }
    }
    return &resources[0];
}

static void get_entries(void *user, struct berth_request *request,
                        const struct berth_request_view *view) {
    const struct rest_context *context = user;
    const struct resource *resource = resource_of(view);
    struct security_config *config = security_config_in_force(context->security);
    bool found = view->param_count == 0;
    BASE_BUF_AUTO body;
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    json_open_object(&body);
    for (const struct security_entry *e = config->tables[resource->kind].first; e; e = e->next) {
        if (!e->hidden && (view->param_count == 0 || base_str_eq(e->name, view->params[0]))) {
            put_entry(&body, resource->kind, e);
            found = true;
        }
    }
    json_close_object(&body);
    security_config_unref(config);
    if (found) {
        router_reply_json(request, 200, &body);
        return;
    }
    struct berth_error error = BASE_ERROR_INIT;
    (void)base_error(&error, BERTH_E_NOT_FOUND, "there is no [" BASE_FMT "]",
                     BASE_ARG(view->params[0]));
    (void)router_reply_error(request, &error);
}

/* ---- changing ---- */

static void reply_done(struct berth_request *request, uint32_t status, struct berth_str name,
                       const char *what) {
    BASE_BUF_AUTO message;
    BASE_BUF_AUTO body;
    base_buf_init(&message, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&body, BASE_BUF_MAX_DEFAULT);
    base_buf_format(&message, "'" BASE_FMT "' %s.", BASE_ARG(name), what);
    json_open_object(&body);
    json_member_cstr(&body, "status", status == 201 ? "CREATED" : "OK");
    json_member_string(&body, "message", base_buf_view(&message));
    json_close_object(&body);
    body.error = body.error ? body.error : message.error;
    router_reply_json(request, status, &body);
}

static int32_t refuse_field(struct berth_str name, const char *what, struct berth_error *error) {
    return base_error(error, BERTH_E_INVALID, "[" BASE_FMT "] %s", BASE_ARG(name), what);
}

static bool put_text(struct base_buf *out, struct json_value value, struct base_arena *arena) {
    struct berth_str text = {"", 0};
    bool ok = json_string(value, arena, &text);
    json_put_string(out, text);
    return ok;
}

/*
 * Writes a value as the reader of entries takes it: texts without escapes that YAML does not know,
 * lists of texts, and objects of texts.
 */
static bool put_value(struct base_buf *out, struct json_value value, struct base_arena *arena) {
    bool ok = true;
    switch (json_type(value)) {
    case JSON_STRING:
        return put_text(out, value, arena);
    case JSON_ARRAY:
        json_open_array(out);
        for (struct json_value v = json_first(value); json_present(v) && ok;
             v = json_next(value, v)) {
            ok = put_text(out, v, arena);
        }
        json_close_array(out);
        return ok;
    case JSON_OBJECT:
        json_open_object(out);
        for (struct json_value k = json_first(value); json_present(k) && ok;) {
            struct berth_str key = {"", 0};
            struct json_value v = json_next(value, k);
            ok = json_string(k, arena, &key);
            json_key_str(out, key);
            ok = ok && put_text(out, v, arena);
            k = json_next(value, v);
        }
        json_close_object(out);
        return ok;
    default:
        return false;
    }
}

static int32_t put_hash(struct base_buf *out, struct json_value password, struct base_arena *arena,
                        struct berth_error *error) {
    char hash[PASSWORD_HASH_LENGTH + 1];
    struct berth_str text = {"", 0};
    if (!json_string(password, arena, &text) || text.len < PASSWORD_LENGTH_MIN) {
        return base_error(error, BERTH_E_INVALID, "a [password] is a text of at least %u bytes",
                          PASSWORD_LENGTH_MIN);
    }
    int32_t code = password_hash(text, PASSWORD_COST_DEFAULT, hash, error);
    if (!code) {
        json_member_cstr(out, "hash", hash);
    }
    return code;
}

/* One member of the body; what is of indices and tenants is read over, as in the files. */
static int32_t put_member(struct base_buf *out, enum security_kind kind, struct berth_str name,
                          struct json_value value, struct base_arena *arena,
                          struct berth_error *error) {
    static const char *const files_alone[] = {"reserved", "hidden", "static"};
    static const char *const read_over[] = {"index_permissions", "tenant_permissions"};
    for (size_t i = 0; i < BASE_COUNT(files_alone); i++) {
        if (base_str_is(name, files_alone[i])) {
            return refuse_field(name, "is for files alone", error);
        }
    }
    for (size_t i = 0; i < BASE_COUNT(read_over); i++) {
        if (kind == SECURITY_ROLES && base_str_is(name, read_over[i])) {
            return BERTH_OK;
        }
    }
    if (kind == SECURITY_USERS && base_str_is(name, "password")) {
        return put_hash(out, value, arena, error);
    }
    if (json_is(value, JSON_NULL)) {
        return BERTH_OK;
    }
    json_key_str(out, name);
    return put_value(out, value, arena) ? BERTH_OK
                                        : refuse_field(name, "is no text and holds none", error);
}

/* A user who is there keeps the password where the body has none. */
static int32_t keep_hash(const struct rest_context *context, struct berth_str name,
                         struct json_value root, struct base_buf *out, struct berth_error *error) {
    bool password = json_present(json_get(root, "password"));
    bool hash = json_present(json_get(root, "hash"));
    if (password && hash) {
        return base_error(error, BERTH_E_INVALID, "[password] and [hash] are one too many");
    }
    if (password || hash) {
        return BERTH_OK;
    }
    struct security_config *config = security_config_in_force(context->security);
    const struct security_user *user = security_config_user(config, name);
    if (user) {
        json_member_string(out, "hash", user->hash);
    }
    security_config_unref(config);
    return user ? BERTH_OK
                : base_error(error, BERTH_E_INVALID, "a new user needs [password] or [hash]");
}

static int32_t check_role(const struct rest_context *context, struct berth_str name,
                          struct berth_error *error) {
    struct security_config *config = security_config_in_force(context->security);
    bool known = security_config_role(config, name) != NULL;
    security_config_unref(config);
    return known ? BERTH_OK
                 : base_error(error, BERTH_E_NOT_FOUND, "there is no role [" BASE_FMT "]",
                              BASE_ARG(name));
}

static int32_t read_fields(const struct rest_context *context, enum security_kind kind,
                           const struct berth_request_view *view, struct base_buf *out,
                           struct base_arena *arena, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    if (!json_parse(&doc, view->body, JSON_UNIQUE_KEYS, &fault)) {
        return json_report(&fault, "the body", error);
    }
    struct json_value root = json_root(&doc);
    if (!json_is(root, JSON_OBJECT)) {
        return base_error(error, BERTH_E_PARSE, "the body is a JSON object");
    }
    json_open_object(out);
    int32_t code = kind == SECURITY_USERS ? keep_hash(context, view->params[0], root, out, error)
                   : kind == SECURITY_MAPPINGS ? check_role(context, view->params[0], error)
                                               : BERTH_OK;
    for (struct json_value k = json_first(root); json_present(k) && !code;) {
        struct berth_str name = {"", 0};
        struct json_value v = json_next(root, k);
        code = json_string(k, arena, &name) ? put_member(out, kind, name, v, arena, error)
                                            : base_error_memory(error);
        k = json_next(root, v);
    }
    json_close_object(out);
    return code ? code : out->error ? base_error_memory(error) : BERTH_OK;
}

static void put_entry_of(void *user, struct berth_request *request,
                         const struct berth_request_view *view) {
    const struct rest_context *context = user;
    enum security_kind kind = resource_of(view)->kind;
    struct berth_error error = BASE_ERROR_INIT;
    bool created = false;
    struct base_buf fields;
    BASE_ARENA_AUTO arena;
    base_arena_init_private(&arena, 4096);
    base_buf_init_private(&fields, ENTRIES_FILE_MAX);
    int32_t code = read_fields(context, kind, view, &fields, &arena, &error);
    code = code ? code
                : stored_users_put(context->stored_users, kind, view->params[0],
                                   base_buf_view(&fields), &created, &error);
    base_buf_deinit(&fields);
    if (code) {
        (void)router_reply_error(request, &error);
    } else {
        reply_done(request, created ? 201 : 200, view->params[0], created ? "created" : "updated");
    }
}

static void delete_entry(void *user, struct berth_request *request,
                         const struct berth_request_view *view) {
    const struct rest_context *context = user;
    struct berth_error error = BASE_ERROR_INIT;
    if (stored_users_delete(context->stored_users, resource_of(view)->kind, view->params[0],
                            &error)) {
        (void)router_reply_error(request, &error);
    } else {
        reply_done(request, 200, view->params[0], "deleted");
    }
}

int32_t rest_add_users(struct route_set *set, struct rest_context *context,
                       struct berth_error *error) {
    static const struct {
        const char *method;
        bool named;
        uint32_t body;
        berth_route_fn handle;
    } actions[] = {
        {"GET", false, BERTH_BODY_NONE, get_entries},
        {"GET", true, BERTH_BODY_NONE, get_entries},
        {"PUT", true, BERTH_BODY_ALLOWED, put_entry_of},
        {"DELETE", true, BERTH_BODY_NONE, delete_entry},
    };
    int32_t code = BERTH_OK;
    for (size_t i = 0; i < BASE_COUNT(resources) && context->security && !code; i++) {
        for (size_t k = 0; k < BASE_COUNT(actions) && !code; k++) {
            char path[80];
            (void)snprintf(path, sizeof path, "%s%s", resources[i].path,
                           actions[k].named ? "/{name}" : "");
            struct rest_route route = {.method = actions[k].method,
                                       .path = path,
                                       .kind = BERTH_ROUTE_WORKER,
                                       .body = actions[k].body,
                                       .permission = resources[i].permission,
                                       .handle = actions[k].handle};
            code = rest_add_table(set, &route, 1, context, error);
        }
    }
    return code;
}
