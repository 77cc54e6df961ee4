# SPDX-License-Identifier: Apache-2.0
"""Deploying and undeploying, limits of both, idle models, and changes of models."""
import threading

import pytest
from opensearchpy.exceptions import TransportError
from six_steps import PREFIX, Steps, connector
from stored import change
from waiting import eventually

SETTINGS = {PREFIX + "sync_up_job_interval_in_seconds": "0"}
MODELS = ".plugins-ml-model"


class Models(Steps):
    """Steps with answers as they are: the status and the body."""

    def ask_raw(self, method, path, body=None):
        try:
            return 200, self.client.transport.perform_request(method, "/_plugins/_ml" + path, body=body)
        except TransportError as error:
            return error.status_code, error.info

    def settings(self, **values):
        self.client.cluster.put_settings(body={
            "transient": {PREFIX + key: value for key, value in values.items()}})

    def node(self):
        return next(iter(self.client.nodes.info()["nodes"]))

    def model(self, model):
        return self.ml.get_model(model_id=model)

    def update(self, model, body):
        return self.ask_raw("PUT", f"/models/{model}", body)

    def with_own_connector(self, **more):
        return self.ml.register_model(body={
            "name": "own", "function_name": "remote", "connector": connector(self.model_server), **more})["model_id"]


@pytest.fixture
def models(berth, model_server):
    with Models(berth, model_server) as models:
        models.trust()
        yield models
        models.settings(allow_custom_deployment_plan=None)


@pytest.fixture
def model(models, request):
    name = request.node.name  # groups have names of their own
    return models.register_model(models.register_group(name), models.create_connector())["model_id"]


def refused(answer, status=400, kind="illegal_argument_exception"):
    """Checks a refusal and gives its reason."""
    assert (answer[0], answer[1]["error"]["type"]) == (status, kind), answer
    return answer[1]["error"]["reason"]


# ---- plans of the client's own ----

@pytest.mark.parametrize("path,body", [
    ("/models/{}/_deploy", {}), ("/models/{}/_undeploy", {}), ("/models/_undeploy", {"model_ids": ["{}"]})])
def test_plans_are_not_allowed_at_first(models, model, path, body):
    body = {name: [value.format(model) for value in values] for name, values in body.items()}
    answer = models.ask_raw("POST", path.format(model), {**body, "node_ids": [models.node()]})
    assert "allow_custom_deployment_plan" in refused(answer)
    assert models.model(model)["model_state"] == "REGISTERED"


def test_a_plan(models, model):
    models.settings(allow_custom_deployment_plan=True)
    node = models.node()
    status, _ = models.ask_raw("POST", f"/models/{model}/_deploy", {"node_ids": [node, "unknown"]})
    shown = models.model(model)
    assert (status, shown["model_state"], shown["planning_worker_nodes"]) == (200, "DEPLOYED", [node])
    assert "deploy_to_all_nodes" not in shown
    models.ask(model, "by plan")
    answer = models.ask_raw("POST", f"/models/{model}/_undeploy", {"node_ids": [node]})
    assert answer == (200, {node: {"stats": {model: "undeployed"}}})
    shown = models.model(model)
    assert (shown["model_state"], shown["current_worker_node_count"]) == ("UNDEPLOYED", 0)
    assert shown["last_undeployed_time"] >= shown["last_deployed_time"]
    models.deploy(model)
    assert models.model(model)["deploy_to_all_nodes"] is True


@pytest.mark.parametrize("node_ids,kind", [(["unknown"], "illegal_argument_exception"),
                                           ([7], "parsing_exception"), ("n", "parsing_exception")])
def test_nodes_that_are_none(models, model, node_ids, kind):
    models.settings(allow_custom_deployment_plan=True)
    for path, body in ((f"/models/{model}/_deploy", {}), (f"/models/{model}/_undeploy", {}),
                       ("/models/_undeploy", {"model_ids": [model]})):
        refused(models.ask_raw("POST", path, {**body, "node_ids": node_ids}), 400, kind)


