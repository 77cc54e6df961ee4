/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a body says of access: read, checked by table, and brought into what is stored.
 */
#include "plugin/ml_remote/access.h"

static const char *const members[] = {"access_mode", "backend_roles", "add_all_backend_roles"};

static const char *setting_of(enum ml_kind kind) {
    return kind == ML_CONNECTOR ? "connector_access_control_enabled"
                                : "model_access_control_enabled";
}

/* Absent, null and an empty list say nothing. */
static bool is_said(struct json_value value) {
    bool is_empty = json_is(value, JSON_ARRAY) && !json_present(json_first(value));
    return json_present(value) && !json_is(value, JSON_NULL) && !is_empty;
}

int32_t ml_access_check_inactive(struct ml_call *call, enum ml_kind kind) {
    for (size_t i = 0; i < BASE_COUNT(members); i++) {
        if (is_said(json_get(call->body, members[i]))) {
            return ml_invalid(&call->error,
                              "[%s] cannot be set: access control of %ss is not active (setting "
                              "[plugins.ml_commons.%s], and users of the node)",
                              members[i], ml_noun(kind), setting_of(kind));
        }
    }
    return BERTH_OK;
}

/* ---- reading ---- */

/* What is asked for. */
struct wish {
    const struct berth_user *user;
    struct json_value roles; /* a list that is not empty; or absent */
    const char *mode;        /* NULL: none is named */
    bool adds;               /* all of the user's roles */
    bool says_not_to_add;
    bool has_foreign_role;
};

static bool has_role(const struct berth_user *user, struct json_value role) {
    for (uint32_t i = 0; i < user->backend_role_count; i++) {
        if (json_string_is(role, user->backend_roles[i])) {
            return true;
        }
    }
    return false;
}

static int32_t read_roles(struct ml_call *call, struct wish *wish) {
    struct json_value list = JSON_NONE;
    int32_t code = ml_call_container(call, call->body, "backend_roles", JSON_ARRAY, &list);
    for (struct json_value v = json_first(list); json_present(v) && !code; v = json_next(list, v)) {
        wish->has_foreign_role |= !has_role(wish->user, v);
        code = json_is(v, JSON_STRING)
                   ? BERTH_OK
                   : ml_wrong_kind(&call->error, "[backend_roles] is a list of texts");
    }
    wish->roles = !code && is_said(list) ? list : JSON_NONE;
    return code;
}

static int32_t read_mode(struct ml_call *call, struct wish *wish) {
    static const char *const modes[] = {"public", "private", "restricted"};
    struct berth_str text = {NULL, 0};
    int32_t code = ml_call_text(call, call->body, "access_mode", &text);
    if (code || !text.ptr) {
        return code;
    }
    for (size_t i = 0; i < BASE_COUNT(modes); i++) {
        if (base_str_eq_nocase(text, base_cstr(modes[i]))) {
            wish->mode = modes[i];
            return BERTH_OK;
        }
    }
    return ml_invalid(&call->error,
                      "[access_mode] is public, private or restricted, not [" BASE_FMT "]",
                      BASE_ARG(base_str_slice(text, 0, 80)));
}

static int32_t read_wish(struct ml_call *call, const struct berth_user *user, struct wish *out) {
    bool given = false;
    *out = (struct wish){.user = user};
    int32_t code = read_mode(call, out);
    code = code ? code : read_roles(call, out);
    code =
        code ? code : ml_call_bool(call, call->body, "add_all_backend_roles", &out->adds, &given);
    out->says_not_to_add = given && !out->adds;
    return code;
}

/* ---- checking ---- */

static bool is_mode(const struct wish *wish, const char *mode) {
    return wish->mode && strcmp(wish->mode, mode) == 0;
}

static bool wants_roles(const struct wish *wish) {
    return json_present(wish->roles) || wish->adds;
}

/* Named, or meant by roles without a mode. */
static bool wants_restricted(const struct wish *wish) {
    return is_mode(wish, "restricted") || (!wish->mode && wants_roles(wish));
}

static bool admin_adds(const struct wish *w) {
    return w->adds && w->user->is_admin;
}

static bool roles_are_useless(const struct wish *w) {
    return wants_roles(w) && w->mode && !is_mode(w, "restricted");
}

static bool has_both(const struct wish *w) {
    return w->adds && json_present(w->roles);
}

static bool has_none_to_add(const struct wish *w) {
    return w->adds && w->user->backend_role_count == 0;
}

static bool is_restricted_to_nobody(const struct wish *w) {
    return is_mode(w, "restricted") && !wants_roles(w);
}

static bool names_foreign_roles(const struct wish *w) {
    return wants_restricted(w) && w->has_foreign_role && !w->user->is_admin;
}

static bool changes_nothing(const struct wish *w) {
    return !w->mode && w->says_not_to_add && !wants_roles(w);
}

