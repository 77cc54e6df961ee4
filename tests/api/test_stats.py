# SPDX-License-Identifier: Apache-2.0
"""Counters and timings: what a prediction leaves behind in them, and who may ask for what."""
import pytest
from opensearchpy import NotFoundError, RequestError
from six_steps import Steps
from wire import Wire

ML = "/_plugins/_ml"


@pytest.fixture
def steps(start_berth, model_server):
    berth = start_berth()
    with Steps(berth, model_server) as steps:
        steps.berth = berth
        yield steps


def get(steps, path, **params):
    return steps.client.transport.perform_request("GET", ML + path, params=params)


def node_of(answer):
    (node,) = answer["nodes"].values()
    return node


def test_a_prediction_is_counted_with_its_model(steps):
    model = steps.deployed_model()
    for _ in range(3):
        steps.ask(model, "hello")
    node = node_of(get(steps, "/stats"))
    assert node["algorithms"]["remote"]["predict"] == {"ml_action_request_count": 3, "ml_action_failure_count": 0}
    assert node["models"][model]["predict"]["ml_action_request_count"] == 3
    assert node["algorithms"]["remote"]["register"]["ml_action_request_count"] == 1
    assert node["ml_deployed_model_count"] == 1
    assert node["ml_executing_task_count"] == 0


def test_a_clients_mistake_is_no_failure_and_a_services_is(steps, model_server):
    model = steps.deployed_model()
    with pytest.raises(RequestError):
        steps.ml.predict_model(model_id=model, body={"parameters": {}})
    steps.client.transport.perform_request("PUT", "/_cluster/settings", body={"persistent": {
        "plugins.ml_commons.trusted_connector_endpoints_regex": ["^http://127\\.0\\.0\\.1.*$"]}})
    connector = steps.ml.create_connector(body={
        "name": "nobody", "version": "1", "protocol": "http", "credential": {"key": "x"}, "parameters": {},
        "actions": [{"action_type": "predict", "method": "POST", "url": "http://127.0.0.1:1/", "request_body": "{}"}]})
    broken = steps.register_model(steps.register_group("other"), connector["connector_id"], "broken")["model_id"]
    steps.deploy(broken)
    with pytest.raises(Exception) as refused:
        steps.ml.predict_model(model_id=broken, body={"parameters": {}})
    assert refused.value.status_code == 502
    node = node_of(get(steps, "/stats"))
    assert node["models"][model]["predict"]["ml_action_failure_count"] == 0
    assert node["models"][broken]["predict"]["ml_action_failure_count"] == 1
    assert node["ml_failure_count"] == 1


def test_names_choose_what_is_told(steps):
    assert get(steps, "/stats/ml_connector_index_status") == {"ml_connector_index_status": "non-existent"}
    assert node_of(get(steps, "/stats/ml_request_count")) == {"ml_request_count": 0}
    both = get(steps, "/stats/ml_model_count,ml_executing_task_count")
    assert both["ml_model_count"] == 0 and node_of(both) == {"ml_executing_task_count": 0}
    with pytest.raises(RequestError) as refused:
        get(steps, "/stats/ml_model_count,nothing")
    assert "[nothing]" in str(refused.value) and "ml_deployed_model_count" in str(refused.value)


@pytest.mark.parametrize("name,found", [("_local", 1), ("_all", 1), ("somebody-else", 0), ("a,_local", 1)])
def test_nodes_are_chosen_by_name(steps, name, found):
    assert len(get(steps, f"/{name}/stats")["nodes"]) == found


def test_each_act_is_counted_with_its_model(steps):
    """Also the deployment that a registration or a first prediction brings about."""
    model = steps.deployed_model()
    steps.ml.undeploy_model(model_id=model)
    steps.ask(model, "deploys it by itself")
    once = {"ml_action_request_count": 1, "ml_action_failure_count": 0}
    twice = {"ml_action_request_count": 2, "ml_action_failure_count": 0}
    node = node_of(get(steps, "/stats"))
    acts = {"register": once, "deploy": twice, "undeploy": once, "predict": once}
    assert node["algorithms"] == {"remote": acts}
    assert node["models"] == {model: acts}
    assert node["ml_request_count"] == 5


