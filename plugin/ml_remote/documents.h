/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's documents: their indices, reading them, making a new one out of an old one.
 */
#ifndef ML_REMOTE_DOCUMENTS_H
#define ML_REMOTE_DOCUMENTS_H

#include "plugin/ml_remote/call.h"

/* The kinds of documents; the tables in documents.c tell the rest of each. */
enum ml_kind {
    ML_CONNECTOR,
    ML_MODEL,
    ML_GROUP,
    ML_TASK,
    ML_CONTROLLER,
    ML_CONFIG,
    ML_GROUP_NAME,
    ML_CONNECTOR_USE,
    ML_KINDS,
};

struct berth_str ml_index(enum ml_kind kind);
/* What one of the kind is called in texts: "connector". */
const char *ml_noun(enum ml_kind kind);

/* Declares all indices. In start. */
int32_t ml_documents_declare(struct ml_plugin *plugin, struct berth_error *error);

/* A document that was read, with its parsed source. */
struct ml_document {
    struct ml_plugin *plugin;
    const struct berth_document *stored;
    struct json_doc doc;
    struct json_value root;
};

/* 404 status_exception naming the kind and the id where there is none. */
int32_t ml_document_get(struct ml_plugin *plugin, enum ml_kind kind, struct berth_str id,
                        struct ml_document *out_document, struct berth_error *error);
void ml_document_release(struct ml_document *document);
#define ML_DOCUMENT_AUTO __attribute__((cleanup(ml_document_release))) struct ml_document

/* A member that is set, or removed where raw.ptr is NULL. */
struct ml_edit {
    const char *name;
    struct berth_str raw; /* one JSON value */
};

/*
 * Appends an object: the members of old (which may be absent) with the edits made. Members stand
 * in the order of the kind's table, others behind them.
 */
void ml_document_edit(enum ml_kind kind, struct json_value old, const struct ml_edit *edits,
                      size_t count, struct base_buf *out);

/*
 * Appends old, which may be absent, with the members of patch merged in, objects member by member;
 * null removes (RFC 7396).
 */
void ml_merge(struct json_value old, struct json_value patch, struct base_buf *out);

/* Appends a document as clients see it: without its secret fields. */
void ml_document_show(enum ml_kind kind, struct json_value root, struct base_buf *out);

/*
 * The id of a new document, in the arena: the one that the client chose in the body's member name
 * (400 for one that is no id, 409 for one that is taken), or else a new one.
 */
int32_t ml_new_id(struct ml_call *call, enum ml_kind kind, const char *name,
                  struct berth_str *out_id);

/* ---- writing ---- */

/* Attempts against other writers of the same documents, one of whom comes through each time. */
#define ML_ATTEMPTS_MAX 32
/* Whether a group of writes was refused since somebody came in between. */
static inline bool ml_is_meanwhile(int32_t code) {
    return code == BERTH_E_CONFLICT || code == BERTH_E_EXISTS;
}

/* Appends one write of a group. */
struct berth_write ml_write(enum ml_kind kind, uint32_t op, struct berth_str id,
                            struct berth_str source);
/* The same, refused unless the document is as it was read. */
struct berth_write ml_write_over(const struct ml_document *document, uint32_t op,
                                 struct berth_str source);
/* A client's change of a document, which searches may show a refresh interval later. */
struct berth_write ml_write_update(const struct ml_document *document, struct berth_str source);

int32_t ml_store_write(struct ml_plugin *plugin, const struct berth_write *writes, uint32_t count,
                       struct berth_write_result *out_results, struct berth_error *error);

/* Appends what OpenSearch answers to a document's update or deletion. */
void ml_put_write_result(enum ml_kind kind, struct berth_str id,
                         const struct berth_write_result *result, struct base_buf *out);
/*
 * The same for a deletion, which says so where there was no such document; where there never was
 * one of the kind, it is 404 instead.
 */
int32_t ml_put_deletion(struct ml_call *call, enum ml_kind kind, struct berth_str id,
                        const struct berth_write_result *result);

/* How many documents a query finds, and the ids of the first few, joined by commas. */
#define ML_REFERENCES_SHOWN 10
int32_t ml_count(struct ml_plugin *plugin, enum ml_kind kind, struct berth_str query,
                 int64_t *out_count, struct base_buf *out_ids, struct berth_error *error);

/* The query {"term": {field: value}}, in the arena; ptr NULL without memory. */
struct berth_str ml_term(struct base_arena *arena, const char *field, struct berth_str value);

/* Answers a search of one kind with the call's body, in what the caller may use. */
int32_t ml_search(struct ml_call *call, enum ml_kind kind);

/* Milliseconds since 1970, as raw JSON in the arena. */
struct berth_str ml_now(struct base_arena *arena);
/* A text as raw JSON in the arena; ptr NULL without memory. */
struct berth_str ml_quote(struct base_arena *arena, struct berth_str text);
/* A buffer's content copied to the arena; ptr NULL without memory. */
struct berth_str ml_keep(struct base_arena *arena, const struct base_buf *buf);

#endif
