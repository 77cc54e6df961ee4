/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access control of connectors and model groups, and by its group of all that belongs to a model.
 *
 * It is inactive where its setting is off, where the host has no users, and for what the host does
 * itself; then everybody may do everything, and what only has a meaning with it is refused.
 */
#ifndef ML_REMOTE_ACCESS_H
#define ML_REMOTE_ACCESS_H

#include "plugin/ml_remote/documents.h"

/* Who may use an object; ABSENT: it was made while access control was inactive. */
enum ml_access_mode {
    ML_ACCESS_ABSENT,
    ML_ACCESS_PUBLIC,
    ML_ACCESS_PRIVATE,
    ML_ACCESS_RESTRICTED,
    ML_ACCESS_MODES,
};

/* What one wants to do with it. */
enum ml_right {
    ML_MAY_USE,           /* see it, use it */
    ML_MAY_CHANGE,        /* change or delete it */
    ML_MAY_CHANGE_ACCESS, /* change who may use it */
    ML_RIGHTS,
};

/* What an object says of it; its texts live as long as the object's text and the arena. */
struct ml_access {
    enum ml_access_mode mode;
    struct berth_str owner; /* name; ptr NULL: none */
    const struct berth_str *roles;
    uint32_t role_count;
};

/* Of a stored connector or group. False without memory. */
bool ml_access_load(struct json_value root, struct base_arena *arena, struct ml_access *out_access);

/* Whether both say the same. */
bool ml_access_is(const struct ml_access *access, const struct ml_access *other);

/*
 * Whether a user (NULL: access control is inactive) has a right to a connector or a group. Any
 * thread; takes no memory.
 */
bool ml_access_may(enum ml_kind kind, enum ml_right right, const struct ml_access *access,
                   const struct berth_user *user);

/* Whose rights count; NULL where access control of such objects is inactive. */
const struct berth_user *ml_access_user(struct ml_plugin *plugin,
                                        const struct ml_settings *settings,
                                        struct berth_request *request, enum ml_kind kind);

/* 403 status_exception, which names the user and the object. */
int32_t ml_access_refuse(enum ml_kind kind, struct berth_str id, enum ml_right right,
                         const struct berth_user *user, struct berth_error *error);

/*
 * Reads a document that the caller has the right to: connectors and groups by what they say, models
 * by their group, tasks and controllers by their model. 404 before 403.
 */
int32_t ml_access_get(struct ml_call *call, enum ml_kind kind, struct berth_str id,
                      enum ml_right right, struct ml_document *out_document);
/* The same check alone; reads nothing where access control is inactive. */
int32_t ml_access_require(struct ml_call *call, enum ml_kind kind, struct berth_str id,
                          enum ml_right right);
/* The same of a model, for a request that has no call. */
int32_t ml_access_require_model(struct ml_plugin *plugin, const struct ml_settings *settings,
                                struct berth_request *request, struct berth_str id,
                                struct berth_error *error);

/* The query that finds what the caller may use, in the arena; len 0: all. ptr NULL: no memory. */
struct berth_str ml_access_filter(struct ml_call *call, enum ml_kind kind);

/* ---- what a body says of access ---- */

#define ML_ACCESS_EDITS 3

/*
 * access_mode, backend_roles and add_all_backend_roles of a body for a new object, as members to
 * be stored; 400 where they do not go together or the user may not ask for them. The edits' texts
 * are the call's.
 */
int32_t ml_access_create(struct ml_call *call, enum ml_kind kind, struct ml_edit *edits,
                         size_t *count);
/* The same without a body that says anything: the caller's own, or public. */
int32_t ml_access_default(struct ml_call *call, enum ml_kind kind, struct ml_edit *edits,
                          size_t *count);
/*
 * The same for a change of old; 403 where the body names any of them and the caller is neither
 * owner nor administrator. Adds no edits where it names none.
 */
int32_t ml_access_update(struct ml_call *call, enum ml_kind kind, const struct ml_document *old,
                         struct ml_edit *edits, size_t *count);
/* 400 where a body names any of them that has no effect: access control is inactive. */
int32_t ml_access_check_inactive(struct ml_call *call, enum ml_kind kind);

#endif
