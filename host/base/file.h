/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole small files: read with a bound, written so that a crash leaves the old or the new one.
 */
#ifndef HOST_BASE_FILE_H
#define HOST_BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the file's bytes. TOO_LARGE when it holds more than the buffer may. */
int32_t file_read(const char *path, struct base_buf *out, struct berth_error *error);

/* Writes a file of mode 0600 under another name, syncs it, and renames it into place. */
int32_t file_write_private(const char *path, struct berth_str bytes, struct berth_error *error);

/* Makes a directory and those above it; existing ones are left as they are. */
int32_t file_make_directory(const char *path, struct berth_error *error);

/* Hexadecimal SHA-256 of a file: 64 characters and a terminator. */
#define FILE_SHA256_LENGTH 64
int32_t file_sha256(const char *path, char *out_hex, struct berth_error *error);

#endif
