/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/cli/config: berth.yml. What is read is written as JSON; what is refused is told with file
 * and line; the host's own settings are declared over it and read.
 *
 * Input: the file.
 */
#include "host/cli/config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "host/cli/node_settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_oracle.h"

static void check_layer(const struct settings_layer *layer) {
    BASE_BUF_AUTO out;
    base_buf_init(&out, BASE_BUF_MAX_DEFAULT);
    settings_layer_write(layer, true, &out);
    FUZZ_CHECK(oracle_is_json(base_buf_view(&out), 0, NULL));
    base_buf_clear(&out);
    settings_layer_write(layer, false, &out);
    FUZZ_CHECK(oracle_is_json(base_buf_view(&out), 0, NULL));
    for (size_t i = 0; i < settings_layer_count(layer); i++) {
        const struct setting_value *value = settings_layer_at(layer, i);
        FUZZ_CHECK(value->line > 0 && settings_layer_get(layer, value->key) == value);
        for (uint32_t k = 0; k < value->count; k++) {
            /* What follows would be lost where it is passed on as a path. */
            FUZZ_CHECK(base_str_find(value->texts[k], '\0') == value->texts[k].len);
        }
    }
}

/* Takes the layer over. */
static void check_node_settings(struct settings_layer *layer) {
    struct settings *settings = NULL;
    struct berth_error error = BASE_ERROR_INIT;
    struct node_settings node;
    FUZZ_CHECK(settings_create(&settings, &error) == BERTH_OK);
    settings_set_file(settings, layer);
    int32_t code = node_settings_declare(settings, &error);
    if (!code) {
        const struct berth_settings_view *view = settings_acquire(settings);
        code = node_settings_read(view, &node, &error);
        FUZZ_CHECK(code || (node.limits.max_headers >= 1 &&
                            node.limits.max_headers <= HTTP_HEADERS_MAX && node.loops <= 64));
        settings_release(settings, view);
    }
    FUZZ_CHECK(!code || (error.code == BERTH_E_INVALID && error.message[0]));
    settings_destroy(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    int fd = memfd_create("berth.yml", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct settings_layer *layer = settings_layer_create();
    struct berth_error error = BASE_ERROR_INIT;
    FUZZ_CHECK(layer);
    if (config_read(path, layer, &error) == BERTH_OK) {
        check_layer(layer);
        check_node_settings(layer);
    } else {
        FUZZ_CHECK(error.code == BERTH_E_INVALID);
        FUZZ_CHECK(strncmp(error.message, path, strlen(path)) == 0);
        settings_layer_destroy(layer);
    }
    (void)close(fd);
    return 0;
}
