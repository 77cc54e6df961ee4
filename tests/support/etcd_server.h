/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An etcd of one member for the program that runs, on free ports of loopback, in a folder of its
 * own; it ends with the program. Failures end the test.
 */
#ifndef TESTS_SUPPORT_ETCD_SERVER_H
#define TESTS_SUPPORT_ETCD_SERVER_H

/* Starts it, once; gives its address: http://127.0.0.1:port. */
const char *etcd_server(void);

/* Stops it for a while, and has it go on. */
void etcd_server_pause(void);
void etcd_server_resume(void);

/* Ends it, and starts it again with what it has stored. */
void etcd_server_kill(void);
void etcd_server_start_again(void);

#endif
