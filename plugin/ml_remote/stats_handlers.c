/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics: which are asked for, by the path and by the body.
 */
#include "plugin/ml_remote/handlers.h"
#include "plugin/ml_remote/node_choice.h"
#include "plugin/ml_remote/stats.h"

/* ---- names ---- */

static int32_t unknown_stat(struct ml_call *call, struct berth_str name) {
    BASE_BUF_AUTO names;
    base_buf_init(&names, BASE_BUF_MAX_DEFAULT);
    for (uint32_t i = 0; i < ml_stats_count(); i++) {
        base_buf_format(&names, "%s%s", i ? ", " : "", ml_stat_name(i));
    }
    return names.error
               ? base_error_memory(&call->error)
               : ml_invalid(&call->error,
                            "there is no statistic [" BASE_FMT "]; there are " BASE_FMT,
                            BASE_ARG(base_str_slice(name, 0, 80)), BASE_ARG(base_buf_view(&names)));
}

/* One by name; a counter of actions is shown for all models together and for each. */
static int32_t want(struct ml_call *call, struct ml_stats_query *query, struct berth_str name) {
    uint32_t stat;
    if (!ml_stat_find(base_str_trim(name), &stat)) {
        return unknown_stat(call, name);
    }
    query->wants[stat] = true;
    query->nodes = query->nodes || ml_stat_level_of(stat) != ML_LEVEL_CLUSTER;
    if (ml_stat_level_of(stat) == ML_LEVEL_ACTION) {
        query->algorithms = true;
        query->models = true;
    }
    return BERTH_OK;
}

static void want_level(struct ml_stats_query *query, enum ml_stat_level level) {
    bool counts =
        level == ML_LEVEL_ACTION || level == ML_LEVEL_ALGORITHM || level == ML_LEVEL_MODEL;
    enum ml_stat_level of = counts ? ML_LEVEL_ACTION : level;
    for (uint32_t i = 0; i < ml_stats_count(); i++) {
        query->wants[i] = query->wants[i] || ml_stat_level_of(i) == of;
    }
    query->nodes = query->nodes || level != ML_LEVEL_CLUSTER;
    query->algorithms = query->algorithms || (counts && level != ML_LEVEL_MODEL);
    query->models = query->models || (counts && level != ML_LEVEL_ALGORITHM);
}

static void want_all(struct ml_stats_query *query) {
    for (int level = 0; level < ML_LEVELS; level++) {
        want_level(query, (enum ml_stat_level)level);
    }
}

static int32_t read_names(struct ml_call *call, struct ml_stats_query *query,
                          struct berth_str list) {
    struct berth_str name;
    int32_t code = BERTH_OK;
    while (!code && list.len && base_str_split(&list, ',', &name)) {
        code = want(call, query, name);
    }
    return code;
}

/* ---- the body ---- */

typedef int32_t (*item_fn)(struct ml_call *call, struct ml_stats_query *query,
                           struct berth_str item);

static int32_t read_level(struct ml_call *call, struct ml_stats_query *query,
                          struct berth_str item) {
    enum ml_stat_level level;
    if (!ml_stat_level_find(item, &level)) {
        return ml_invalid(&call->error,
                          "[target_stat_levels] cannot hold [" BASE_FMT
                          "]: cluster, node, algorithm, model, action",
                          BASE_ARG(base_str_slice(item, 0, 80)));
    }
    want_level(query, level);
    return BERTH_OK;
}

static int32_t read_act(struct ml_call *call, struct ml_stats_query *query, struct berth_str item) {
    (void)call;
    for (int act = 0; act < ML_STAT_ACTIONS; act++) {
        query->acts[act] =
            query->acts[act] ||
            base_str_eq_nocase(item, base_cstr(ml_stats_action_name((enum ml_stat_action)act)));
    }
    return BERTH_OK;
}

static int32_t read_algorithm(struct ml_call *call, struct ml_stats_query *query,
                              struct berth_str item) {
    (void)call;
    query->remote = query->remote || base_str_eq_nocase(item, BERTH_STR("remote"));
    return BERTH_OK;
}

