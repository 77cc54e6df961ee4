/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: one table. access_request.c reads what a body says of it, access_filter.c makes
 * searches find no more.
 */
#include "plugin/ml_remote/access.h"

static const char *const mode_names[ML_ACCESS_MODES] = {
    [ML_ACCESS_ABSENT] = "",
    [ML_ACCESS_PUBLIC] = "public",
    [ML_ACCESS_PRIVATE] = "private",
    [ML_ACCESS_RESTRICTED] = "restricted",
};

/* ---- what an object says ---- */

static enum ml_access_mode mode_of(struct json_value root) {
    struct json_value access = json_get(root, "access");
    for (int mode = ML_ACCESS_PUBLIC; mode < ML_ACCESS_MODES; mode++) {
        if (json_string_is(access, base_cstr(mode_names[mode]))) {
            return (enum ml_access_mode)mode;
        }
    }
    return ML_ACCESS_ABSENT;
}

bool ml_access_load(struct json_value root, struct base_arena *arena,
                    struct ml_access *out_access) {
    struct json_value list = json_get(root, "backend_roles");
    struct json_value owner = json_get(json_get(root, "owner"), "name");
    size_t count = json_count(list);
    struct berth_str *roles = base_arena_array(arena, count + 1, sizeof *roles);
    struct ml_access access = {.mode = mode_of(root), .roles = roles};
    if (!roles) {
        return false;
    }
    for (struct json_value v = json_first(list); json_present(v); v = json_next(list, v)) {
        if (json_is(v, JSON_STRING)) {
            if (!json_string(v, arena, &roles[access.role_count])) {
                return false;
            }
            access.role_count++;
        }
    }
    if (json_is(owner, JSON_STRING) && !json_string(owner, arena, &access.owner)) {
        return false;
    }
    *out_access = access;
    return true;
}

bool ml_access_is(const struct ml_access *access, const struct ml_access *other) {
    bool same = access->mode == other->mode && access->role_count == other->role_count &&
                !access->owner.ptr == !other->owner.ptr && base_str_eq(access->owner, other->owner);
    for (uint32_t i = 0; i < access->role_count && same; i++) {
        same = base_str_eq(access->roles[i], other->roles[i]);
    }
    return same;
}

/* ---- the decision ---- */

/* What a caller is to an object; the first that is true counts. */
enum relation {
    ADMIN = 1 << 0,     /* has the role all_access */
    WITH_NONE = 1 << 1, /* it has no owner */
    OWNER = 1 << 2,
    PUBLIC = 1 << 3,  /* it is public */
    SHARING = 1 << 4, /* it is restricted, and they share a backend role */
    STRANGER = 1 << 5,
};

static const unsigned rights[][ML_RIGHTS] = {
    [ML_CONNECTOR] =
        {
            [ML_MAY_USE] = ADMIN | WITH_NONE | OWNER | PUBLIC | SHARING,
            [ML_MAY_CHANGE] = ADMIN | OWNER | SHARING,
            [ML_MAY_CHANGE_ACCESS] = ADMIN | OWNER,
        },
    [ML_GROUP] =
        {
            [ML_MAY_USE] = ADMIN | WITH_NONE | OWNER | PUBLIC | SHARING,
            [ML_MAY_CHANGE] = ADMIN | WITH_NONE | OWNER | PUBLIC | SHARING,
            [ML_MAY_CHANGE_ACCESS] = ADMIN | OWNER,
        },
};

static bool share_a_role(const struct ml_access *access, const struct berth_user *user) {
    for (uint32_t i = 0; i < access->role_count; i++) {
        for (uint32_t k = 0; k < user->backend_role_count; k++) {
            if (base_str_eq(access->roles[i], user->backend_roles[k])) {
                return true;
            }
        }
    }
    return false;
}

static enum relation relation_of(const struct ml_access *access, const struct berth_user *user) {
    bool is_restricted = access->mode == ML_ACCESS_RESTRICTED;
    return user->is_admin                                ? ADMIN
           : !access->owner.ptr                          ? WITH_NONE
           : base_str_eq(access->owner, user->name)      ? OWNER
           : access->mode == ML_ACCESS_PUBLIC            ? PUBLIC
           : is_restricted && share_a_role(access, user) ? SHARING
                                                         : STRANGER;
}

bool ml_access_may(enum ml_kind kind, enum ml_right right, const struct ml_access *access,
                   const struct berth_user *user) {
    return !user || (rights[kind][right] & relation_of(access, user));
}

const struct berth_user *ml_access_user(struct ml_plugin *plugin,
                                        const struct ml_settings *settings,
                                        struct berth_request *request, enum ml_kind kind) {
    const struct berth_user *user = NULL;
    bool is_on =
        kind == ML_CONNECTOR ? settings->connector_access_control : settings->model_access_control;
    return is_on && request && plugin->identity->user(request, &user) == BERTH_OK ? user : NULL;
}

int32_t ml_access_refuse(enum ml_kind kind, struct berth_str id, enum ml_right right,
                         const struct berth_user *user, struct berth_error *error) {
    static const char *const what[ML_RIGHTS] = {
        [ML_MAY_USE] = "use",
        [ML_MAY_CHANGE] = "change",
        [ML_MAY_CHANGE_ACCESS] = "change the access of",
    };
    return ml_status(error, 403,
                     "the user [" BASE_FMT "] may not %s the %s [" BASE_FMT
                     "]: that is for its owner, administrators%s",
                     BASE_ARG(user->name), what[right], ml_noun(kind), BASE_ARG(id),
                     right == ML_MAY_CHANGE_ACCESS
                         ? " and nobody else"
                         : ", and those whom its access mode and backend roles let");
}

