# SPDX-License-Identifier: Apache-2.0
"""From nothing to an answer and back, with the official Python client as it is."""
import pytest
from opensearchpy.exceptions import NotFoundError, RequestError
from six_steps import PREFIX, Steps, answer_of, question

# What the clients of the field are set up with; a server without users minds none of it.
CLIENTS = {
    "plain": {},
    "user": {"http_auth": ("admin", "admin")},
    "no user": {"http_auth": ("None", "None")},
    "gzip": {"http_compress": True},
    "user and gzip": {"http_auth": ("admin", "admin"), "http_compress": True},
    "opaque id": {"opaque_id": "tests"},
}


@pytest.fixture(params=CLIENTS)
def steps(request, berth, model_server):
    with Steps(berth, model_server, **CLIENTS[request.param]) as steps:
        yield steps
        steps.client.cluster.put_settings(body={"persistent": {PREFIX + "*": None}})


def test_six_steps(steps):
    assert steps.client.ping()
    assert steps.client.info()["version"]["distribution"] == "opensearch"
    assert steps.trust()["acknowledged"] is True

    group = steps.register_group("six steps")
    connector = steps.create_connector("six steps")
    registered = steps.register_model(group, connector, "six steps")
    model = registered["model_id"]
    assert registered["status"] == "CREATED"
    assert steps.ml.get_task(task_id=registered["task_id"])["state"] == "COMPLETED"
    assert steps.ml.get_model(model_id=model)["model_state"] == "REGISTERED"

    deployed = steps.deploy(model)
    assert (deployed["task_type"], deployed["status"]) == ("DEPLOY_MODEL", "COMPLETED")
    task = steps.ml.get_task(task_id=deployed["task_id"])
    assert (task["state"], task["model_id"]) == ("COMPLETED", model)
    assert steps.ml.get_model(model_id=model)["model_state"] == "DEPLOYED"

    for text in ("How deep is a berth?", 'with "quotes", a \\ and ümläuts ⚓', "x" * 20000):
        prediction = steps.ask(model, text)
        assert text in answer_of(prediction)
        assert prediction["inference_results"][0]["status_code"] == 200
    by_path = steps.client.transport.perform_request(
        "POST", f"/_plugins/_ml/models/{model}/_predict", body=question("by path"))
    assert "by path" in answer_of(by_path)

    with pytest.raises(RequestError) as refused:
        steps.ml.delete_model(model_id=model)
    assert refused.value.status_code == 400
    undeployed = steps.ml.undeploy_model(model_id=model)
    assert [node["stats"] for node in undeployed.values()] == [{model: "undeployed"}]
    assert steps.ml.get_model(model_id=model)["model_state"] == "UNDEPLOYED"

    assert steps.ml.delete_model(model_id=model)["result"] == "deleted"
    assert steps.ml.delete_connector(connector_id=connector)["result"] == "deleted"
    assert steps.ml.delete_model_group(model_group_id=group)["result"] == "deleted"
    with pytest.raises(NotFoundError):
        steps.ml.get_model(model_id=model)


def test_register_and_deploy_at_once(steps):
    steps.trust()
    body = {"name": "at once", "function_name": "remote", "description": "in a group of its own",
            "connector_id": steps.create_connector()}
    registered = steps.ml.register_model(body=body, params={"deploy": "true"})
    model = registered["model_id"]
    assert "at once?" in answer_of(steps.ask(model, "at once?"))
    group = steps.ml.get_model(model_id=model)["model_group_id"]
    steps.ml.undeploy_model(model_id=model)
    steps.ml.delete_model(model_id=model)
    steps.ml.delete_model_group(model_group_id=group)


def test_searches(steps):
    steps.trust()
    group = steps.register_group("searched")
    connector = steps.create_connector("searched")
    model = steps.register_model(group, connector, "searched")["model_id"]
    query = {"query": {"match_all": {}}}
    for search, wanted in ((steps.ml.search_model_group, group),
                           (steps.ml.search_connectors, connector),
                           (steps.ml.search_models, model)):
        assert wanted in [hit["_id"] for hit in search(body=query)["hits"]["hits"]]
    steps.ml.delete_model(model_id=model)
    steps.ml.delete_connector(connector_id=connector)
    steps.ml.delete_model_group(model_group_id=group)


def test_remote_error_keeps_its_status(berth, model_server):
    """The wrong key: the service's 401 comes through, the key does not."""
    with Steps(berth, model_server) as steps:
        model = steps.deployed_model()
        model_server.key = "another-key"
        with pytest.raises(Exception) as refused:
            steps.ask(model, "may I?")
        assert refused.value.status_code == 401
        assert "Incorrect API key" in str(refused.value)
        assert "sk-test" not in str(refused.value)
