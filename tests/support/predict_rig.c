/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/predict_rig.h"

#include <stdlib.h>

#include "plugin/ml_remote/settings.h"

static const struct berth_str trusted[] = {BERTH_STR_INIT("^https://a\\.example(:\\d+)?/.*$")};

void predict_rig_begin(struct predict_rig *rig) {
    memset(rig, 0, sizeof *rig);
    fake_host_init(&rig->host);
    fake_host_start(&rig->host);
    fake_host_set_list(&rig->host, "plugins.ml_commons.trusted_connector_endpoints_regex", trusted,
                       BASE_COUNT(trusted));
    rig->loop.plugin = &rig->host.plugin;
    rig->loop.settings = ml_settings_acquire(&rig->host.plugin);
    rig->loop.match_data = ml_trust_scratch_create();
    rig->host.loop.contexts[0] = &rig->loop;
    base_buf_init(&rig->request.body, BASE_BUF_MAX_DEFAULT);
    base_buf_init(&rig->model.url, BASE_BUF_MAX_DEFAULT);
    if (!rig->loop.match_data || fake_host_apply(&rig->host, NULL)) {
        abort();
    }
}

void predict_rig_end(struct predict_rig *rig) {
    while (rig->loop.free_predicts) {
        struct ml_predict *next = rig->loop.free_predicts->next;
        ml_predict_free(rig->loop.free_predicts);
        rig->loop.free_predicts = next;
    }
    ml_deployed_unref(rig->model.deployed);
    base_buf_deinit(&rig->model.url);
    base_buf_deinit(&rig->request.body);
    ml_trust_scratch_destroy(rig->loop.match_data);
    ml_settings_release(rig->loop.settings);
    fake_host_deinit(&rig->host);
}

void predict_rig_deploy(struct predict_rig *rig, const char *method, const char *url,
                        const char *request_body, const char *parameters) {
    BASE_BUF_AUTO text;
    JSON_DOC_AUTO doc = {0};
    base_buf_init(&text, BASE_BUF_MAX_DEFAULT);
    base_buf_cstr(&text, "{\"connector\":{\"protocol\":\"http\",\"credential\":{\"key\":"
                         "\"sealed:.plugins-ml-model/m1/connector.credential/key:s3cr3t\"}");
    json_member_raw(&text, "parameters", base_cstr(parameters));
    base_buf_cstr(&text, ",\"actions\":[{\"action_type\":\"PREDICT\"");
    json_member_cstr(&text, "method", method);
    json_member_cstr(&text, "url", url);
    if (request_body) {
        json_member_cstr(&text, "request_body", request_body);
    }
    base_buf_cstr(&text, "}]}}");
    ml_deployed_unref(rig->model.deployed);
    rig->model.deployed = NULL;
    base_buf_clear(&rig->model.url);
    rig->model.trusted_serial = 0;
    if (!json_parse(&doc, base_buf_view(&text), 0, NULL) ||
        ml_deployed_create(&rig->host.plugin, BERTH_STR("m1"), json_root(&doc), NULL,
                           &rig->model.deployed, NULL)) {
        abort();
    }
}

struct ml_predict *predict_rig_predict(struct predict_rig *rig, const char *parameters) {
    struct ml_predict *p = ml_predict_create(&rig->loop);
    if (p) {
        p->request = &rig->request;
        p->deployed = ml_deployed_ref(rig->model.deployed);
        p->count = 1;
        p->first.deployed = p->deployed;
        p->first.action = &p->deployed->actions[ML_ACTION_PREDICT];
        p->error = (struct berth_error)BASE_ERROR_INIT;
    }
    if (p && !json_parse(&p->doc, base_cstr(parameters), 0, NULL)) {
        ml_predict_free(p);
        return NULL;
    }
    if (p) {
        p->input.parameters = json_root(&p->doc);
    }
    return p;
}