/* ---- documents ---- */

/* Who asks, and what follows from it for the objects of one kind. */
struct asking {
    struct ml_plugin *plugin;
    const struct ml_settings *settings;
    struct berth_request *request;
    struct berth_error *error;
};

static struct asking asking_of(struct ml_call *call) {
    return (struct asking){call->plugin, call->settings, call->request, &call->error};
}

/* subject: what the caller named, which may be a model of this group. */
static int32_t check_object(const struct asking *asking, enum ml_kind kind, struct json_value root,
                            enum ml_right right, enum ml_kind subject, struct berth_str id) {
    const struct berth_user *user =
        ml_access_user(asking->plugin, asking->settings, asking->request, kind);
    struct ml_access access;
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 512);
    if (!user) {
        return BERTH_OK;
    }
    if (!ml_access_load(root, &arena, &access)) {
        return base_error_memory(asking->error);
    }
    return ml_access_may(kind, right, &access, user)
               ? BERTH_OK
               : ml_access_refuse(subject, id, right, user, asking->error);
}

static bool is_active(const struct asking *asking, enum ml_kind kind) {
    return ml_access_user(asking->plugin, asking->settings, asking->request, kind);
}

/* What belongs to a model or group that is gone is for administrators. */
static int32_t check_orphan(const struct asking *asking, enum ml_kind subject,
                            struct berth_str id) {
    const struct berth_user *user =
        ml_access_user(asking->plugin, asking->settings, asking->request, ML_GROUP);
    return user->is_admin ? BERTH_OK
                          : ml_access_refuse(subject, id, ML_MAY_USE, user, asking->error);
}

/* A model has the access of its group. */
static int32_t check_model(const struct asking *asking, struct json_value model,
                           enum ml_kind subject, struct berth_str id) {
    struct berth_str group_id;
    ML_DOCUMENT_AUTO group = {0};
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 256);
    struct json_value member = json_get(model, "model_group_id");
    if (!is_active(asking, ML_GROUP) || !json_is(member, JSON_STRING)) {
        return BERTH_OK;
    }
    if (!json_string(member, &arena, &group_id)) {
        return base_error_memory(asking->error);
    }
    int32_t code = ml_document_get(asking->plugin, ML_GROUP, group_id, &group, asking->error);
    return code == BERTH_E_NOT_FOUND ? check_orphan(asking, subject, id)
           : code                    ? code
                  : check_object(asking, ML_GROUP, group.root, ML_MAY_USE, subject, id);
}

static int32_t check_of_model(const struct asking *asking, struct json_value root,
                              enum ml_kind subject, struct berth_str id) {
    struct berth_str model_id = {"", 0};
    ML_DOCUMENT_AUTO model = {0};
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 256);
    if (!is_active(asking, ML_GROUP)) {
        return BERTH_OK;
    }
    struct json_value member = json_get(root, "model_id");
    if (json_is(member, JSON_STRING) && !json_string(member, &arena, &model_id)) {
        return base_error_memory(asking->error);
    }
    int32_t code = model_id.len
                       ? ml_document_get(asking->plugin, ML_MODEL, model_id, &model, asking->error)
                       : BERTH_E_NOT_FOUND;
    return code == BERTH_E_NOT_FOUND ? check_orphan(asking, subject, id)
           : code                    ? code
                                     : check_model(asking, model.root, subject, id);
}

static int32_t check(const struct asking *asking, enum ml_kind kind, struct json_value root,
                     struct berth_str id, enum ml_right right) {
    switch (kind) {
    case ML_CONNECTOR:
    case ML_GROUP:
        return check_object(asking, kind, root, right, kind, id);
    case ML_MODEL:
        return check_model(asking, root, kind, id);
    case ML_TASK:
    case ML_CONTROLLER:
        return check_of_model(asking, root, kind, id);
    default:
        return BERTH_OK; /* of nobody */
    }
}

static int32_t get(const struct asking *asking, enum ml_kind kind, struct berth_str id,
                   enum ml_right right, struct ml_document *out_document) {
    int32_t code = ml_document_get(asking->plugin, kind, id, out_document, asking->error);
    code = code ? code : check(asking, kind, out_document->root, id, right);
    if (code) {
        ml_document_release(out_document);
        *out_document = (struct ml_document){0};
    }
    return code;
}

int32_t ml_access_get(struct ml_call *call, enum ml_kind kind, struct berth_str id,
                      enum ml_right right, struct ml_document *out_document) {
    struct asking asking = asking_of(call);
    return get(&asking, kind, id, right, out_document);
}

int32_t ml_access_require(struct ml_call *call, enum ml_kind kind, struct berth_str id,
                          enum ml_right right) {
    struct asking asking = asking_of(call);
    ML_DOCUMENT_AUTO document = {0};
    return is_active(&asking, kind) ? get(&asking, kind, id, right, &document) : BERTH_OK;
}

int32_t ml_access_require_model(struct ml_plugin *plugin, const struct ml_settings *settings,
                                struct berth_request *request, struct berth_str id,
                                struct berth_error *error) {
    struct asking asking = {plugin, settings, request, error};
    ML_DOCUMENT_AUTO model = {0};
    return is_active(&asking, ML_MODEL) ? get(&asking, ML_MODEL, id, ML_MAY_USE, &model) : BERTH_OK;
}
