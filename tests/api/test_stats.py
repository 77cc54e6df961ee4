# SPDX-License-Identifier: Apache-2.0
"""Counters and timings: what a prediction leaves behind in them, and who may ask for what."""
import pytest
from opensearchpy import RequestError
from six_steps import Steps

ML = "/_plugins/_ml"


@pytest.fixture
def steps(start_berth, model_server):
    with Steps(start_berth(), model_server) as steps:
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


def test_profile_tells_the_latest_timings(steps):
    model = steps.deployed_model()
    for _ in range(5):
        steps.ask(model, "hello")
    profile = node_of(get(steps, f"/profile/models/{model}"))["models"][model]
    assert profile["model_state"] == "DEPLOYED"
    for kind in ("predict_request_stats", "model_inference_stats"):
        times = profile[kind]
        assert times["count"] == 5
        assert 0 < times["min"] <= times["p50"] <= times["p90"] <= times["p99"] <= times["max"]
    by_model = get(steps, "/profile", view="model")["models"][model]
    assert len(by_model["worker_nodes"]) == 1 and len(by_model["nodes"]) == 1
    assert get(steps, "/profile/models/absent") == {}
    assert get(steps, "/profile/tasks/absent") == {}


def test_how_many_timings_are_kept_is_a_setting(steps):
    model = steps.deployed_model()
    for kept, expected in (("2", 2), ("0", None)):
        steps.client.cluster.put_settings(body={"persistent": {"plugins.ml_commons.monitoring_request_count": kept}})
        for _ in range(4 * 2):
            steps.ask(model, "hello")
        profile = node_of(get(steps, f"/profile/models/{model}"))["models"][model]
        # Each loop keeps its own.
        counts = profile.get("predict_request_stats", {}).get("count")
        assert counts is None if expected is None else expected <= counts <= 2 * expected