/* Calls fn with each text of a list; out_given: whether there is a list that holds any. */
static int32_t read_list(struct ml_call *call, struct ml_stats_query *query, const char *name,
                         item_fn fn, bool *out_given) {
    struct json_value list;
    int32_t code = ml_call_container(call, call->body, name, JSON_ARRAY, &list);
    *out_given = json_present(json_first(list));
    for (struct json_value v = json_first(list); json_present(v) && !code; v = json_next(list, v)) {
        struct berth_str item;
        if (!json_is(v, JSON_STRING)) {
            return ml_wrong_kind(&call->error, "[%s] is an array of texts", name);
        }
        code = json_string(v, &call->arena, &item) ? fn(call, query, item)
                                                   : base_error_memory(&call->error);
    }
    return code;
}

/* Lists that name what is wanted; without any, all is. */
static int32_t read_wanted(struct ml_call *call, struct ml_stats_query *query,
                           bool *out_some_named) {
    static const struct {
        const char *name;
        item_fn read;
    } lists[] = {
        {"target_stat_levels", read_level},
        {"cluster_level_stats", want},
        {"node_level_stats", want},
        {"action_level_stats", want},
    };
    int32_t code = BERTH_OK;
    *out_some_named = false;
    for (size_t i = 0; i < BASE_COUNT(lists) && !code; i++) {
        bool given;
        code = read_list(call, query, lists[i].name, lists[i].read, &given);
        *out_some_named = *out_some_named || given;
    }
    return code;
}

/* Lists that narrow down what is shown; one that is not there leaves all. */
static int32_t read_filters(struct ml_call *call, struct ml_stats_query *query) {
    bool given = false;
    int32_t code = read_list(call, query, "actions", read_act, &given);
    for (int act = 0; act < ML_STAT_ACTIONS && !given; act++) {
        query->acts[act] = true;
    }
    code = code ? code : read_list(call, query, "algorithms", read_algorithm, &given);
    query->remote = query->remote || !given;
    return code ? code
                : ml_call_container(call, call->body, "models", JSON_ARRAY, &query->model_ids);
}

static int32_t read_query(struct ml_call *call, struct berth_str names,
                          struct ml_stats_query *query) {
    bool some_named = false;
    int32_t code = read_wanted(call, query, &some_named);
    code = code ? code : read_filters(call, query);
    code = code ? code : read_names(call, query, names);
    if (!code && names.len == 0 && !some_named) {
        want_all(query);
    }
    return code;
}

/* What another node needs to make the same query: {"names": …, "body": …}. */
static void put_question(const struct ml_call *call, struct berth_str names, struct base_buf *out) {
    json_open_object(out);
    json_member_string(out, "names", names);
    if (json_present(call->body)) {
        json_member_raw(out, "body", json_raw(call->body));
    }
    json_close_object(out);
}

static int32_t answer(struct ml_call *call, struct berth_str nodes, struct berth_str names) {
    struct ml_stats_query query = {0};
    struct ml_node_list chosen;
    BASE_BUF_AUTO question;
    base_buf_init(&question, BASE_BUF_MAX_DEFAULT);
    int32_t code = ml_call_read_optional_body(call);
    code = code ? code : read_query(call, names, &query);
    code = code ? code : ml_nodes_of_request(call, nodes, &chosen);
    if (code) {
        return code;
    }
    put_question(call, names, &question);
    return question.error ? base_error_memory(&call->error)
                          : ml_stats_put(call, &query, &chosen, base_buf_view(&question));
}

int32_t ml_stats_of_node(struct ml_call *call) {
    struct ml_stats_query query = {0};
    struct berth_str names = {"", 0};
    int32_t code = ml_call_read_body(call);
    code = code ? code : ml_call_text(call, call->body, "names", &names);
    if (!code) {
        call->body = json_get(call->body, "body");
        code = read_query(call, names, &query);
    }
    return code ? code : ml_stats_put_node(call->plugin, &query, &call->out, &call->error);
}

int32_t ml_get_stats(struct ml_call *call) {
    return answer(call, base_str("", 0), base_str("", 0));
}

int32_t ml_get_stats_of(struct ml_call *call) {
    return answer(call, base_str("", 0), call->view->params[0]);
}

int32_t ml_get_node_stats(struct ml_call *call) {
    return answer(call, call->view->params[0], base_str("", 0));
}

int32_t ml_get_node_stats_of(struct ml_call *call) {
    return answer(call, call->view->params[0], call->view->params[1]);
}
