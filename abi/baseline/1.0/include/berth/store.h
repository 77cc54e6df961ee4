/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.store/1: JSON documents with versions, compare-and-set, search, a change feed.
 *
 * A write is acknowledged when it is durable and when every watch of this node has seen it, so
 * that whoever is answered after it reads its own write. All calls but document_release and
 * text_release may block: they are made on a worker or on the control thread. A watch callback
 * reads, but does not write: it would wait for itself.
 */
#ifndef BERTH_STORE_H
#define BERTH_STORE_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_STORE_ID "berth.store/1"

struct berth_host;

/* An id that the host makes: 20 characters of the URL-safe base64 alphabet, 120 random bits. */
#define BERTH_ID_LENGTH 20u

/* The longest id and the longest name of an index, in bytes; writes at once in one call. */
#define BERTH_ID_MAX 512u
#define BERTH_INDEX_NAME_MAX 128u
#define BERTH_WRITES_MAX 64u

/* A stored document. The host owns it; it is released with document_release. */
struct berth_document {
    uint32_t size;
    uint32_t reserved;
    struct berth_str index;
    struct berth_str id;
    /* A JSON object. */
    struct berth_str source;
    uint64_t version;
    /* Larger than that of every earlier change; those of one group may have the same. */
    uint64_t seq_no;
    uint64_t primary_term;
};
BERTH_ASSERT_SIZE(struct berth_document, 80);
BERTH_ASSERT_OFFSET(struct berth_document, index, 8);
BERTH_ASSERT_OFFSET(struct berth_document, id, 24);
BERTH_ASSERT_OFFSET(struct berth_document, source, 40);
BERTH_ASSERT_OFFSET(struct berth_document, version, 56);
BERTH_ASSERT_OFFSET(struct berth_document, seq_no, 64);
BERTH_ASSERT_OFFSET(struct berth_document, primary_term, 72);

/*
 * An index to be declared. mapping is a JSON object in the form of OpenSearch's mappings:
 * {"properties": {"name": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}}.
 * A field of type "secret" is neither searched nor shown in a search result.
 */
struct berth_index {
    uint32_t size;
    uint32_t reserved;
    struct berth_str name;
    struct berth_str mapping;
};
BERTH_ASSERT_SIZE(struct berth_index, 40);
BERTH_ASSERT_OFFSET(struct berth_index, name, 8);
BERTH_ASSERT_OFFSET(struct berth_index, mapping, 24);

struct berth_index_info {
    uint32_t size;
    /* 1 once a document was ever written to it. */
    uint32_t exists;
    uint64_t document_count;
};
BERTH_ASSERT_SIZE(struct berth_index_info, 16);
BERTH_ASSERT_OFFSET(struct berth_index_info, document_count, 8);

/* berth_write.op */
#define BERTH_WRITE_PUT 1u
#define BERTH_WRITE_CREATE 2u
#define BERTH_WRITE_DELETE 3u

/* berth_write.flags: the write is refused with CONFLICT unless if_seq_no is the present one. */
#define BERTH_WRITE_IF_SEQ_NO 1u
/*
 * berth_write.flags: searches may go on to show the document as it was until the index is
 * refreshed: by a write without this flag, or when the refresh interval has passed. For a PUT over
 * an existing document; get, scan and watches see the new one at once.
 */
#define BERTH_WRITE_REFRESH_LATER 2u

/* One write of a group that is made as a whole or not at all. */
struct berth_write {
    uint32_t size;
    uint32_t op;
    uint32_t flags;
    uint32_t reserved;
    struct berth_str index;
    struct berth_str id;
    struct berth_str source;
    uint64_t if_seq_no;
};
BERTH_ASSERT_SIZE(struct berth_write, 72);
BERTH_ASSERT_OFFSET(struct berth_write, index, 16);
BERTH_ASSERT_OFFSET(struct berth_write, id, 32);
BERTH_ASSERT_OFFSET(struct berth_write, source, 48);
BERTH_ASSERT_OFFSET(struct berth_write, if_seq_no, 64);

/* berth_write_result.result */
#define BERTH_WRITE_CREATED 1u
#define BERTH_WRITE_UPDATED 2u
#define BERTH_WRITE_DELETED 3u
#define BERTH_WRITE_NOT_FOUND 4u

struct berth_write_result {
    uint32_t size;
    uint32_t result;
    uint64_t version;
    uint64_t seq_no;
    uint64_t primary_term;
};
BERTH_ASSERT_SIZE(struct berth_write_result, 32);
BERTH_ASSERT_OFFSET(struct berth_write_result, version, 8);
BERTH_ASSERT_OFFSET(struct berth_write_result, seq_no, 16);
BERTH_ASSERT_OFFSET(struct berth_write_result, primary_term, 24);

/* berth_search.flags: the index is refreshed first, so that no write is missed. */
#define BERTH_SEARCH_REFRESH 1u

/* A search: the body as a client sends it, and a query that every hit must satisfy besides. */
struct berth_search {
    uint32_t size;
    uint32_t flags;
    struct berth_str index;
    struct berth_str body;
    /* A query such as {"term": {...}}; absent: none. */
    struct berth_str filter;
};
BERTH_ASSERT_SIZE(struct berth_search, 56);
BERTH_ASSERT_OFFSET(struct berth_search, index, 8);
BERTH_ASSERT_OFFSET(struct berth_search, body, 24);
BERTH_ASSERT_OFFSET(struct berth_search, filter, 40);

/* Text that the host made; released with text_release. */
struct berth_text {
    uint32_t size;
    uint32_t reserved;
    struct berth_str text;
};
BERTH_ASSERT_SIZE(struct berth_text, 24);
BERTH_ASSERT_OFFSET(struct berth_text, text, 8);

