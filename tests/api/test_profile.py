# SPDX-License-Identifier: Apache-2.0
"""Profiles: deployed models with the durations of their latest predictions, and predictions under way."""
import json

import pytest
from opensearchpy import RequestError, TransportError
from six_steps import PREFIX, Steps
from wire import Wire

ML = "/_plugins/_ml"
KINDS = ("model_inference_stats", "predict_request_stats")


@pytest.fixture
def steps(start_berth, model_server):
    berth = start_berth({"http.loops": "2"})
    with Steps(berth, model_server) as steps:
        steps.berth = berth
        yield steps


def get(steps, path, body=None, **params):
    return steps.client.transport.perform_request("GET", ML + path, params=params, body=body)


def node_of(answer):
    (node,) = answer["nodes"].values()
    return node


def ask_on_many_connections(steps, model, times):
    """Each connection may be another loop's."""
    for _ in range(times):
        with Wire(steps.berth) as wire:
            wire.send(steps.predict_request(model, "hello"))
            assert wire.read().status == 200


def test_tells_the_durations_of_the_latest_predictions(steps):
    model = steps.deployed_model()
    ask_on_many_connections(steps, model, 5)
    told = node_of(get(steps, f"/profile/models/{model}"))["models"][model]
    assert set(told) == {"model_state", "predictor", "target_worker_nodes", "worker_nodes", *KINDS}
    assert told["model_state"] == "DEPLOYED" and "RemoteModel" in told["predictor"]
    assert told["worker_nodes"] == told["target_worker_nodes"]
    for kind in KINDS:
        times = told[kind]
        assert times["count"] == 5
        assert 0 < times["min"] <= times["p50"] <= times["p90"] <= times["p99"] <= times["max"]
        assert times["min"] <= times["average"] <= times["max"]
    assert told["model_inference_stats"]["average"] < told["predict_request_stats"]["average"]


def test_view_of_models(steps):
    model = steps.deployed_model()
    by_node = get(steps, "/profile", view="node")
    (node_id,) = by_node["nodes"]
    assert get(steps, "/profile", view="model") == {"models": {model: {
        "target_worker_nodes": [node_id], "worker_nodes": [node_id],
        "nodes": {node_id: by_node["nodes"][node_id]["models"][model]}}}}
    with pytest.raises(RequestError) as refused:
        get(steps, "/profile", view="sideways")
    assert "[view]" in str(refused.value)


def test_a_model_that_was_not_asked_has_no_durations(steps):
    model = steps.deployed_model()
    assert not set(node_of(get(steps, "/profile"))["models"][model]) & set(KINDS)


def test_what_never_reached_the_service_leaves_no_duration(steps):
    model = steps.deployed_model()
    with pytest.raises(RequestError):
        steps.ml.predict_model(model_id=model, body={"parameters": {}})
    assert not set(node_of(get(steps, "/profile"))["models"][model]) & set(KINDS)


def test_a_refusal_of_the_service_took_its_time_too(steps, model_server):
    model = steps.deployed_model()
    with pytest.raises(TransportError):
        steps.ml.predict_model(model_id=model, body={"parameters": {"messages": 7}})
    told = node_of(get(steps, "/profile"))["models"][model]
    assert told["predict_request_stats"]["count"] == 1


def test_how_many_are_kept_is_a_setting(steps):
    """The latest of all loops together; 0 forgets them for good."""
    model = steps.deployed_model()

    def keep(count):
        steps.client.cluster.put_settings(body={"persistent": {PREFIX + "monitoring_request_count": count}})

    def count():
        told = node_of(get(steps, "/profile"))["models"][model]
        return told[KINDS[0]]["count"] if KINDS[0] in told else 0

    ask_on_many_connections(steps, model, 8)
    assert count() == 8
    keep(3)
    assert count() == 3
    ask_on_many_connections(steps, model, 4)
    assert count() == 3
    keep(0)
    assert count() == 0
    keep(100)
    assert count() == 0
    ask_on_many_connections(steps, model, 2)
    assert count() == 2


