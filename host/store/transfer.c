/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/transfer.h"

#include "base/json_write.h"
#include "host/store/cluster_settings.h"
#include "host/store/store_internal.h"

#include <stdlib.h>

#define VERSION 1
#define LINE_MAX_BYTES ((size_t)64 << 20)
/* Documents of one write, and their bytes: a transaction of etcd has at most 1.5 MiB. */
#define GROUP_MAX 32u
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

struct group {
    struct berth_write writes[GROUP_MAX];
    struct base_arena arena;
    uint32_t count;
    size_t bytes;
};

static int32_t write_group(struct store *store, struct group *group, uint64_t *count,
                           struct berth_error *error) {
    int32_t code =
        group->count ? store_write(store, group->writes, group->count, NULL, error) : BERTH_OK;
    *count += code ? 0 : group->count;
    base_arena_reset(&group->arena);
    group->count = 0;
    group->bytes = 0;
    return code;
}

static int32_t add_document(struct store *store, struct group *group, struct json_value line,
                            struct berth_error *error) {
    struct berth_write write = {.size = sizeof write, .op = BERTH_WRITE_PUT};
    struct berth_str index;
    struct berth_str id;
    struct json_value source = json_get(line, "source");
    struct store_index *known = NULL;
    if (!json_is(json_get(line, "index"), JSON_STRING) ||
        !json_is(json_get(line, "id"), JSON_STRING) || !json_is(source, JSON_OBJECT)) {
        return base_error(error, BERTH_E_PARSE, "it has not [index], [id] and an object [source]");
    }
    if (!json_string(json_get(line, "index"), &group->arena, &index) ||
        !json_string(json_get(line, "id"), &group->arena, &id)) {
        return base_error_memory(error);
    }
    if (is_left_out(index, id)) {
        return BERTH_OK;
    }
    write.index = base_arena_dup(&group->arena, index);
    write.id = base_arena_dup(&group->arena, id);
    write.source = base_arena_dup(&group->arena, json_raw(source));
    if (!write.index.ptr || !write.id.ptr || !write.source.ptr) {
        return base_error_memory(error);
    }
    int32_t code = store_adopt_index(store, write.index, &known, error);
    if (!code) {
        group->writes[group->count++] = write;
        group->bytes += BASE_LEN(write.source);
    }
    return code;
}

static bool is_named(const struct group *group, struct json_value line) {
    for (uint32_t i = 0; i < group->count; i++) {
        if (base_str_eq(group->writes[i].id, json_inner(json_get(line, "id"))) &&
            base_str_eq(group->writes[i].index, json_inner(json_get(line, "index")))) {
            return true;
        }
    }
    return false;
}

static int32_t take_line(struct store *store, struct group *group, struct berth_str text,
                         bool is_first, uint64_t *count, struct berth_error *error) {
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    int64_t version = 0;
    if (!json_parse(&doc, text, 0, &fault)) {
        return json_refuse(&fault, BERTH_E_PARSE, "it", error);
    }
    if (is_first) {
        bool ok =
            json_i64(json_get(json_root(&doc), "berth_documents"), &version) && version == VERSION;
        return ok ? BERTH_OK
                  : base_error(error, BERTH_E_PARSE,
                               "it does not say {\"berth_documents\":%d}: this is no export of "
                               "Berth, or one of a later version",
                               VERSION);
    }
    int32_t code = BERTH_OK;
    if (group->count == GROUP_MAX || group->bytes > GROUP_BYTES ||
        is_named(group, json_root(&doc))) {
        code = write_group(store, group, count, error);
    }
    return code ? code : add_document(store, group, json_root(&doc), error);
}

int32_t transfer_import(struct store *store, FILE *in, uint64_t *out_count,
                        struct berth_error *error) {
    struct group group = {0};
    struct berth_error why = BASE_ERROR_INIT;
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    uint64_t number = 0;
    int32_t code = BERTH_OK;
    *out_count = 0;
    base_arena_init(&group.arena, 65536);
    while (!code && (len = getline(&line, &size, in)) > 0) {
        number++;
        code = take_line(store, &group, base_str_trim(base_str(line, (size_t)len)), number == 1,
                         out_count, &why);
    }
    if (!code && number == 0) {
        code = base_error(&why, BERTH_E_PARSE, "there is none");
        number = 1;
    }
    code = code ? code : write_group(store, &group, out_count, &why);
    base_arena_deinit(&group.arena);
    free(line);
    return code ? base_error(error, code, "line %llu: %.700s", (unsigned long long)number,
                             why.message)
                : BERTH_OK;
}