def test_a_deleted_model_takes_its_counters_with_it(steps):
    model = steps.deployed_model()
    steps.ask(model, "hello")
    steps.ml.undeploy_model(model_id=model)
    steps.ml.delete_model(model_id=model)
    node = node_of(get(steps, "/stats"))
    assert "models" not in node
    assert node["algorithms"]["remote"]["predict"]["ml_action_request_count"] == 1


def test_what_nobody_knows_is_not_counted(steps):
    for model in ("one", "two"):
        with pytest.raises(NotFoundError):
            steps.ask(model, "hello")
    node = node_of(get(steps, "/stats"))
    assert "models" not in node and node["ml_failure_count"] == 0


NODE = {"ml_jvm_heap_usage", "ml_executing_task_count", "ml_request_count", "ml_failure_count",
        "ml_deployed_model_count", "ml_circuit_breaker_trigger_count"}

# A body; the names beside "nodes" at the top; those in the node.
BODIES = {
    "one of the cluster": ({"cluster_level_stats": ["ml_model_count"]}, {"ml_model_count"}, None),
    "one of the node": ({"node_level_stats": ["ML_REQUEST_COUNT"]}, set(), {"ml_request_count"}),
    "level of the node": ({"target_stat_levels": ["NODE"]}, set(), NODE),
    "level of algorithms": ({"target_stat_levels": ["algorithm"]}, set(), {"algorithms"}),
    "level of models": ({"target_stat_levels": ["model"]}, set(), {"models"}),
    "level of actions": ({"target_stat_levels": ["action"]}, set(), {"algorithms", "models"}),
    "another algorithm": ({"target_stat_levels": ["algorithm"], "algorithms": ["kmeans"]}, set(), set()),
    "this algorithm": ({"target_stat_levels": ["algorithm"], "algorithms": ["REMOTE"]}, set(), {"algorithms"}),
    "another model": ({"target_stat_levels": ["model"], "models": ["absent"]}, set(), set()),
    "no such action": ({"target_stat_levels": ["model"], "actions": ["train"]}, set(), set()),
    "this action": ({"target_stat_levels": ["model"], "actions": ["Predict"]}, set(), {"models"}),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_chooses_what_is_told(steps, case):
    body, cluster, node = BODIES[case]
    steps.ask(steps.deployed_model(), "hello")
    answer = steps.client.transport.perform_request("GET", ML + "/stats", body=body)
    assert set(answer) - {"nodes"} == cluster
    assert set(node_of(answer)) == node if node is not None else "nodes" not in answer


def test_a_body_chooses_nodes_and_actions(steps):
    model = steps.deployed_model()
    steps.ask(model, "hello")
    told = steps.client.transport.perform_request("GET", ML + "/stats", body={
        "action_level_stats": ["ml_action_request_count"], "actions": ["predict"], "node_ids": ["absent", "_local"]})
    counted = {"predict": {"ml_action_request_count": 1}}
    assert node_of(told) == {"algorithms": {"remote": counted}, "models": {model: counted}}
    told = steps.client.transport.perform_request("GET", ML + "/stats", body={"node_ids": ["absent"]})
    assert told["nodes"] == {}


@pytest.mark.parametrize("body", [
    {"target_stat_levels": ["nothing"]}, {"node_level_stats": ["nothing"]}, {"node_level_stats": [1]},
    {"node_ids": "x"}, {"models": {}},
])
def test_a_body_that_asks_for_what_is_not(steps, body):
    with pytest.raises(RequestError):
        steps.client.transport.perform_request("GET", ML + "/stats", body=body)


def test_what_is_under_way_is_counted_so(steps, model_server):
    model = steps.deployed_model()
    with Wire(steps.berth) as wire:
        model_server.gate.clear()
        wire.send(steps.predict_request(model, "held"))
        model_server.requests.get(timeout=60)
        assert node_of(get(steps, "/stats"))["ml_executing_task_count"] == 1
        model_server.gate.set()
        assert wire.read().status == 200
        assert node_of(get(steps, "/stats"))["ml_executing_task_count"] == 0
