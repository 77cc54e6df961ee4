/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What etcd tells a watch, apart from how it is asked: pages of a list of keys, and the lines of a
 * stream, in whatever pieces they come. One thread uses it. Internal to host/etcd.
 */
#ifndef HOST_ETCD_ETCD_STREAM_H
#define HOST_ETCD_ETCD_STREAM_H

#include "host/etcd/etcd_watch.h"

/* Keys that a page has at most. */
#define ETCD_PAGE_KEYS 500u
/* A line of the stream: the changes of a few revisions. */
#define ETCD_LINE_MAX ((size_t)256 << 20)

struct etcd_stream {
    struct etcd_watch_hooks hooks;
    int64_t revision;     /* that is known; below 0: none, list first */
    struct base_buf line; /* what has come of one */
    bool has_begun;       /* etcd said that it watches */
    int32_t code;         /* why nothing more is taken, since etcd_stream_begin */
    struct berth_error error;
};

void etcd_stream_init(struct etcd_stream *stream, const struct etcd_watch_hooks *hooks,
                      int64_t revision);
void etcd_stream_deinit(struct etcd_stream *stream);

/* Another stream is opened: nothing has come of it. */
void etcd_stream_begin(struct etcd_stream *stream);

/* Takes what came next, and tells the hooks of each line that is whole. False: code says why. */
bool etcd_stream_take(struct etcd_stream *stream, const char *bytes, size_t len);

/*
 * Tells the hooks of a page. revision: that of the first page, on which 0 becomes it. next: the key
 * with which the page behind it begins; empty where there is none, and the revision is known then.
 */
int32_t etcd_stream_page(struct etcd_stream *stream, struct berth_str answer, bool is_first,
                         int64_t *revision, struct base_buf *next, struct berth_error *error);

#endif
