/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the connector that is stored out of an old one and a draft, and checking it as a whole.
 */
#include "plugin/ml_remote/connector.h"

#include "plugin/ml_remote/template.h"
#include "plugin/ml_remote/transport.h"
#include "plugin/ml_remote/url.h"

/* ---- credentials ---- */

static int32_t seal_one(struct ml_call *call, const struct ml_place *place, struct json_value key,
                        struct json_value value, struct base_buf *out) {
    struct ml_plugin *plugin = call->plugin;
    struct berth_str name;
    struct berth_str plain = json_raw(value);
    if (!json_string(key, &call->arena, &name) ||
        (json_is(value, JSON_STRING) && !json_string(value, &call->arena, &plain))) {
        return base_error_memory(&call->error);
    }
    struct berth_str context = ml_credential_context(&call->arena, place, name);
    const struct berth_secret *sealed = NULL;
    int32_t code = context.ptr
                       ? plugin->secrets->seal(plugin->host, context, plain, &sealed, &call->error)
                       : base_error_memory(&call->error);
    if (!code) {
        json_key_str(out, name);
        json_put_string(out, sealed->text);
        plugin->secrets->release(sealed);
    }
    return code;
}

/* The old credentials, as sealed as they are, with those of the draft over them; null removes. */
static int32_t seal_credential(struct ml_call *call, const struct ml_place *place,
                               struct json_value old, struct ml_connector_draft *draft) {
    if (!json_present(draft->credential)) {
        return BERTH_OK;
    }
    BASE_BUF_AUTO fresh;
    BASE_BUF_AUTO merged;
    base_buf_init(&fresh, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&merged, BASE_BUF_MAX_DEFAULT);
    json_open_object(&fresh);
    int32_t code = BERTH_OK;
    for (struct json_value k = json_first(draft->credential); json_present(k) && !code;) {
        struct json_value v = json_next(draft->credential, k);
        if (json_is(v, JSON_NULL)) {
            json_put_raw(&fresh, json_raw(k));
            base_buf_cstr(&fresh, ":null");
        } else {
            code = seal_one(call, place, k, v, &fresh);
        }
        k = json_next(draft->credential, v);
    }
    json_close_object(&fresh);
    JSON_DOC_AUTO doc = {0};
    if (!code && (fresh.error || !json_parse(&doc, base_buf_view(&fresh), 0, NULL))) {
        code = base_error_memory(&call->error);
    }
    if (!code) {
        ml_merge(json_get(old, "credential"), json_root(&doc), &merged);
        struct berth_str raw = ml_keep(&call->arena, &merged);
        draft->edits[draft->count++] = (struct ml_edit){"credential", raw};
        code = raw.ptr ? BERTH_OK : base_error_memory(&call->error);
    }
    return code;
}

/* ---- the whole ---- */

/* Parameters of an update are merged into those that are there. */
static int32_t merge_parameters(struct ml_call *call, struct json_value old,
                                struct ml_connector_draft *draft) {
    JSON_DOC_AUTO doc = {0};
    for (size_t i = 0; i < draft->count; i++) {
        if (strcmp(draft->edits[i].name, "parameters") != 0 || !draft->edits[i].raw.ptr) {
            continue;
        }
        BASE_BUF_AUTO merged;
        base_buf_init(&merged, BASE_BUF_MAX_DEFAULT);
        if (!json_parse(&doc, draft->edits[i].raw, 0, NULL)) {
            return base_error_memory(&call->error);
        }
        ml_merge(json_get(old, "parameters"), json_root(&doc), &merged);
        draft->edits[i].raw = ml_keep(&call->arena, &merged);
        return draft->edits[i].raw.ptr ? BERTH_OK : base_error_memory(&call->error);
    }
    return BERTH_OK;
}

static bool has_member(struct json_value connector, const char *name) {
    return json_present(json_get(json_get(connector, "parameters"), name)) ||
           json_present(json_get(json_get(connector, "credential"), name));
}

static int32_t check_aws(struct ml_call *call, struct json_value connector) {
    static const char *const keys[] = {"access_key", "secret_key"};
    static const char *const places[] = {"service_name", "region"};
    if (!ml_connector_is_signed(connector)) {
        return BERTH_OK;
    }
    for (size_t i = 0; i < BASE_COUNT(keys); i++) {
        if (!json_present(json_get(json_get(connector, "credential"), keys[i]))) {
            return ml_invalid(&call->error, "a connector of aws_sigv4 needs [credential.%s]",
                              keys[i]);
        }
    }
    for (size_t i = 0; i < BASE_COUNT(places); i++) {
        if (!has_member(connector, places[i])) {
            return ml_invalid(&call->error,
                              "a connector of aws_sigv4 needs [%s] in its parameters or its "
                              "credential",
                              places[i]);
        }
    }
    return BERTH_OK;
}

