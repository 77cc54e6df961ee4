/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of the plugin's routes, by file. routes.c has the table that names them.
 */
#ifndef ML_REMOTE_HANDLERS_H
#define ML_REMOTE_HANDLERS_H

#include "plugin/ml_remote/call.h"

/* Registers all routes. In start. */
int32_t ml_routes_add(struct ml_plugin *plugin, struct berth_error *error);

/* connector_handlers.c */
int32_t ml_create_connector(struct ml_call *call);
int32_t ml_get_connector(struct ml_call *call);
int32_t ml_update_connector(struct ml_call *call);
int32_t ml_delete_connector(struct ml_call *call);
int32_t ml_search_connectors(struct ml_call *call);

/* group_handlers.c */
int32_t ml_register_group(struct ml_call *call);
int32_t ml_get_group(struct ml_call *call);
int32_t ml_update_group(struct ml_call *call);
int32_t ml_delete_group(struct ml_call *call);
int32_t ml_search_groups(struct ml_call *call);

/* register.c */
int32_t ml_register_model(struct ml_call *call);

/* model_handlers.c */
int32_t ml_get_model(struct ml_call *call);
int32_t ml_delete_model(struct ml_call *call);
int32_t ml_search_models(struct ml_call *call);

/* model_update.c */
int32_t ml_update_model(struct ml_call *call);

/* deploy.c */
int32_t ml_deploy_model(struct ml_call *call);

/* undeploy.c */
int32_t ml_undeploy_model(struct ml_call *call);
int32_t ml_undeploy_models(struct ml_call *call);

/* batch.c */
int32_t ml_batch_predict(struct ml_call *call);

/* task_handlers.c */
int32_t ml_get_task(struct ml_call *call);
int32_t ml_cancel_task(struct ml_call *call);
int32_t ml_delete_task(struct ml_call *call);
int32_t ml_search_tasks(struct ml_call *call);

/* stats_handlers.c */
int32_t ml_get_stats(struct ml_call *call);
int32_t ml_get_stats_of(struct ml_call *call);
int32_t ml_get_node_stats(struct ml_call *call);
int32_t ml_get_node_stats_of(struct ml_call *call);

/* profile.c */
int32_t ml_get_profile(struct ml_call *call);
int32_t ml_get_model_profile(struct ml_call *call);
int32_t ml_get_task_profile(struct ml_call *call);

/* controller_handlers.c */
int32_t ml_create_controller(struct ml_call *call);
int32_t ml_update_controller(struct ml_call *call);
int32_t ml_get_controller(struct ml_call *call);
int32_t ml_delete_controller(struct ml_call *call);

/* preview.c */
int32_t ml_preview_connector(struct ml_call *call);
int32_t ml_preview_model(struct ml_call *call);

/* placement.c, tidy_models.c, stats_handlers.c, profile.c; asked by other nodes */
int32_t ml_try_model(struct ml_call *call);
int32_t ml_idle_model(struct ml_call *call);
int32_t ml_stats_of_node(struct ml_call *call);
int32_t ml_profile_of_node(struct ml_call *call);

/* config_handlers.c */
int32_t ml_get_config(struct ml_call *call);

/* predict.c; runs on the loop */
void ml_predict(void *user, struct berth_request *request, const struct berth_request_view *view);
void ml_predict_stream(void *user, struct berth_request *request,
                       const struct berth_request_view *view);

#endif