def test_an_unknown_node_keeps_all_deployed(models, model):
    models.settings(allow_custom_deployment_plan=True)
    models.deploy(model)
    answer = models.ask_raw("POST", f"/models/{model}/_undeploy", {"node_ids": [models.node(), "unknown"]})
    assert "unknown" in refused(answer)
    assert models.model(model)["model_state"] == "DEPLOYED"


def test_partly_deployed(start_berth, model_server, tmp_path):
    """A node of the plan that is not there does not keep the model from being served, and undeployed."""
    data = tmp_path / "data"
    berth = start_berth(SETTINGS, data)
    with Models(berth, model_server) as models:
        model = models.deployed_model()
        node = models.node()
    berth.stop()
    change(data, MODELS, {model: {"model_state": "PARTIALLY_DEPLOYED", "deploy_to_all_nodes": None,
                                  "planning_worker_nodes": ["gone", node], "planning_worker_node_count": 2}})
    with Models(start_berth({**SETTINGS, PREFIX + "allow_custom_deployment_plan": "true"}, data),
                model_server) as models:
        models.ask(model, "half of it")
        assert "deployed" in refused(models.ask_raw("DELETE", f"/models/{model}"), 400, "status_exception")
        models.ask_raw("POST", f"/models/{model}/_undeploy", {"node_ids": [node]})
        assert models.model(model)["model_state"] == "UNDEPLOYED"


# ---- limits ----

def test_no_registration_is_allowed(models):
    models.settings(max_register_model_tasks_per_node=0)
    answer = models.ask_raw("POST", "/models/_register", {
        "name": "n", "function_name": "remote", "connector_id": models.create_connector()})
    models.settings(max_register_model_tasks_per_node=None)
    assert "max_register_model_tasks_per_node" in refused(answer, 429, "rejected_execution_exception")


def test_registrations_at_the_same_time(berth, models, model_server, request):
    """With a limit of one, each of many is made or refused for it; and none of them stays counted."""
    models.settings(max_register_model_tasks_per_node=1)
    group, connector_id = models.register_group(request.node.name), models.create_connector()
    answers = []

    def register():
        with Models(berth, model_server) as other:
            answers.append(other.ask_raw("POST", "/models/_register", {
                "name": "n", "function_name": "remote", "connector_id": connector_id, "model_group_id": group}))

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {status for status, _ in answers} <= {200, 429} and len(answers) == 8
    made = models.register_model(group, connector_id)
    assert models.model(made["model_id"])["model_version"] == str(1 + sum(status == 200 for status, _ in answers))
    models.settings(max_register_model_tasks_per_node=None)


# ---- idle models ----

def test_idle_models(berth, models, request):
    """One that may be idle for no time is undeployed; those that may for longer, and for ever, are not."""
    group, connector_id = models.register_group(request.node.name), models.create_connector()
    made = {}
    for minutes in (0, 60, -1, None):
        setting = {"deploy_setting": {"model_ttl_minutes": minutes}} if minutes is not None else {}
        made[minutes] = models.ml.register_model(body={
            "name": "idle", "function_name": "remote", "model_group_id": group, "connector_id": connector_id,
            **setting})["model_id"]
        models.deploy(made[minutes])
    models.settings(sync_up_job_interval_in_seconds=1)
    eventually(lambda: models.model(made[0]), lambda found: found["model_state"] == "UNDEPLOYED")
    assert berth.wait_event("model_expired")["model_id"] == made[0]
    models.settings(sync_up_job_interval_in_seconds=0)
    for minutes in (60, -1, None):
        assert models.model(made[minutes])["model_state"] == "DEPLOYED"
    models.ask(made[0], "deploys it again")
    assert models.model(made[0])["model_state"] == "DEPLOYED"


# ---- changes of models ----

def test_moving_to_another_group(models, model, request):
    other = models.register_group(request.node.name + " other")
    models.register_model(other, models.create_connector())
    models.deploy(model)
    assert models.update(model, {"model_group_id": other})[0] == 200
    shown = models.model(model)
    assert (shown["model_group_id"], shown["model_version"]) == (other, "2")
    models.ask(model, "served all the while")
    assert models.update(model, {"model_group_id": other, "description": "d"})[0] == 200
    assert models.model(model)["model_version"] == "2"  # it was there already
    third = models.register_model(other, models.create_connector())["model_id"]
    assert models.model(third)["model_version"] == "3"


