/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_PIECE 65536

static void close_fd(const int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

#define FD_AUTO __attribute__((cleanup(close_fd))) int

static int32_t io_error(struct berth_error *error, const char *action, const char *path) {
    int32_t code = errno == ENOENT   ? BERTH_E_NOT_FOUND
                   : errno == EACCES ? BERTH_E_DENIED
                                     : BERTH_E_IO;
    return base_error(error, code, "cannot %s [%s]: %s", action, path, strerror(errno));
}

int32_t file_read(const char *path, struct base_buf *out, struct berth_error *error) {
    FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return io_error(error, "open", path);
    }
    for (;;) {
        size_t room = out->max - out->len < READ_PIECE ? out->max - out->len : READ_PIECE;
        char probe = 0;
        char *to = room ? base_buf_reserve(out, room) : &probe;
        if (!to) {
            return base_error_memory(error);
        }
        ssize_t n = read(fd, to, room ? room : 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return io_error(error, "read", path);
        }
        if (n == 0) {
            return BERTH_OK;
        }
        if (room == 0) {
            return base_error(error, BERTH_E_TOO_LARGE, "[%s] is larger than %zu bytes", path,
                              out->max);
        }
        out->len += (size_t)n;
    }
}

static int32_t write_all(int fd, struct berth_str bytes, const char *path,
                         struct berth_error *error) {
    for (uint64_t done = 0; done < bytes.len;) {
        ssize_t n = write(fd, bytes.ptr + done, BASE_LEN(bytes) - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return io_error(error, "write", path);
        }
        done += (uint64_t)n;
    }
    return fsync(fd) == 0 ? BERTH_OK : io_error(error, "sync", path);
}

static int32_t sync_parent(const char *path, struct berth_error *error) {
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) {
        *slash = '\0';
    }
    FD_AUTO fd = open(slash ? (slash == parent ? "/" : parent) : ".", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return io_error(error, "sync the directory of", path);
    }
    return BERTH_OK;
}

int32_t file_write_private(const char *path, struct berth_str bytes, struct berth_error *error) {
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        return base_error(error, BERTH_E_INVALID, "the path [%s] is too long", path);
    }
    FD_AUTO fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return io_error(error, "create", temporary);
    }
    int32_t code = write_all(fd, bytes, temporary, error);
    if (code) {
        return code;
    }
    if (rename(temporary, path) != 0) {
        return io_error(error, "rename to", path);
    }
    return sync_parent(path, error);
}

int32_t file_make_directory(const char *path, struct berth_error *error) {
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) {
        return base_error(error, BERTH_E_INVALID, "the path [%s] is too long", path);
    }
    if (part[0] == '\0') {
        return base_error(error, BERTH_E_INVALID, "the path of a directory is empty");
    }
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        char kept = *p;
        *p = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return io_error(error, "make the directory", part);
        }
        *p = kept;
        if (kept == '\0') {
            break;
        }
    }
    /* What was there already may be a file. */
    struct stat status;
    if (stat(path, &status) != 0) {
        return io_error(error, "look at", path);
    }
    return S_ISDIR(status.st_mode) ? BERTH_OK
                                   : base_error(error, BERTH_E_IO, "[%s] is not a directory", path);
}

int32_t file_sha256(const char *path, char *out_hex, struct berth_error *error) {
    FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return io_error(error, "open", path);
    }
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    char *piece = malloc(READ_PIECE);
    bool ok = digest && piece && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
    ssize_t n = 0;
    while (ok && (n = read(fd, piece, READ_PIECE)) > 0) {
        ok = EVP_DigestUpdate(digest, piece, (size_t)n) == 1;
    }
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    ok = ok && EVP_DigestFinal_ex(digest, hash, &len) == 1;
    EVP_MD_CTX_free(digest);
    free(piece);
    if (n < 0) {
        return io_error(error, "read", path);
    }
    if (!ok) {
        return base_error_memory(error);
    }
    base_hex(hash, len, out_hex);
    return BERTH_OK;
}
