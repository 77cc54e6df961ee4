/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/transfer.h"

#include "base/json_write.h"
#include "host/store/cluster_settings.h"
#include "host/store/store_internal.h"

#include <stdlib.h>

#define VERSION 1
#define LINE_MAX_BYTES ((size_t)64 << 20)
/* Documents of one write, and their bytes: a transaction of etcd has at most 1.5 MiB. */
#define GROUP_MAX BERTH_WRITES_MAX
#define GROUP_BYTES ((size_t)256 << 10)

static bool is_left_out(struct berth_str index, struct berth_str id) {
    return base_str_is(index, ".berth-cluster") ||
           (base_str_is(index, CLUSTER_SETTINGS_INDEX) && base_str_is(id, "transient"));
}

/* ---- export ---- */

static void put_line(struct base_buf *line, struct berth_str index, struct berth_str id,
                     struct berth_str source) {
    base_buf_clear(line);
    json_open_object(line);
    json_member_string(line, "index", index);
    json_member_string(line, "id", id);
    json_key(line, "source");
    json_minify(line, source); /* on one line, however it was written */
    json_close_object(line);
    base_buf_char(line, '\n');
}

static int32_t write_all(struct database *db, FILE *out, uint64_t *out_count,
                         struct berth_error *error) {
    BASE_BUF_AUTO line;
    base_buf_init(&line, LINE_MAX_BYTES);
    sqlite3_stmt *all = database_statement(db, SQL_DOC_ALL);
    bool ok = fprintf(out, "{\"berth_documents\":%d}\n", VERSION) > 0;
    int32_t code = 0;
    while (ok && (code = database_step(db, all, error)) == 1) {
        struct berth_str index = database_str(all, 0);
        struct berth_str id = database_str(all, 1);
        if (is_left_out(index, id)) {
            continue;
        }
        put_line(&line, index, id, database_str(all, 2));
        if (line.error) {
            code = base_error_memory(error);
            break;
        }
        ok = fwrite(line.ptr, 1, line.len, out) == line.len;
        (*out_count)++;
    }
    if (all) {
        (void)sqlite3_reset(all);
    }
    ok = ok && fflush(out) == 0;
    return code < 0 ? code
           : ok     ? BERTH_OK
                    : base_error(error, BERTH_E_IO, "the documents cannot be written");
}

int32_t transfer_export(struct store *store, FILE *out, uint64_t *out_count,
                        struct berth_error *error) {
    *out_count = 0;
    int32_t code = store_catch_up(store, error);
    if (code) {
        return code;
    }
    struct database *db = store_take_reader(store);
    code = write_all(db, out, out_count, error);
    store_give_reader(store, db);
    return code;
}

/* ---- import ---- */

/* What a line says: in its text and its arena. */
struct document {
    struct berth_str index;
    struct berth_str id;
    struct berth_str source;
};

struct group {
    struct berth_write writes[GROUP_MAX];
    struct base_arena arena;
    uint64_t lines[GROUP_MAX];
    uint32_t count;
    size_t bytes;
};

static int32_t refuse_line(uint64_t number, int32_t code, const struct berth_error *why,
                           struct berth_error *error) {
    return base_error(error, code, "line %llu: %.700s", (unsigned long long)number, why->message);
}

/* What the store refuses of a group is the fault of one of its lines: it does not say which. */
static int32_t write_group(struct store *store, struct group *group, uint64_t *count,
                           struct berth_error *error) {
    struct berth_error why = BASE_ERROR_INIT;
    int32_t code =
        group->count ? store_write(store, group->writes, group->count, NULL, &why) : BERTH_OK;
    if (code && group->count == 1) {
        (void)refuse_line(group->lines[0], code, &why, error);
    } else if (code) {
        (void)base_error(error, code, "lines %llu to %llu: %.700s",
                         (unsigned long long)group->lines[0],
                         (unsigned long long)group->lines[group->count - 1], why.message);
    }
    *count += code ? 0 : group->count;
    base_arena_reset(&group->arena);
    group->count = 0;
    group->bytes = 0;
    return code;
}

static int32_t read_first(struct berth_str text, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    int64_t version = 0;
    if (!json_parse(&doc, text, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_PARSE, "it", error);
    }
    return json_i64(json_get(json_root(&doc), "berth_documents"), &version) && version == VERSION
               ? BERTH_OK
               : base_error(error, BERTH_E_PARSE,
                            "it does not say {\"berth_documents\":%d}: this is no export of "
                            "Berth, or one of a later version",
                            VERSION);
}

