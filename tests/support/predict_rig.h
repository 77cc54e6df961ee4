/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a prediction needs around it: a host, a loop, and a model that is deployed.
 */
#ifndef TESTS_SUPPORT_PREDICT_RIG_H
#define TESTS_SUPPORT_PREDICT_RIG_H

#include "plugin/ml_remote/predict.h"
#include "tests/support/fake_host.h"

struct predict_rig {
    struct fake_host host;
    struct ml_loop loop;
    struct ml_loop_model model; /* as deployed last; a reference */
    struct berth_request request;
};

/* The URLs https://a.example/... alone are trusted. */
void predict_rig_begin(struct predict_rig *rig);
void predict_rig_end(struct predict_rig *rig);

/* Deploys a model in place of the last; request_body NULL: none. Its credential is "s3cr3t". */
void predict_rig_deploy(struct predict_rig *rig, const char *method, const char *url,
                        const char *request_body, const char *parameters);

/* A prediction with parameters, which are given back with ml_predict_free; NULL without memory. */
struct ml_predict *predict_rig_predict(struct predict_rig *rig, const char *parameters);

#endif