/* Evaluated from above; the first that is true refuses. */
static const struct {
    bool (*is_wrong)(const struct wish *wish);
    bool in_changes_only;
    const char *text;
} faults[] = {
    {admin_adds, false,
     "an administrator has access to everything and adds no roles of their own "
     "[add_all_backend_roles]: [backend_roles] names those that are meant"},
    {roles_are_useless, false,
     "[backend_roles] and [add_all_backend_roles] go with the [access_mode] restricted alone"},
    {has_both, false, "[backend_roles] and [add_all_backend_roles] do not go together"},
    {has_none_to_add, false,
     "[add_all_backend_roles] needs backend roles of the user, who has none"},
    {is_restricted_to_nobody, false,
     "the [access_mode] restricted needs [backend_roles], or [add_all_backend_roles]"},
    {names_foreign_roles, false, "[backend_roles] may name backend roles of the user alone"},
    {changes_nothing, true,
     "[add_all_backend_roles] is false, and there are no [backend_roles]: nothing to change"},
};

static int32_t check_wish(struct ml_call *call, const struct wish *wish, bool is_change) {
    for (size_t i = 0; i < BASE_COUNT(faults); i++) {
        if ((is_change || !faults[i].in_changes_only) && faults[i].is_wrong(wish)) {
            return ml_invalid(&call->error, "%s", faults[i].text);
        }
    }
    return BERTH_OK;
}

/* ---- what is stored ---- */

static struct berth_str keep_roles(struct ml_call *call, const struct wish *wish) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    if (wish->adds) {
        json_put_strings(&text, wish->user->backend_roles, wish->user->backend_role_count);
    } else {
        json_put_raw(&text, json_raw(wish->roles));
    }
    return ml_keep(&call->arena, &text);
}

/* The form that ML Commons gives a user. */
static struct berth_str keep_owner(struct ml_call *call, const struct berth_user *user) {
    BASE_BUF_AUTO text;
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    json_open_object(&text);
    json_member_string(&text, "name", user->name);
    json_key(&text, "backend_roles");
    json_put_strings(&text, user->backend_roles, user->backend_role_count);
    json_key(&text, "roles");
    json_put_strings(&text, user->roles, user->role_count);
    json_key(&text, "custom_attribute_names");
    json_put_strings(&text, NULL, 0);
    json_member_cstr(&text, "user_requested_tenant", "null");
    json_close_object(&text);
    return ml_keep(&call->arena, &text);
}

static int32_t add(struct ml_call *call, struct ml_edit *edits, size_t *count, const char *name,
                   struct berth_str raw) {
    edits[(*count)++] = (struct ml_edit){name, raw};
    return raw.ptr ? BERTH_OK : base_error_memory(&call->error);
}

/* Roles stay with restricted objects alone. */
static int32_t add_wish(struct ml_call *call, const struct wish *wish, struct ml_edit *edits,
                        size_t *count) {
    const char *mode = wish->mode ? wish->mode : wants_roles(wish) ? "restricted" : "private";
    int32_t code = add(call, edits, count, "access", ml_quote(&call->arena, base_cstr(mode)));
    if (!code && wants_roles(wish)) {
        return add(call, edits, count, "backend_roles", keep_roles(call, wish));
    }
    edits[(*count)++] = (struct ml_edit){"backend_roles", {NULL, 0}};
    return code;
}

int32_t ml_access_default(struct ml_call *call, enum ml_kind kind, struct ml_edit *edits,
                          size_t *count) {
    const struct berth_user *user =
        ml_access_user(call->plugin, call->settings, call->request, kind);
    const struct wish wish = {.user = user};
    if (user) {
        int32_t code = add_wish(call, &wish, edits, count);
        return code ? code : add(call, edits, count, "owner", keep_owner(call, user));
    }
    return kind == ML_GROUP ? add(call, edits, count, "access", BERTH_STR("\"public\"")) : BERTH_OK;
}

int32_t ml_access_create(struct ml_call *call, enum ml_kind kind, struct ml_edit *edits,
                         size_t *count) {
    const struct berth_user *user =
        ml_access_user(call->plugin, call->settings, call->request, kind);
    struct wish wish;
    if (!user) {
        int32_t code = ml_access_check_inactive(call, kind);
        return code ? code : ml_access_default(call, kind, edits, count);
    }
    int32_t code = read_wish(call, user, &wish);
    code = code ? code : check_wish(call, &wish, false);
    code = code ? code : add_wish(call, &wish, edits, count);
    return code ? code : add(call, edits, count, "owner", keep_owner(call, user));
}

int32_t ml_access_update(struct ml_call *call, enum ml_kind kind, const struct ml_document *old,
                         struct ml_edit *edits, size_t *count) {
    const struct berth_user *user =
        ml_access_user(call->plugin, call->settings, call->request, kind);
    struct ml_access access;
    struct wish wish;
    if (!user) {
        return ml_access_check_inactive(call, kind);
    }
    int32_t code = read_wish(call, user, &wish);
    if (code || (!wish.mode && !wants_roles(&wish) && !wish.says_not_to_add)) {
        return code;
    }
    if (!ml_access_load(old->root, &call->arena, &access)) {
        return base_error_memory(&call->error);
    }
    if (!ml_access_may(kind, ML_MAY_CHANGE_ACCESS, &access, user)) {
        return ml_access_refuse(kind, ml_call_id(call), ML_MAY_CHANGE_ACCESS, user, &call->error);
    }
    code = check_wish(call, &wish, true);
    return code ? code : add_wish(call, &wish, edits, count);
}
