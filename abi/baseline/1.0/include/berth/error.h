/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors that cross the ABI: a code of one closed list, and room for what a person should read.
 *
 * Functions return BERTH_OK or a negative code. Those that take a struct berth_error fill it when
 * they fail; the caller owns it, and it is never left over from an earlier failure, since a
 * function that succeeds does not touch it. Nothing unwinds across the line: no exceptions, no
 * longjmp, no errno.
 */
#ifndef BERTH_ERROR_H
#define BERTH_ERROR_H

#include "types.h"

/* X(name, code, HTTP status, REST error type, meaning). A published code never changes. */
#define BERTH_ERROR_LIST(X)                                                                        \
    X(INVALID, -1, 400, "illegal_argument_exception", "an argument or a request is not valid")     \
    X(PARSE, -2, 400, "parse_exception", "text could not be read as what it should be")            \
    X(DENIED, -3, 403, "security_exception", "the caller may not do this")                         \
    X(NOT_FOUND, -4, 404, "resource_not_found_exception", "there is no such thing")                \
    X(EXISTS, -5, 409, "status_exception", "a thing of that name or id is there already")          \
    X(CONFLICT, -6, 409, "version_conflict_engine_exception", "it was changed meanwhile")          \
    X(TOO_LARGE, -7, 413, "status_exception", "a size limit is exceeded")                          \
    X(LIMIT, -8, 429, "rejected_execution_exception", "a limit of count or rate is reached")       \
    X(CANCELLED, -9, 499, "task_cancelled_exception", "the client left or the work was ended")     \
    X(INTERNAL, -10, 500, "exception", "a fault of the program itself")                            \
    X(STATE, -11, 500, "illegal_state_exception", "not allowed in this state or on this thread")   \
    X(IO, -12, 500, "i_o_exception", "reading or writing failed")                                  \
    X(CORRUPT, -13, 500, "i_o_exception", "stored data is not what was written")                   \
    X(UNSUPPORTED, -14, 501, "unsupported_operation_exception", "this build cannot do that")       \
    X(UNAVAILABLE, -15, 503, "status_exception", "a service that is needed does not answer")       \
    X(NO_MEMORY, -16, 503, "circuit_breaking_exception", "memory could not be had")                \
    X(TIMEOUT, -17, 504, "status_exception", "it took longer than allowed")

enum {
    BERTH_OK = 0,
#define BERTH_ERROR_CODE(name, code, status, type, meaning) BERTH_E_##name = (code),
    BERTH_ERROR_LIST(BERTH_ERROR_CODE)
#undef BERTH_ERROR_CODE
};

#define BERTH_ERROR_TYPE_MAX 64
#define BERTH_ERROR_MESSAGE_MAX 944

/*
 * What failed, for people and for the REST answer. The caller sets size to sizeof the struct that
 * it was compiled with and passes it in; the callee writes code and, zero-terminated and cut at
 * the end of the array if need be, message. status and type are 0 and "" where the defaults of
 * the code (BERTH_ERROR_LIST) hold; "a/b" is an error of type a whose root cause is of type b.
 * retry_after_s goes with the statuses 429 and 503: seconds after which it is worth asking again,
 * 0 for one.
 */
struct berth_error {
    uint32_t size;
    int32_t code;
    uint32_t status;
    uint32_t retry_after_s;
    char type[BERTH_ERROR_TYPE_MAX];
    char message[BERTH_ERROR_MESSAGE_MAX];
};
BERTH_ASSERT_SIZE(struct berth_error, 1024);
BERTH_ASSERT_OFFSET(struct berth_error, code, 4);
BERTH_ASSERT_OFFSET(struct berth_error, status, 8);
BERTH_ASSERT_OFFSET(struct berth_error, retry_after_s, 12);
BERTH_ASSERT_OFFSET(struct berth_error, type, 16);
BERTH_ASSERT_OFFSET(struct berth_error, message, 80);

#endif
