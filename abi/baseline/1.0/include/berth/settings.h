/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability berth.settings/1: declare settings, have a say in their change, be told of it.
 *
 * A change is made in two phases. Every validate callback sees the whole proposed state; if one
 * refuses, nothing changes and the client is told which and why. Then all changed callbacks run,
 * on every node in the same order. The request that made the change is answered after that.
 */
#ifndef BERTH_SETTINGS_H
#define BERTH_SETTINGS_H

#include "error.h"
#include "types.h"

BERTH_EXTERN_C_BEGIN

#define BERTH_SETTINGS_ID "berth.settings/1"

struct berth_host;

/* Opaque: all settings as they are, or as they would be; valid during the callback alone. */
struct berth_settings_view;

/* berth_setting.type */
#define BERTH_SETTING_BOOL 1u
#define BERTH_SETTING_INT 2u
#define BERTH_SETTING_FLOAT 3u
#define BERTH_SETTING_TEXT 4u
#define BERTH_SETTING_LIST 5u
#define BERTH_SETTING_TIME 6u  /* "30s": a number and ms, s, m, h or d; read as milliseconds */
#define BERTH_SETTING_BYTES 7u /* "10mb": a number and b, kb, mb or gb; read as bytes */

/* berth_setting.flags: may it be changed at run time, and may its value be shown. */
#define BERTH_SETTING_DYNAMIC 1u
#define BERTH_SETTING_SENSITIVE 2u

/* A setting to be declared. The host copies all of it. */
struct berth_setting {
    uint32_t size;
    uint32_t type;
    uint32_t flags;
    uint32_t default_count;
    /* Dotted, lower case: plugins.example.limit. */
    struct berth_str key;
    struct berth_str description;
    /* BOOL, INT, FLOAT, TEXT: one text; LIST: default_count texts. */
    const struct berth_str *default_values;
    /* Bounds of a number, in the unit in which it is read; both are allowed values. */
    double min;
    double max;
};
BERTH_ASSERT_SIZE(struct berth_setting, 72);
BERTH_ASSERT_OFFSET(struct berth_setting, key, 16);
BERTH_ASSERT_OFFSET(struct berth_setting, description, 32);
BERTH_ASSERT_OFFSET(struct berth_setting, default_values, 48);
BERTH_ASSERT_OFFSET(struct berth_setting, min, 56);
BERTH_ASSERT_OFFSET(struct berth_setting, max, 64);

/*
 * Judges a proposed change. A refusal fills error with the text that the client is to read.
 * @thread worker
 * @state STARTED SERVING DRAINING
 * @owner borrows the view until return
 * @errors any
 */
typedef int32_t (*berth_settings_validate_fn)(void *user, const struct berth_settings_view *view,
                                              struct berth_error *error);

/*
 * Tells the values that are in force from now on.
 * @thread control feed
 * @state STARTED SERVING DRAINING
 * @owner borrows the view until return
 * @errors none
 */
typedef void (*berth_settings_changed_fn)(void *user, const struct berth_settings_view *view);

struct berth_settings_v1 {
    uint32_t size;
    uint32_t reserved;

    /*
     * Declares settings. A value for one of them in the node's file is checked at once.
     * @thread control
     * @state CREATED
     * @owner the host copies the settings
     * @errors INVALID EXISTS STATE NO_MEMORY
     */
    int32_t (*declare)(const struct berth_host *host, const struct berth_setting *settings,
                       uint32_t count, struct berth_error *error);

    /*
     * Sets the callbacks. validate runs on a worker and may be NULL. changed runs on the feed, and
     * once on the control thread, with the values in force, before loop_start.
     * @thread control
     * @state CREATED
     * @owner borrows user until stop has returned
     * @errors INVALID STATE
     */
    int32_t (*observe)(const struct berth_host *host, berth_settings_validate_fn validate,
                       berth_settings_changed_fn changed, void *user);

    /*
     * Reads a BOOL as 0 or 1, an INT, a TIME or BYTES.
     * @thread any
     * @state CREATED STARTED SERVING DRAINING
     * @owner nothing changes hands
     * @errors NOT_FOUND INVALID
     */
    int32_t (*get_int)(const struct berth_settings_view *view, struct berth_str key,
                       int64_t *out_value);

    /*
     * Reads a FLOAT or an INT.
     * @thread any
     * @state CREATED STARTED SERVING DRAINING
     * @owner nothing changes hands
     * @errors NOT_FOUND INVALID
     */
    int32_t (*get_float)(const struct berth_settings_view *view, struct berth_str key,
                         double *out_value);

    /*
     * Reads a TEXT.
     * @thread any
     * @state CREATED STARTED SERVING DRAINING
     * @owner the view owns the text
     * @errors NOT_FOUND INVALID
     */
    int32_t (*get_text)(const struct berth_settings_view *view, struct berth_str key,
                        struct berth_str *out_value);

    /*
     * Reads a LIST.
     * @thread any
     * @state CREATED STARTED SERVING DRAINING
     * @owner the view owns the texts
     * @errors NOT_FOUND INVALID
     */
    int32_t (*get_list)(const struct berth_settings_view *view, struct berth_str key,
                        const struct berth_str **out_values, uint32_t *out_count);
};
BERTH_ASSERT_SIZE(struct berth_settings_v1, 56);
BERTH_ASSERT_OFFSET(struct berth_settings_v1, declare, 8);
BERTH_ASSERT_OFFSET(struct berth_settings_v1, observe, 16);
BERTH_ASSERT_OFFSET(struct berth_settings_v1, get_int, 24);
BERTH_ASSERT_OFFSET(struct berth_settings_v1, get_float, 32);
BERTH_ASSERT_OFFSET(struct berth_settings_v1, get_text, 40);
BERTH_ASSERT_OFFSET(struct berth_settings_v1, get_list, 48);

BERTH_EXTERN_C_END

#endif
