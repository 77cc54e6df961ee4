/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: compare-and-set, groups of writes, the feed.
 */
#include "kit/probe/probe.h"

static int32_t put(struct probe *p, const char *id, const char *source, uint32_t flags,
                   uint64_t if_seq_no, struct berth_write_result *result) {
    struct berth_error error = {.size = sizeof error};
    const struct berth_write writes[] = {
        {.size = sizeof writes[0],
         .op = BERTH_WRITE_PUT,
         .index = PROBE_INDEX,
         .id = BERTH_STR("other"),
         .source = {source, strlen(source)}},
        {.size = sizeof writes[0],
         .op = BERTH_WRITE_PUT,
         .flags = flags,
         .index = PROBE_INDEX,
         .id = {id, strlen(id)},
         .source = {source, strlen(source)},
         .if_seq_no = if_seq_no},
    };
    struct berth_write_result results[2] = {{.size = sizeof results[0]},
                                            {.size = sizeof results[0]}};
    int32_t code = p->store->write(p->host, writes, 2, results, &error);
    *result = results[1];
    return code;
}

static void read_back(struct probe *p, const char *id, const char *wanted, enum check check) {
    struct berth_error error = {.size = sizeof error};
    const struct berth_document *document = NULL;
    const struct berth_str name = {id, strlen(id)};
    int32_t code = p->store->get(p->host, PROBE_INDEX, name, &document, &error);
    probe_expect(p, check,
                 !code && probe_rest_is_zero(document, sizeof *document) &&
                     probe_is_text(document->source, wanted) && probe_is_text(document->id, id),
                 "[%s] is read with %" PRId32 ", or is another one", id, code);
    if (!code) {
        p->store->document_release(document);
    }
}

void probe_try_store(struct probe *p) {
    struct berth_write_result first = {0};
    struct berth_write_result second = {0};
    int32_t code = put(p, "one", "{\"n\":1}", 0, 0, &first);
    probe_expect(p, CHECK_GET, !code, "a write fails with %" PRId32, code);
    read_back(p, "one", "{\"n\":1}", CHECK_GET);
    code = put(p, "one", "{\"n\":2}", BERTH_WRITE_IF_SEQ_NO, first.seq_no, &second);
    probe_expect(p, CHECK_CAS, !code, "a write on the state that it names fails with %" PRId32,
                 code);
    code = put(p, "one", "{\"n\":3}", BERTH_WRITE_IF_SEQ_NO, first.seq_no, &second);
    probe_expect(p, CHECK_CAS, code == BERTH_E_CONFLICT,
                 "a write on a state that is gone gives %" PRId32, code);
    read_back(p, "one", "{\"n\":2}", CHECK_CAS);
    read_back(p, "other", "{\"n\":2}", CHECK_ALL_OR_NONE);
}

void probe_seen(void *user, const struct berth_change *changes, uint32_t count) {
    struct probe *p = user;
    for (uint32_t i = 0; i < count; i++) {
        probe_expect(p, CHECK_WATCH,
                     probe_rest_is_zero(&changes[i], sizeof changes[i]) &&
                         changes[i].seq_no > p->last_seq_no,
                     "change %" PRIu64 " comes behind %" PRIu64, changes[i].seq_no, p->last_seq_no);
        p->last_seq_no = changes[i].seq_no;
        p->changes_told++;
    }
}