def test_moving_to_a_group_that_is_not_there(models, model):
    before = models.model(model)
    refused(models.update(model, {"model_group_id": "absent"}), 404, "status_exception")
    assert models.model(model) == before


def test_a_deployed_model_keeps_a_connector_that_works(models, model):
    models.deploy(model)
    before = models.model(model)
    refused(models.update(model, {"connector_id": "absent"}), 404, "status_exception")
    assert models.model(model) == before
    models.ask(model, "as before")
    other = models.create_connector("other")
    assert models.update(model, {"connector_id": other})[0] == 200
    assert models.model(model)["connector_id"] == other
    models.ask(model, "by the other")


def test_changing_the_model_s_own_connector(models):
    model = models.with_own_connector()
    models.deploy(model)
    answer = models.update(model, {"connector": {"parameters": {"model": "another"}, "description": "changed"}})
    assert answer[0] == 200
    shown = models.model(model)["connector"]
    assert (shown["description"], shown["parameters"]) == ("changed", {"model": "another"})
    assert "credential" not in shown
    assert models.ask(model, "with the credential it had")["inference_results"]


def test_a_new_credential_of_the_model_s_own_connector(models):
    model = models.with_own_connector()
    models.deploy(model)
    assert models.update(model, {"connector": {"credential": {"key": "a wrong one"}}})[0] == 200
    status, answer = models.ask_raw("POST", f"/models/{model}/_predict", {"parameters": {"messages": []}})
    assert (status, "a wrong one" in str(answer)) == (401, False)
    assert models.update(model, {"connector": {"credential": {"key": models.model_server.key}}})[0] == 200
    models.ask(model, "with the right one")


@pytest.mark.parametrize("changes,kind", [
    ({"actions": [{"action_type": "predict", "method": "POST", "url": "https://not.trusted/"}]},
     "illegal_argument_exception"),
    ({"actions": []}, "illegal_argument_exception"),
    ({"protocol": "smtp"}, "illegal_argument_exception"),
    ({"parameters": 7}, "parsing_exception"),
])
def test_wrong_changes_of_the_model_s_own_connector(models, changes, kind):
    model = models.with_own_connector()
    models.deploy(model)
    before = models.model(model)
    refused(models.update(model, {"connector": changes}), 400, kind)
    assert models.model(model) == before
    models.ask(model, "as before")


def test_a_connector_of_the_other_kind(models, model):
    own = models.with_own_connector()
    stored = models.create_connector()
    refused(models.update(model, {"connector": {"description": "d"}}))
    refused(models.update(own, {"connector_id": stored}))
    refused(models.update(own, {"connector_id": stored, "connector": {"description": "d"}}))


def test_a_model_that_is_being_deployed_is_not_changed(start_berth, model_server, tmp_path):
    data = tmp_path / "data"
    berth = start_berth(SETTINGS, data)
    with Models(berth, model_server) as models:
        model = models.deployed_model()
    berth.stop()
    change(data, MODELS, {model: {"model_state": "DEPLOYING"}})
    with Models(start_berth(SETTINGS, data), model_server) as models:
        refused(models.update(model, {"description": "d"}), 409, "status_exception")
        refused(models.ask_raw("DELETE", f"/models/{model}"), 400, "status_exception")
        models.deploy(model)
        assert models.update(model, {"description": "d"})[0] == 200


# ---- dry run ----

def test_a_dry_run_stores_nothing(models):
    before = models.ask_raw("POST", "/connectors/_search", {"size": 0})[1]["hits"]["total"]
    answer = models.ask_raw("POST", "/connectors/_create", {"dry_run": True})
    assert answer == (200, {"connector_id": "dryRunConnector"})
    refused(models.ask_raw("POST", "/connectors/_create", {"dry_run": False}))
    assert models.ask_raw("POST", "/connectors/_search", {"size": 0})[1]["hits"]["total"] == before
