/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void id_generate(char *out_id, size_t length) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[64];
    for (size_t done = 0; done < length;) {
        size_t wanted = length - done < sizeof bytes ? length - done : sizeof bytes;
        ssize_t got = getrandom(bytes, wanted, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            /* A kernel without randomness gives no unguessable ids: nothing sound is left to do. */
            abort();
        }
        for (ssize_t i = 0; i < got; i++) {
            out_id[done++] = alphabet[bytes[i] & 63];
        }
    }
    out_id[length] = '\0';
}
