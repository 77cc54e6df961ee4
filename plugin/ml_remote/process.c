/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of functions, and the scripts that stand for one.
 */
#include "plugin/ml_remote/process_internal.h"

/*
 * The scripts that published connectors carry, by a fingerprint of their text without white space:
 * what each does is what the function does. tools/script-fingerprint makes the number.
 */
static const struct {
    uint64_t fingerprint;
    const char *function;
} scripts[] = {
    /* Amazon Bedrock, Titan text embeddings: as in the blueprint, the tutorial, and for version 2
     */
    {0x7e7e7885116ba3ba, "connector.pre_process.bedrock.embedding"},
    {0x95df3ca726ac4524, "connector.pre_process.bedrock.embedding"},
    {0xeb6e159ec2c14ab8, "connector.pre_process.bedrock.embedding"},
    {0x1370f3128fb643fc, "connector.post_process.bedrock.embedding"},
    {0xae2ba1bfef4d58fe, "connector.post_process.bedrock.embedding"},
    {0x1c2d50036df39e13, "connector.post_process.bedrock.embedding"},
    /* Amazon Bedrock, Titan multimodal embeddings */
    {0xdc775f242fc9f998, "connector.pre_process.bedrock.multimodal_embedding"},
    /* Aleph Alpha, Luminous embeddings */
    {0x7e0202a74eb9d435, "connector.pre_process.single.input"},
    /* Amazon SageMaker, sparse encoding */
    {0x2daa16666e103ec9, "connector.pre_process.single.inputs"},
};

/* FNV-1a with 64 bits, over what is no white space. */
static uint64_t fingerprint(struct berth_str text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint64_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            hash = (hash ^ c) * 0x100000001b3u;
        }
    }
    return hash;
}

struct berth_str ml_process_name(struct berth_str text) {
    uint64_t hash = fingerprint(text);
    for (size_t i = 0; i < BASE_COUNT(scripts); i++) {
        if (scripts[i].fingerprint == hash) {
            return base_cstr(scripts[i].function);
        }
    }
    return text;
}

void ml_process_each(void (*fn)(void *user, const char *name, bool is_post), void *user) {
    ml_pre_each(fn, user);
    ml_post_each(fn, user);
}

struct list {
    struct base_buf *out;
    bool is_post;
};

static void add_name(void *user, const char *name, bool is_post) {
    const struct list *list = user;
    if (is_post == list->is_post) {
        base_buf_format(list->out, "%s%s", list->out->len ? ", " : "", name);
    }
}

int32_t ml_process_unknown(const char *field, struct berth_str text, bool is_post,
                           struct berth_error *error) {
    BASE_BUF_AUTO names;
    base_buf_init(&names, BASE_BUF_MAX_DEFAULT);
    ml_process_each(add_name, &(struct list){&names, is_post});
    return names.error ? base_error_memory(error)
                       : ml_invalid(error,
                                    "[%s] cannot be [" BASE_FMT
                                    "]: scripts are not run; there are " BASE_FMT,
                                    field, BASE_ARG(base_str_slice(text, 0, 80)),
                                    BASE_ARG(base_buf_view(&names)));
}
