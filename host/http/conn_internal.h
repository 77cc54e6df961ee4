/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reading and the writing half of a connection share. Internal to conn*.c.
 */
#ifndef HOST_HTTP_CONN_INTERNAL_H
#define HOST_HTTP_CONN_INTERNAL_H

#include "host/http/conn.h"

/* Ends what a connection waits for, or begins another wait. */
void http_conn_wait_none(struct http_conn *conn);
void http_conn_wait_for(struct http_conn *conn, enum http_wait kind);

/* Goes on with the requests that came while one was being answered. */
void http_conn_process_ahead(struct http_conn *conn);

/* Where all that was queued is sent, the connection closes or goes on. */
void http_conn_after_write(struct http_conn *conn);

/* Sends bytes that are what the socket gets; takes them out of the buffer. */
void http_conn_send_wire(struct http_conn *conn, struct base_buf *wire);

#endif
