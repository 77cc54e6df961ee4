/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes a request: a user by HTTP basic authentication, by a bearer token or by a certificate.
 *
 * A password or a token is checked on the worker pool, since that is slow by design; what came of
 * it is kept for a while on the loop that asked, under a keyed hash of what the client sent, and
 * forgotten at once when users change. Without users there is no struct security, and everything is
 * open.
 */
#ifndef HOST_SECURITY_SECURITY_H
#define HOST_SECURITY_SECURITY_H

#include "host/loop/loop.h"
#include "host/loop/worker.h"
#include "host/security/caller.h"
#include "host/security/jwt.h"

/* Bytes of a keyed hash. */
#define SECURITY_MAC_SIZE 32u
/* The longest Authorization header that is looked at. */
#define SECURITY_HEADER_MAX 8192u

struct security;

/* Whether clients' certificates make users, and what in them names the user. */
enum security_certificates {
    SECURITY_CERTIFICATES_OFF,
    SECURITY_CERTIFICATES_BY_CN,
    SECURITY_CERTIFICATES_BY_DN, /* the whole name */
};

struct security_options {
    const char *directory; /* of the files; copied */
    struct loop_group *loops;
    struct worker_pool *workers;
    uint64_t cache_ms;      /* how long a checked password is believed */
    uint32_t allowed_tries; /* that fail, for one name from one address; 0: not limited */
    uint64_t tries_window_ms;
    struct security_overlay overlay; /* over the files; apply is NULL: none */
    struct name_list admin_names;    /* in certificates, of administrators; copied */
    enum security_certificates certificate_users;
    struct jwt_verifier *jwt; /* taken over, also on failure; NULL: no tokens */
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

/* Whether the files and the overlay would be taken with another overlay over them. */
int32_t security_try(struct security *security, const struct security_overlay *overlay,
                     struct berth_error *error);

/* What is in force, with a reference. */
struct security_config *security_config_in_force(struct security *security);

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
    uint64_t expires_ns; /* what it found holds so long */
    struct security_caller *caller;
    enum security_result result;
    unsigned char mac[SECURITY_MAC_SIZE];
    char address[64]; /* the client's */
    uint32_t header_len;
    char header[SECURITY_HEADER_MAX]; /* wiped when the worker has looked */
};

/* What a client shows of itself; empty texts: nothing. */
struct security_shown {
    struct berth_str authorization; /* the header */
    struct berth_str address;
    struct berth_str certificate; /* the name in it, when TLS has found it good */
};

/*
 * Tells who a client is: an administrator's certificate counts before the header, another one
 * where there is no header. KNOWN gives a caller, to be released. A login is asked for by make
 * only where a worker must look. On the loop.
 */
enum security_result security_authenticate(struct security *security, struct loop *loop,
                                           const struct security_shown *shown,
                                           struct security_login *(*make)(void *user), void *user,
                                           struct security_caller **out_caller);

#endif