static int32_t read_document(struct json_doc *doc, struct berth_str text, struct base_arena *arena,
                             struct document *out_document, struct berth_error *error) {
    struct json_error fault;
    if (!json_parse(doc, text, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_PARSE, "it", error);
    }
    struct json_value index = json_get(json_root(doc), "index");
    struct json_value id = json_get(json_root(doc), "id");
    struct json_value source = json_get(json_root(doc), "source");
    if (!json_is(index, JSON_STRING) || !json_is(id, JSON_STRING) ||
        !json_is(source, JSON_OBJECT)) {
        return base_error(error, BERTH_E_PARSE, "it has not [index], [id] and an object [source]");
    }
    if (doc->deepest > STORE_DEPTH_MAX + 1) { /* the line's own object is one more */
        return base_error(error, BERTH_E_PARSE, "[source] is nested at most %u deep",
                          STORE_DEPTH_MAX);
    }
    struct document document = {.source = json_raw(source)};
    if (!json_string(index, arena, &document.index) || !json_string(id, arena, &document.id)) {
        return base_error_memory(error);
    }
    if (!store_is_index_name(document.index) || !store_is_id(document.id)) {
        return base_error(error, BERTH_E_PARSE,
                          "[index] is to have 1 to %u bytes and no slash, [id] 1 to %u bytes",
                          BERTH_INDEX_NAME_MAX, BERTH_ID_MAX);
    }
    *out_document = document;
    return BERTH_OK;
}

/* Whether the group is to be written first: a group names a document once, and has a bound, which
 * a larger document passes alone. */
static bool is_behind(const struct group *group, const struct document *document) {
    if (group->count == GROUP_MAX || group->bytes + BASE_LEN(document->source) > GROUP_BYTES) {
        return true;
    }
    for (uint32_t i = 0; i < group->count; i++) {
        if (base_str_eq(group->writes[i].id, document->id) &&
            base_str_eq(group->writes[i].index, document->index)) {
            return true;
        }
    }
    return false;
}

static int32_t add_document(struct store *store, struct group *group,
                            const struct document *document, uint64_t number,
                            struct berth_error *error) {
    struct berth_write write = {.size = sizeof write,
                                .op = BERTH_WRITE_PUT,
                                .index = base_arena_dup(&group->arena, document->index),
                                .id = base_arena_dup(&group->arena, document->id),
                                .source = base_arena_dup(&group->arena, document->source)};
    struct store_index *known = NULL;
    if (!write.index.ptr || !write.id.ptr || !write.source.ptr) {
        return base_error_memory(error);
    }
    int32_t code = store_adopt_index(store, write.index, &known, error);
    if (!code) {
        group->lines[group->count] = number;
        group->writes[group->count++] = write;
        group->bytes += BASE_LEN(write.source);
    }
    return code;
}

static int32_t take_line(struct store *store, struct group *group, struct berth_str text,
                         uint64_t number, uint64_t *count, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    BASE_ARENA_AUTO arena;
    struct document document;
    struct berth_error why = BASE_ERROR_INIT;
    base_arena_init(&arena, 1024);
    int32_t code =
        number == 1 ? read_first(text, &why) : read_document(&doc, text, &arena, &document, &why);
    if (code) {
        return refuse_line(number, code, &why, error);
    }
    if (number == 1 || is_left_out(document.index, document.id)) {
        return BERTH_OK;
    }
    if (is_behind(group, &document)) {
        code = write_group(store, group, count, error);
        if (code) {
            return code;
        }
    }
    code = add_document(store, group, &document, number, &why);
    return code ? refuse_line(number, code, &why, error) : BERTH_OK;
}

static int32_t take_lines(struct store *store, struct group *group, FILE *in, uint64_t *count,
                          struct berth_error *error) {
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    uint64_t number = 0;
    int32_t code = BERTH_OK;
    while (!code && (len = getline(&line, &size, in)) > 0) {
        code = take_line(store, group, base_str_trim(base_str(line, (size_t)len)), ++number, count,
                         error);
    }
    free(line);
    if (!code && !feof(in)) {
        code = base_error(error, BERTH_E_IO, "line %llu: it cannot be read",
                          (unsigned long long)number + 1);
    } else if (!code && number == 0) {
        code = base_error(error, BERTH_E_PARSE, "line 1: there is none");
    }
    return code;
}

int32_t transfer_import(struct store *store, FILE *in, uint64_t *out_count,
                        struct berth_error *error) {
    struct group group = {0};
    struct berth_error why = BASE_ERROR_INIT;
    *out_count = 0;
    base_arena_init(&group.arena, 65536);
    int32_t code = take_lines(store, &group, in, out_count, &why);
    /* What lies before a line that is none is written all the same; where that fails, it is told
     * of instead, as it comes first. */
    int32_t written = write_group(store, &group, out_count, error);
    base_arena_deinit(&group.arena);
    return written ? written : code ? base_error(error, code, "%.900s", why.message) : BERTH_OK;
}
