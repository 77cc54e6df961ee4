/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/cluster_identity.h"

#include "base/json_write.h"

static const struct berth_str index_name = BERTH_STR_INIT(".berth-cluster");
static const struct berth_str document_id = BERTH_STR_INIT("cluster");

static int32_t read_uuid(struct store *store, char *out_uuid, struct berth_error *error) {
    const struct berth_document *document = NULL;
    int32_t code = store_get(store, index_name, document_id, &document, error);
    if (code) {
        return code;
    }
    JSON_DOC_AUTO doc = {0};
    struct json_error fault;
    if (!json_parse(&doc, document->source, 0, &fault)) {
        code = json_refuse(&fault, BERTH_E_CORRUPT, "the stored id of the cluster", error);
    }
    struct berth_str uuid = json_inner(json_get(json_root(&doc), "uuid"));
    if (uuid.len == ID_NODE_LENGTH) {
        memcpy(out_uuid, uuid.ptr, ID_NODE_LENGTH);
        out_uuid[ID_NODE_LENGTH] = '\0';
    } else if (!code) {
        code = base_error(error, BERTH_E_CORRUPT, "the stored id of the cluster is none");
    }
    store_document_release(document);
    return code;
}

int32_t cluster_identity_open(struct store *store, char out_uuid[ID_NODE_LENGTH + 1],
                              struct berth_error *error) {
    struct berth_index index = {.size = sizeof index, .name = index_name};
    int32_t code = store_declare_index(store, &index, error);
    code = code ? code : read_uuid(store, out_uuid, error);
    if (code != BERTH_E_NOT_FOUND) {
        return code;
    }
    BASE_BUF_AUTO source;
    base_buf_init(&source, 256);
    id_generate(out_uuid, ID_NODE_LENGTH);
    json_open_object(&source);
    json_member_cstr(&source, "uuid", out_uuid);
    json_close_object(&source);
    if (source.error) {
        return base_error_memory(error);
    }
    struct berth_write create = {.size = sizeof create,
                                 .op = BERTH_WRITE_CREATE,
                                 .index = index_name,
                                 .id = document_id,
                                 .source = base_buf_view(&source)};
    code = store_write(store, &create, 1, NULL, error);
    /* Somebody was faster: theirs is the cluster's. */
    return code == BERTH_E_EXISTS ? read_uuid(store, out_uuid, error) : code;
}
