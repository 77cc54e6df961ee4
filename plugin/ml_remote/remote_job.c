/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/ml_remote/remote_job.h"

#include "base/arena.h"

/* ---- state ---- */

static const char *const state_names[ML_JOB_STATES] = {
    [ML_JOB_CANCELLING] = "CANCELLING", [ML_JOB_CANCELLED] = "CANCELLED",
    [ML_JOB_COMPLETED] = "COMPLETED",   [ML_JOB_EXPIRED] = "EXPIRED",
    [ML_JOB_FAILED] = "FAILED",
};

static struct json_value find_status(const struct ml_job_rules *rules, struct json_value job) {
    struct json_value status = JSON_NONE;
    for (uint32_t i = 0; i < rules->field_count && !json_present(status); i++) {
        status = json_get_str(job, rules->fields[i]);
    }
    return status;
}

const char *ml_job_state_of(const struct ml_job_rules *rules, struct json_value job,
                            void *scratch) {
    BASE_ARENA_AUTO arena;
    struct json_value status = find_status(rules, job);
    struct berth_str text = json_raw(status);
    base_arena_init(&arena, 256);
    if (!json_present(status) ||
        (json_is(status, JSON_STRING) && !json_string(status, &arena, &text))) {
        return NULL;
    }
    for (int i = 0; i < ML_JOB_STATES; i++) {
        if (ml_trust_matches(rules->expressions[i], text, scratch)) {
            return state_names[i];
        }
    }
    return NULL;
}

/* ---- merging ---- */

static void put_member(struct json_value key, struct json_value value, struct base_buf *out) {
    json_put_raw(out, json_raw(key));
    base_buf_char(out, ':');
    json_put_raw(out, json_raw(value));
}

/* The member of the same name, whatever escapes the two keys are written with. */
static struct json_value member_like(struct json_value object, struct json_value key,
                                     struct base_buf *out) {
    BASE_ARENA_AUTO arena;
    struct berth_str name;
    base_arena_init(&arena, 256);
    if (!json_string(key, &arena, &name)) {
        out->error = BERTH_E_NO_MEMORY;
        return JSON_NONE;
    }
    return json_get_str(object, name);
}

void ml_job_merge(struct json_value job, struct json_value answer, struct base_buf *out) {
    json_open_object(out);
    for (struct json_value k = json_first(job); json_present(k);) {
        struct json_value v = json_next(job, k);
        struct json_value later = member_like(answer, k, out);
        put_member(k, json_present(later) ? later : v, out);
        k = json_next(job, v);
    }
    for (struct json_value k = json_first(answer); json_present(k);) {
        struct json_value v = json_next(answer, k);
        if (!json_present(member_like(job, k, out))) {
            put_member(k, v, out);
        }
        k = json_next(answer, v);
    }
    json_close_object(out);
}

/* ---- questions about a job ---- */

/* A job's text under one name, where it has none under another; ptr NULL: nothing to be made. */
static struct berth_str text_to_make(struct json_value job, const char *made, const char *from,
                                     struct base_arena *arena, struct base_buf *out) {
    struct berth_str text = {NULL, 0};
    struct json_value value = json_get(job, from);
    if (!json_present(json_get(job, made)) && json_is(value, JSON_STRING) &&
        !json_string(value, arena, &text)) {
        out->error = BERTH_E_NO_MEMORY;
    }
    return text;
}

/* SageMaker is asked by the name of a job, and answers with its ARN, which ends with the name. */
static void put_transform_name(struct json_value job, struct base_arena *arena,
                               struct base_buf *out) {
    static const char made[] = "TransformJobName";
    struct berth_str rest = text_to_make(job, made, "TransformJobArn", arena, out);
    if (rest.ptr) {
        for (uint64_t slash; (slash = base_str_find(rest, '/')) < rest.len;) {
            rest = base_str_from(rest, slash + 1);
        }
        json_member_string(out, made, rest);
    }
}