/* A change that was made. document is NULL when it was deleted. */
struct berth_change {
    uint32_t size;
    uint32_t reserved;
    struct berth_str index;
    struct berth_str id;
    const struct berth_document *document;
    uint64_t seq_no;
};
BERTH_ASSERT_SIZE(struct berth_change, 56);
BERTH_ASSERT_OFFSET(struct berth_change, index, 8);
BERTH_ASSERT_OFFSET(struct berth_change, id, 24);
BERTH_ASSERT_OFFSET(struct berth_change, document, 40);
BERTH_ASSERT_OFFSET(struct berth_change, seq_no, 48);

/*
 * Tells changes, in the order in which they were made.
 * @thread feed
 * @state LOADED CREATED STARTED SERVING DRAINING
 * @owner borrows the changes and their documents until return
 * @errors none
 */
typedef void (*berth_watch_fn)(void *user, const struct berth_change *changes, uint32_t count);

/*
 * Given one document of a scan. Returns 0 to go on, another value to end the scan.
 * @thread control worker
 * @state LOADED CREATED STARTED SERVING DRAINING
 * @owner borrows the document until return
 * @errors none
 */
typedef int32_t (*berth_scan_fn)(void *user, const struct berth_document *document);

struct berth_store_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Declares an index. Declared again with another mapping, it is indexed anew.
     * @thread control
     * @state CREATED
     * @owner the host copies the index
     * @errors INVALID STATE IO NO_MEMORY
     */
    int32_t (*declare_index)(const struct berth_host *host, const struct berth_index *index,
                             struct berth_error *error);

    /*
     * Tells whether an index exists and how many documents it has.
     * @thread control worker
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the caller owns out_info and sets its size
     * @errors IO NO_MEMORY STATE
     */
    int32_t (*index_info)(const struct berth_host *host, struct berth_str index,
                          struct berth_index_info *out_info, struct berth_error *error);

    /*
     * Writes a zero-terminated random id of BERTH_ID_LENGTH characters.
     * @thread any
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the caller owns out_id, which has room for BERTH_ID_LENGTH + 1 bytes
     * @errors none
     */
    void (*generate_id)(const struct berth_host *host, char *out_id);

    /*
     * Reads a document.
     * @thread control worker feed
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the caller releases the document
     * @errors NOT_FOUND IO CORRUPT NO_MEMORY STATE
     */
    int32_t (*get)(const struct berth_host *host, struct berth_str index, struct berth_str id,
                   const struct berth_document **out_document, struct berth_error *error);

    /*
     * Gives back a document that get gave.
     * @thread any
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner consumes the document; NULL is allowed
     * @errors none
     */
    void (*document_release)(const struct berth_document *document);

    /*
     * Makes up to BERTH_WRITES_MAX writes of as many documents, all or none. out_results has one
     * element for each, whose size the caller sets; NULL where the results do not matter.
     * @thread control worker
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner borrows the writes until return; the caller owns out_results
     * @errors INVALID CONFLICT EXISTS TOO_LARGE IO UNAVAILABLE NO_MEMORY STATE
     */
    int32_t (*write)(const struct berth_host *host, const struct berth_write *writes,
                     uint32_t count, struct berth_write_result *out_results,
                     struct berth_error *error);

    /*
     * Calls fn for every document of an index, in no order that may be relied on.
     * @thread control worker
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the host owns each document, which is valid during fn
     * @errors IO CORRUPT NO_MEMORY STATE
     */
    int32_t (*scan)(const struct berth_host *host, struct berth_str index, berth_scan_fn fn,
                    void *user, struct berth_error *error);

    /*
     * Searches. The text is a search answer: took, timed_out, _shards, hits, aggregations.
     * @thread control worker
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner the caller releases the text
     * @errors INVALID PARSE UNSUPPORTED IO NO_MEMORY STATE
     */
    int32_t (*search)(const struct berth_host *host, const struct berth_search *search,
                      const struct berth_text **out_text, struct berth_error *error);

    /*
     * Gives back text that search gave.
     * @thread any
     * @state LOADED CREATED STARTED SERVING DRAINING
     * @owner consumes the text; NULL is allowed
     * @errors none
     */
    void (*text_release)(const struct berth_text *text);

    /*
     * Has fn called with every change of an index, in order, one call at a time.
     * @thread control
     * @state CREATED
     * @owner borrows user until stop has returned
     * @errors INVALID STATE NO_MEMORY
     */
    int32_t (*watch)(const struct berth_host *host, struct berth_str index, berth_watch_fn fn,
                     void *user, struct berth_error *error);
};
BERTH_ASSERT_SIZE(struct berth_store_v1, 88);
BERTH_ASSERT_OFFSET(struct berth_store_v1, declare_index, 8);
BERTH_ASSERT_OFFSET(struct berth_store_v1, index_info, 16);
BERTH_ASSERT_OFFSET(struct berth_store_v1, generate_id, 24);
BERTH_ASSERT_OFFSET(struct berth_store_v1, get, 32);
BERTH_ASSERT_OFFSET(struct berth_store_v1, document_release, 40);
BERTH_ASSERT_OFFSET(struct berth_store_v1, write, 48);
BERTH_ASSERT_OFFSET(struct berth_store_v1, scan, 56);
BERTH_ASSERT_OFFSET(struct berth_store_v1, search, 64);
BERTH_ASSERT_OFFSET(struct berth_store_v1, text_release, 72);
BERTH_ASSERT_OFFSET(struct berth_store_v1, watch, 80);

BERTH_EXTERN_C_END

#endif