/* What is needed to look at the URLs of a connector. */
struct checking {
    struct ml_call *call;
    const struct ml_parameters *parameters;
    const struct ml_client_config *config;
    void *scratch;
};

static int32_t check_trust(const struct checking *c, const char *what, struct berth_str url) {
    struct ml_settings *settings = c->call->settings;
    return ml_trust_matches(settings->trust, url, c->scratch)
               ? BERTH_OK
               : ml_invalid(&c->call->error,
                            "the %s [" BASE_FMT
                            "] is not trusted: it matches none of the expressions of "
                            "[plugins.ml_commons.trusted_connector_endpoints_regex]%s",
                            what, BASE_ARG(ml_url_shown(url)),
                            ml_trust_is_empty(settings->trust) ? ", of which there are none" : "");
}

static int32_t check_url(const struct checking *c, struct json_value action) {
    struct berth_str text;
    struct ml_template template;
    BASE_BUF_AUTO url;
    BASE_BUF_AUTO made;
    base_buf_init(&url, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&made, BASE_BUF_MAX_DEFAULT);
    if (!json_string(json_get(action, "url"), &c->call->arena, &text)) {
        return base_error_memory(&c->call->error);
    }
    int32_t code = ml_template_compile(text, &c->call->arena, &template, &c->call->error);
    if (code) {
        return code;
    }
    struct ml_values values = {.own = c->parameters};
    struct ml_filling filling = {.values = &values, .out = &url, .scratch = &made};
    ml_fill_url(&filling, &template);
    if (url.error) {
        return base_error_memory(&c->call->error);
    }
    if (c->config->mutual_tls_enabled && base_str_starts(base_buf_view(&url), BERTH_STR("http:"))) {
        return ml_invalid(&c->call->error,
                          "[client_config.mutual_tls_enabled] needs https, and the URL [" BASE_FMT
                          "] is of http: no certificate would be asked for",
                          BASE_ARG(ml_url_shown(base_buf_view(&url))));
    }
    return check_trust(c, "URL", base_buf_view(&url));
}

static int32_t check_templates(struct ml_call *call, struct json_value connector,
                               const struct ml_client_config *config) {
    struct ml_parameters parameters = {0};
    struct checking c = {.call = call, .parameters = &parameters, .config = config};
    int32_t code = ml_parameters_compile(json_get(connector, "parameters"), &call->arena,
                                         &parameters, &call->error);
    c.scratch = code ? NULL : ml_trust_scratch_create();
    if (!code && !c.scratch) {
        code = base_error_memory(&call->error);
    }
    struct json_value actions = json_get(connector, "actions");
    for (struct json_value v = json_first(actions); json_present(v) && !code;
         v = json_next(actions, v)) {
        code = check_url(&c, v);
    }
    if (!code && config->proxy_url.ptr) {
        code = check_trust(&c, "proxy", config->proxy_url);
    }
    if (c.scratch) {
        ml_trust_scratch_destroy(c.scratch);
    }
    return code;
}

/* Certificates and keys are looked at now, rather than when they are first needed. */
static int32_t check_transport(struct ml_call *call, const struct ml_place *place,
                               struct json_value connector, const struct ml_client_config *config) {
    bool has_authorities = json_present(json_get(json_get(connector, "credential"), "ca_cert_pem"));
    struct ml_credentials *credentials = NULL;
    struct ml_transport *transport = NULL;
    if (!config->mutual_tls_enabled && !has_authorities) {
        return BERTH_OK;
    }
    int32_t code = ml_credentials_open(call->plugin, connector, place, &call->arena, &credentials,
                                       &call->error);
    code = code ? code
                : ml_transport_create(config, ml_connector_is_signed(connector), credentials,
                                      &transport, &call->error);
    ml_transport_destroy(transport);
    ml_credentials_close(credentials);
    return code;
}

int32_t ml_connector_make(struct ml_call *call, const struct ml_place *place, struct json_value old,
                          struct ml_connector_draft *draft, struct base_buf *out) {
    int32_t code = seal_credential(call, place, old, draft);
    code = code ? code : merge_parameters(call, old, draft);
    if (code) {
        return code;
    }
    BASE_BUF_AUTO made;
    base_buf_init(&made, BASE_BUF_MAX_DEFAULT);
    ml_document_edit(ML_CONNECTOR, old, draft->edits, draft->count, &made);
    JSON_DOC_AUTO doc = {0};
    if (made.error || !json_parse(&doc, base_buf_view(&made), 0, NULL)) {
        return base_error_memory(&call->error);
    }
    code = check_aws(call, json_root(&doc));
    struct ml_client_config config;
    ml_client_config_load(json_get(json_root(&doc), "client_config"), &config);
    code = code ? code : check_templates(call, json_root(&doc), &config);
    code = code ? code : check_transport(call, place, json_root(&doc), &config);
    if (!code) {
        json_put_raw(out, base_buf_view(&made));
        code = out->error ? base_error_memory(&call->error) : BERTH_OK;
    }
    return code;
}
