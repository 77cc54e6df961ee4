/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes a request: HTTP basic authentication against the users of a security_config.
 *
 * A password is checked on the worker pool, since that is slow by design; what came of it is kept
 * for a while on the loop that asked, under a keyed hash of what the client sent, and forgotten at
 * once when users change. Without users there is no struct security, and everything is open.
 */
#ifndef HOST_SECURITY_SECURITY_H
#define HOST_SECURITY_SECURITY_H

#include <berth/identity.h>

#include "host/loop/loop.h"
#include "host/loop/worker.h"
#include "host/security/security_config.h"

/* Bytes of a keyed hash. */
#define SECURITY_MAC_SIZE 32u
/* The longest Authorization header that is looked at. */
#define SECURITY_HEADER_MAX 1024u

struct security;

/* A user who was authenticated, with the roles that they have. Belongs to the loop. */
struct security_caller {
    uint32_t references;
    struct berth_user user;
    struct security_config *config; /* a reference: the user's texts are its */
    struct name_list roles;
    struct base_arena arena;
};

struct security_options {
    const char *directory; /* of the files; copied */
    struct loop_group *loops;
    struct worker_pool *workers;
    uint64_t cache_ms;      /* how long a checked password is believed */
    uint32_t allowed_tries; /* that fail, for one name from one address; 0: not limited */
    uint64_t tries_window_ms;
};

/* Reads the files. INVALID names file and line. */
int32_t security_create(const struct security_options *options, struct security **out_security,
                        struct berth_error *error);
/* When loops and workers are stopped. NULL is allowed. */
void security_destroy(struct security *security);

/*
 * Reads the files again. Requests that begin after this returned are answered by what they say; on
 * failure all stays as it was. Any thread but a loop's.
 */
int32_t security_reload(struct security *security, struct berth_error *error);

enum security_result {
    SECURITY_KNOWN,   /* the caller is there */
    SECURITY_NOBODY,  /* no credentials, or wrong ones */
    SECURITY_ASKED,   /* a worker looks; done will be called */
    SECURITY_BLOCKED, /* too many wrong passwords for this name from this address */
    SECURITY_BUSY,    /* too many wait for workers */
    SECURITY_FAILED,  /* out of memory */
};

/* One authentication under way; whoever asks keeps it until done. */
struct security_login {
    struct worker_job job;
    struct loop_job back;
    struct security *security;
    struct loop *loop;
    /* On the loop; result is KNOWN, with a caller that is the callee's to release, or another. */
    void (*done)(struct security_login *login, enum security_result result,
                 struct security_caller *caller);
    void *user;
    uint64_t generation; /* of the users that the worker looked at */
    struct security_caller *caller;
    enum security_result result;
    unsigned char mac[SECURITY_MAC_SIZE];
    char address[64]; /* the client's */
    uint32_t header_len;
    char header[SECURITY_HEADER_MAX]; /* wiped when the worker has looked */
};

/*
 * Tells who sends an Authorization header (empty: none) from an address. KNOWN gives a caller, to
 * be released. A login is asked for by make only where a worker must look. On the loop.
 */
enum security_result security_authenticate(struct security *security, struct loop *loop,
                                           struct berth_str authorization, struct berth_str address,
                                           struct security_login *(*make)(void *user), void *user,
                                           struct security_caller **out_caller);

/* On the loop. NULL is allowed. */
void security_caller_release(struct security_caller *caller);

/* Whether one of the caller's roles has a permission. Any thread. */
bool security_may(const struct security_caller *caller, struct berth_str permission);

#endif