/* Bedrock is asked by a job's ARN within a path. */
static void put_processed_arn(struct json_value job, struct base_arena *arena,
                              struct base_buf *out) {
    static const char made[] = "processedJobArn";
    struct berth_str rest = text_to_make(job, made, "jobArn", arena, out);
    if (rest.ptr) {
        json_key(out, made);
        base_buf_char(out, '"');
        for (struct berth_str part; base_str_split(&rest, '/', &part);) {
            json_escape(out, part);
            base_buf_cstr(out, rest.len ? "%2F" : "");
        }
        base_buf_char(out, '"');
    }
}

void ml_job_parameters(struct json_value job, struct base_buf *out) {
    BASE_ARENA_AUTO arena;
    base_arena_init(&arena, 256);
    json_open_object(out);
    for (struct json_value k = json_first(job); json_present(k);) {
        struct json_value v = json_next(job, k);
        if (json_is(v, JSON_STRING)) {
            put_member(k, v, out);
        }
        k = json_next(job, v);
    }
    put_transform_name(job, &arena, out);
    put_processed_arn(job, &arena, out);
    json_close_object(out);
}

/* ---- actions that the connector leaves out ---- */

/* How a job is asked about and cancelled at each service, which is told by the URL. */
static const struct service {
    const char *mark;     /* in the URL of the batch action */
    const char *replaced; /* in that URL; NULL: the path goes on */
    const char *status_path;
    const char *cancel_path;
    const char *status_method;
    const char *body; /* NULL: none */
} services[] = {
    {"sagemaker", "CreateTransformJob", "DescribeTransformJob", "StopTransformJob", "POST",
     "{\"TransformJobName\": \"${parameters.TransformJobName}\"}"},
    {"openai", NULL, "/${parameters.id}", "/${parameters.id}/cancel", "GET", NULL},
    {"bedrock", NULL, "/${parameters.processedJobArn}", "/${parameters.processedJobArn}/stop",
     "GET", NULL},
    {"cohere", NULL, "/${parameters.id}", "/${parameters.id}/cancel", "GET", NULL},
};

static const struct service *service_of(struct berth_str url) {
    for (size_t i = 0; i < BASE_COUNT(services); i++) {
        const char *mark = services[i].mark;
        if (url.len && memmem(url.ptr, BASE_LEN(url), mark, strlen(mark))) {
            return &services[i];
        }
    }
    return NULL;
}

/* The URL is copied as it is written in JSON, escapes and all. */
static void put_url(const struct service *service, struct berth_str url, bool cancels,
                    struct base_buf *out) {
    const char *path = cancels ? service->cancel_path : service->status_path;
    const char *at = service->replaced ? memmem(url.ptr, BASE_LEN(url), service->replaced,
                                                strlen(service->replaced))
                                       : NULL;
    uint64_t until = at ? (uint64_t)(at - url.ptr) : url.len;
    json_key(out, "url");
    base_buf_char(out, '"');
    base_buf_str(out, base_str_slice(url, 0, until));
    base_buf_cstr(out, at || !service->replaced ? path : "");
    base_buf_str(out, at ? base_str_from(url, until + strlen(service->replaced)) : base_str("", 0));
    base_buf_char(out, '"');
}

bool ml_job_action(struct json_value batch_action, bool cancels, struct base_buf *out) {
    struct berth_str url = json_inner(json_get(batch_action, "url"));
    struct json_value headers = json_get(batch_action, "headers");
    const struct service *service = service_of(url);
    if (!service) {
        return false;
    }
    json_open_object(out);
    json_member_cstr(out, "action_type", cancels ? "CANCEL_BATCH_PREDICT" : "BATCH_PREDICT_STATUS");
    json_member_cstr(out, "method", cancels ? "POST" : service->status_method);
    put_url(service, url, cancels, out);
    if (json_present(headers)) {
        json_member_raw(out, "headers", json_raw(headers));
    }
    if (service->body) {
        json_member_cstr(out, "request_body", service->body);
    }
    json_close_object(out);
    return true;
}
