/* SPDX-License-Identifier: Apache-2.0 */
#include "base/curl/curl_late.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

/* The ABI of libcurl since 2006, whatever TLS library it was built with. */
#define LIBRARY "libcurl.so.4"

#define FUNCTIONS(X)                                                                               \
    X(curl_global_init)                                                                            \
    X(curl_easy_init)                                                                              \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_reset)                                                                             \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_pause)                                                                             \
    X(curl_easy_strerror)                                                                          \
    X(curl_multi_init)                                                                             \
    X(curl_multi_cleanup)                                                                          \
    X(curl_multi_setopt)                                                                           \
    X(curl_multi_assign)                                                                           \
    X(curl_multi_add_handle)                                                                       \
    X(curl_multi_remove_handle)                                                                    \
    X(curl_multi_socket_action)                                                                    \
    X(curl_multi_perform)                                                                          \
    X(curl_multi_poll)                                                                             \
    X(curl_multi_wakeup)                                                                           \
    X(curl_easy_perform)                                                                           \
    X(curl_multi_info_read)

/* Filled once by load, and constant from then on. */
static struct {
#define MEMBER(name) __typeof__(&(name)) name;
    FUNCTIONS(MEMBER)
#undef MEMBER
    bool is_loaded;
} library;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    /* Never unloaded: it and its libraries have state of the process. */
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    bool is_complete = handle;
#define FIND(name)                                                                                 \
    {                                                                                              \
        void *at = is_complete ? dlsym(handle, #name) : NULL;                                      \
        memcpy(&library.name, &at, sizeof at);                                                     \
        is_complete = at;                                                                          \
    }
    FUNCTIONS(FIND)
#undef FIND
    library.is_loaded = is_complete && (library.curl_global_init)(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (handle) {
        (void)dlclose(handle);
    }
}

bool base_curl_load(void) {
    return pthread_once(&once, load) == 0 && library.is_loaded;
}

/* ---- its functions; the parentheses keep its macros of the same names away ---- */

CURL *(curl_easy_init)(void) {
    return (library.curl_easy_init)();
}

void(curl_easy_cleanup)(CURL *easy) {
    (library.curl_easy_cleanup)(easy);
}

void(curl_easy_reset)(CURL *easy) {
    (library.curl_easy_reset)(easy);
}

CURLcode(curl_easy_pause)(CURL *easy, int what) {
    return (library.curl_easy_pause)(easy, what);
}

const char *(curl_easy_strerror)(CURLcode code) {
    return (library.curl_easy_strerror)(code);
}

/* The type of what an option takes is told by its number. */
CURLcode(curl_easy_setopt)(CURL *easy, CURLoption option, ...) {
    va_list arguments;
    CURLcode code;
    va_start(arguments, option);
    if (option < CURLOPTTYPE_OBJECTPOINT) {
        code = (library.curl_easy_setopt)(easy, option, va_arg(arguments, long));
    } else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB) {
        code = (library.curl_easy_setopt)(easy, option, va_arg(arguments, curl_off_t));
    } else {
        code = (library.curl_easy_setopt)(easy, option, va_arg(arguments, void *));
    }
    va_end(arguments);
    return code;
}

CURLcode(curl_easy_getinfo)(CURL *easy, CURLINFO info, ...) {
    va_list arguments;
    va_start(arguments, info);
    CURLcode code = (library.curl_easy_getinfo)(easy, info, va_arg(arguments, void *));
    va_end(arguments);
    return code;
}

CURLM *(curl_multi_init)(void) {
    return (library.curl_multi_init)();
}

CURLMcode(curl_multi_cleanup)(CURLM *multi) {
    return multi ? (library.curl_multi_cleanup)(multi) : CURLM_OK;
}

CURLMcode(curl_multi_setopt)(CURLM *multi, CURLMoption option, ...) {
    va_list arguments;
    va_start(arguments, option);
    CURLMcode code = option < CURLOPTTYPE_OBJECTPOINT
                         ? (library.curl_multi_setopt)(multi, option, va_arg(arguments, long))
                         : (library.curl_multi_setopt)(multi, option, va_arg(arguments, void *));
    va_end(arguments);
    return code;
}

CURLMcode(curl_multi_assign)(CURLM *multi, curl_socket_t fd, void *user) {
    return (library.curl_multi_assign)(multi, fd, user);
}

CURLMcode(curl_multi_add_handle)(CURLM *multi, CURL *easy) {
    return (library.curl_multi_add_handle)(multi, easy);
}

CURLMcode(curl_multi_remove_handle)(CURLM *multi, CURL *easy) {
    return (library.curl_multi_remove_handle)(multi, easy);
}

CURLMcode(curl_multi_socket_action)(CURLM *multi, curl_socket_t fd, int events, int *running) {
    return (library.curl_multi_socket_action)(multi, fd, events, running);
}

CURLMsg *(curl_multi_info_read)(CURLM *multi, int *left) {
    return (library.curl_multi_info_read)(multi, left);
}

CURLMcode(curl_multi_perform)(CURLM *multi, int *running) {
    return (library.curl_multi_perform)(multi, running);
}

CURLMcode(curl_multi_poll)(CURLM *multi, struct curl_waitfd more[], unsigned count, int timeout_ms,
                           int *ready) {
    return (library.curl_multi_poll)(multi, more, count, timeout_ms, ready);
}

CURLMcode(curl_multi_wakeup)(CURLM *multi) {
    return (library.curl_multi_wakeup)(multi);
}

CURLcode(curl_easy_perform)(CURL *easy) {
    return (library.curl_easy_perform)(easy);
}
