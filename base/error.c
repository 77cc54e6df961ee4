/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

struct code_info {
    int32_t code;
    uint32_t status;
    const char *name;
    const char *type;
};

static const struct code_info codes[] = {
#define CODE_ROW(name, code, status, type, meaning) {(code), (status), #name, (type)},
    BERTH_ERROR_LIST(CODE_ROW)
#undef CODE_ROW
};

static const struct code_info *find(int32_t code) {
    const struct code_info *internal = NULL;
    for (size_t i = 0; i < BASE_COUNT(codes); i++) {
        if (codes[i].code == code) {
            return &codes[i];
        }
        if (codes[i].code == BERTH_E_INTERNAL) {
            internal = &codes[i];
        }
    }
    return internal;
}

/* A cut message must not end within a character. */
static void trim_partial_character(char *text) {
    size_t len = strlen(text);
    size_t back = 0;
    while (back < len && back < 3 && ((unsigned char)text[len - 1 - back] & 0xc0) == 0x80) {
        back++;
    }
    if (back == len) {
        return;
    }
    unsigned char lead = (unsigned char)text[len - 1 - back];
    size_t needed = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (needed > back) {
        text[len - 1 - back] = '\0';
    }
}

static void fill(struct berth_error *error, int32_t code, uint32_t status, const char *type,
                 const char *format, va_list args) {
    error->code = code;
    error->status = status;
    error->retry_after_s = 0;
    (void)snprintf(error->type, sizeof error->type, "%s", type);
    int len = vsnprintf(error->message, sizeof error->message, format, args);
    if (len >= (int)sizeof error->message) {
        trim_partial_character(error->message);
    }
}

int32_t base_error(struct berth_error *error, int32_t code, const char *format, ...) {
    if (error) {
        va_list args;
        va_start(args, format);
        fill(error, code, 0, "", format, args);
        va_end(args);
    }
    return code;
}

int32_t base_error_rest(struct berth_error *error, int32_t code, uint32_t status, const char *type,
                        const char *format, ...) {
    if (error) {
        va_list args;
        va_start(args, format);
        fill(error, code, status, type, format, args);
        va_end(args);
    }
    return code;
}

int32_t base_error_memory(struct berth_error *error) {
    return base_error(error, BERTH_E_NO_MEMORY, "out of memory");
}

uint32_t base_error_status(const struct berth_error *error) {
    return error->status ? error->status : find(error->code)->status;
}

const char *base_error_type(const struct berth_error *error) {
    return error->type[0] ? error->type : find(error->code)->type;
}

const char *base_error_name(int32_t code) {
    return code == BERTH_OK ? "OK" : find(code)->name;
}
