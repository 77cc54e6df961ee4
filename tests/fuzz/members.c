/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/cluster: what nodes wrote of themselves, which anybody with access to etcd may write. One
 * that is none never stops those behind it; what is listed is in order, has one elected node, and
 * is the same again when each node writes what was read of it.
 *
 * Input: keys and their values, parted by lines "---". A key that begins with ! is gone.
 */
#include "host/cluster/members.h"

#include "base/json_write.h"
#include "tests/fuzz/fuzz.h"

#define PREFIX "/b/nodes/"
#define MANAGER BERTH_STR("cluster_manager")

/* When a key was made: the same whenever it is told of. */
static int64_t since(struct berth_str id) {
    return (int64_t)(base_str_hash(id) % 4);
}

static struct etcd_pair pair_of(struct berth_str key, struct berth_str value) {
    return (struct etcd_pair){
        .key = key,
        .value = value,
        .create_revision = since(base_str_from(key, sizeof PREFIX - 1)),
    };
}

static void put_pairs(struct base_buf *out, const struct berth_node_attribute *pairs,
                      uint32_t count) {
    json_open_object(out);
    for (uint32_t i = 0; i < count; i++) {
        json_key_str(out, pairs[i].name);
        json_put_string(out, pairs[i].value);
    }
    json_close_object(out);
}

static void put_plugins(struct base_buf *out, const struct berth_node *node) {
    json_open_array(out);
    for (uint32_t i = 0; i < node->plugin_count; i++) {
        json_open_object(out);
        json_member_string(out, "name", node->plugins[i].name);
        json_member_string(out, "version", node->plugins[i].value);
        json_close_object(out);
    }
    json_close_array(out);
}

/* As a node writes of itself. */
static void put_node(struct base_buf *out, const struct berth_node *node, uint64_t settings) {
    base_buf_clear(out);
    json_open_object(out);
    json_member_string(out, "name", node->name);
    json_member_string(out, "address", node->address);
    json_key(out, "roles");
    json_put_strings(out, node->roles, node->role_count);
    json_key(out, "attributes");
    put_pairs(out, node->attributes, node->attribute_count);
    json_member_u64(out, "settings", settings);
    json_key(out, "plugins");
    put_plugins(out, node);
    json_close_object(out);
    FUZZ_CHECK(!out->error);
}

static bool same_pairs(const struct berth_node_attribute *a, const struct berth_node_attribute *b,
                       uint32_t count) {
    bool same = true;
    for (uint32_t i = 0; i < count && same; i++) {
        same = base_str_eq(a[i].name, b[i].name) && base_str_eq(a[i].value, b[i].value);
    }
    return same;
}

static void check_same(const struct berth_node *a, const struct berth_node *b) {
    FUZZ_CHECK(base_str_eq(a->id, b->id) && base_str_eq(a->name, b->name));
    FUZZ_CHECK(base_str_eq(a->address, b->address) && a->is_elected == b->is_elected);
    FUZZ_CHECK(a->role_count == b->role_count && a->plugin_count == b->plugin_count);
    FUZZ_CHECK(a->attribute_count == b->attribute_count);
    for (uint32_t i = 0; i < a->role_count; i++) {
        FUZZ_CHECK(base_str_eq(a->roles[i], b->roles[i]));
    }
    FUZZ_CHECK(same_pairs(a->attributes, b->attributes, a->attribute_count));
    FUZZ_CHECK(same_pairs(a->plugins, b->plugins, a->plugin_count));
}

/* Each node's value, written as it was read, is taken and says the same. */
static void check_again(const struct berth_node *list, uint32_t count, uint64_t settings) {
    BASE_BUF_AUTO key;
    BASE_BUF_AUTO value;
    uint32_t again_count = 0;
    uint64_t again_settings = 0;
    struct members *again = members_create(PREFIX);
    FUZZ_CHECK(again);
    base_buf_init(&key, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&value, BASE_BUF_MAX_DEFAULT);
    for (uint32_t i = count; i-- > 0;) {
        base_buf_clear(&key);
        base_buf_cstr(&key, PREFIX);
        base_buf_str(&key, list[i].id);
        put_node(&value, &list[i], settings);
        struct etcd_pair pair = pair_of(base_buf_view(&key), base_buf_view(&value));
        FUZZ_CHECK(!key.error && members_change(again, &pair) == BERTH_OK);
    }
    const struct berth_node *others = members_list(again, &again_count, &again_settings);
    FUZZ_CHECK(others && again_count == count && again_settings == settings);
    for (uint32_t i = 0; i < count; i++) {
        check_same(&list[i], &others[i]);
    }
    members_destroy(again);
}

/* Whether a comes before b where one of them is to be elected. */
static bool is_before(const struct berth_node *a, const struct berth_node *b) {
    bool a_may = node_has_role(a, MANAGER);
    bool b_may = node_has_role(b, MANAGER);
    return a_may != b_may ? a_may : since(a->id) < since(b->id);
}

static void check_list(struct members *members) {
    uint32_t count = 0;
    uint32_t elected = 0;
    uint64_t settings = 0;
    const struct berth_node *list = members_list(members, &count, &settings);
    FUZZ_CHECK(list && (count ? settings <= INT64_MAX : settings == UINT64_MAX));
    for (uint32_t i = 0; i < count; i++) {
        FUZZ_CHECK(list[i].id.len > 0 && members_have(members, list[i].id));
        FUZZ_CHECK(i == 0 || base_str_cmp(list[i - 1].id, list[i].id) < 0);
        elected += list[i].is_elected;
        for (uint32_t k = 0; k < count && list[i].is_elected; k++) {
            FUZZ_CHECK(!is_before(&list[k], &list[i]));
        }
    }
    FUZZ_CHECK(elected == (count > 0));
    check_again(list, count, settings);
}

/* A node is there just when what was written last of it is an object that says who it is. */
static void check_taken(const struct members *members, const struct etcd_pair *pair,
                        struct berth_str id) {
    JSON_DOC_AUTO doc = {0};
    if (!members_have(members, id)) {
        return;
    }
    FUZZ_CHECK(!pair->is_deleted && id.len > 0 && json_parse(&doc, pair->value, 0, NULL));
    FUZZ_CHECK(json_is(json_root(&doc), JSON_OBJECT));
    FUZZ_CHECK(json_is(json_get(json_root(&doc), "name"), JSON_STRING));
    FUZZ_CHECK(json_is(json_get(json_root(&doc), "address"), JSON_STRING));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct berth_str rest = fuzz_text(data, size);
    struct members *members = members_create(PREFIX);
    FUZZ_CHECK(members);
    while (rest.len) {
        struct berth_str key = fuzz_part(&rest);
        bool is_deleted = base_str_starts(key, BERTH_STR("!"));
        struct etcd_pair pair = pair_of(base_str_from(key, is_deleted), fuzz_part(&rest));
        pair.is_deleted = is_deleted;
        FUZZ_CHECK(members_change(members, &pair) == BERTH_OK);
        check_taken(members, &pair, base_str_from(pair.key, sizeof PREFIX - 1));
    }
    check_list(members);
    members_destroy(members);
    return 0;
}