def test_what_is_not_there(steps):
    assert get(steps, "/profile") == {}
    model = steps.deployed_model()
    for path in ("/profile/models/absent", "/profile/tasks", "/profile/tasks/absent"):
        assert get(steps, path) == {}
        assert get(steps, path, view="model") == {}
    assert get(steps, "/profile", body={"node_ids": ["absent"]}) == {}
    steps.ml.undeploy_model(model_id=model)
    assert get(steps, "/profile") == {}


def test_ids_choose_models(steps):
    one = steps.deployed_model()
    two = steps.register_model(steps.register_group("other"), steps.create_connector("other"), "two")["model_id"]
    steps.deploy(two)

    def models(path, body=None):
        return set(node_of(get(steps, path, body=body))["models"])

    assert models("/profile") == models("/profile/models") == {one, two}
    assert models(f"/profile/models/{one}") == {one}
    assert models(f"/profile/models/{one},{two}") == {one, two}
    assert models("/profile", {"model_ids": [two]}) == {two}
    assert models("/profile/models", {"model_ids": [two]}) == {two}
    assert models(f"/profile/models/{one}", {"model_ids": [two]}) == {one, two}
    assert models("/profile", {"return_all_models": True, "node_ids": ["_local"]}) == {one, two}
    assert get(steps, "/profile", body={"return_all_tasks": True}) == {}
    with pytest.raises(RequestError):
        get(steps, "/profile", body={"model_ids": "x"})


def test_predictions_under_way_are_tasks(steps, model_server):
    model = steps.deployed_model()
    with Wire(steps.berth) as wire:
        model_server.gate.clear()
        wire.send(steps.predict_request(model, "held"))
        model_server.requests.get(timeout=60)
        tasks = node_of(get(steps, "/profile/tasks"))
        assert set(tasks) == {"tasks"}
        ((task_id, task),) = tasks["tasks"].items()
        (node_id,) = get(steps, "/profile")["nodes"]
        created = task.pop("create_time")
        assert task.pop("last_update_time") == created > 0
        assert task == {"task_id": task_id, "model_id": model, "task_type": "PREDICTION", "function_name": "REMOTE",
                        "state": "RUNNING", "input_type": "REMOTE", "worker_node": [node_id], "is_async": False}
        assert set(node_of(get(steps, f"/profile/tasks/{task_id}"))["tasks"]) == {task_id}
        assert set(node_of(get(steps, f"/profile/models/{model}"))["tasks"]) == {task_id}
        assert set(get(steps, "/profile", view="model")["models"][model]["tasks"]) == {task_id}
        assert set(get(steps, "/profile/tasks", view="model")["models"][model]["tasks"]) == {task_id}
        assert get(steps, "/profile/tasks/absent") == {}
        model_server.gate.set()
        assert wire.read().status == 200
        assert get(steps, "/profile/tasks") == {}


def test_a_client_that_leaves_takes_its_task_along(steps, model_server):
    model = steps.deployed_model()
    with Wire(steps.berth) as wire:
        model_server.gate.clear()
        wire.send(steps.predict_request(model, "held"))
        model_server.requests.get(timeout=60)
        assert get(steps, "/profile/tasks")
    while get(steps, "/profile/tasks"):
        pass
    node = node_of(get(steps, "/stats"))
    assert node["models"][model]["predict"] == {"ml_action_request_count": 1, "ml_action_failure_count": 0}
    assert not set(node_of(get(steps, "/profile"))["models"][model]) & set(KINDS)


def test_a_model_that_is_deleted_while_it_is_asked(steps, model_server):
    model = steps.deployed_model()
    with Wire(steps.berth) as wire:
        model_server.gate.clear()
        wire.send(steps.predict_request(model, "held"))
        model_server.requests.get(timeout=60)
        steps.ml.undeploy_model(model_id=model)
        steps.ml.delete_model(model_id=model)
        assert get(steps, "/profile") == {}
        model_server.gate.set()
        assert "held" in json.dumps(wire.read().json())
    assert node_of(get(steps, "/stats"))["ml_executing_task_count"] == 0
