/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/cluster_key.h"

#include "base/json_write.h"

static const struct berth_str index_name = BERTH_STR_INIT(".berth-cluster");
static const struct berth_str document_id = BERTH_STR_INIT("master-key");
/* What is sealed, and for what: anything would do. */
static const struct berth_str context = BERTH_STR_INIT("berth/master-key");
static const struct berth_str plain = BERTH_STR_INIT("the key of this cluster");

static int32_t check(struct store *store, const struct secrets *secrets, const char *data_path,
                     struct berth_error *error) {
    const struct berth_document *document = NULL;
    int32_t code = store_get(store, index_name, document_id, &document, error);
    if (code) {
        return code;
    }
    JSON_DOC_AUTO doc = {0};
    BASE_BUF_AUTO opened;
    struct json_error fault;
    base_buf_init_private(&opened, 4096);
    if (!json_parse(&doc, document->source, 0, &fault)) {
        code = json_refuse(&fault, BERTH_E_CORRUPT, "the stored check of the master key", error);
    } else if (secrets_unseal(secrets, context, json_inner(json_get(json_root(&doc), "sealed")),
                              &opened, error)) {
        code = base_error(error, BERTH_E_INVALID,
                          "the master key of this node is not that of its cluster, whose secrets "
                          "it could not open: copy master.key of another node to [%s/master.key]",
                          data_path);
    }
    store_document_release(document);
    return code;
}

static int32_t seal(struct store *store, const struct secrets *secrets, struct berth_error *error) {
    BASE_BUF_AUTO sealed;
    BASE_BUF_AUTO source;
    base_buf_init(&sealed, 4096);
    base_buf_init(&source, 4096);
    int32_t code = secrets_seal(secrets, context, plain, &sealed, error);
    json_open_object(&source);
    json_member_string(&source, "sealed", base_buf_view(&sealed));
    json_close_object(&source);
    if (code || source.error) {
        return code ? code : base_error_memory(error);
    }
    struct berth_write create = {.size = sizeof create,
                                 .op = BERTH_WRITE_CREATE,
                                 .index = index_name,
                                 .id = document_id,
                                 .source = base_buf_view(&source)};
    return store_write(store, &create, 1, NULL, error);
}

int32_t cluster_key_check(struct store *store, const struct secrets *secrets, const char *data_path,
                          struct berth_error *error) {
    int32_t code = check(store, secrets, data_path, error);
    if (code != BERTH_E_NOT_FOUND) {
        return code;
    }
    code = seal(store, secrets, error);
    /* Somebody was faster: theirs is the cluster's. */
    return code == BERTH_E_EXISTS ? check(store, secrets, data_path, error) : code;
}
