# SPDX-License-Identifier: Apache-2.0
"""Three nodes on one etcd: the same API on each, wherever a model is."""
import pytest
from event_server import ask, chunk, content, deployed, read_event, read_head
from opensearchpy import TransportError
from six_steps import PREFIX, answer_of, question
from waiting import eventually
from wire import Wire


def test_each_step_on_another_node(start_cluster, model_server):
    cluster = start_cluster()
    cluster.see_each_other()
    ids = cluster.ids()
    first, second, third = cluster.steps(model_server)
    first.trust()
    group = second.register_group()
    connector = third.create_connector()
    model = first.register_model(group, connector)["model_id"]
    task = second.deploy(model)
    assert task["status"] == "COMPLETED"
    stored = third.ml.get_model(model_id=model)
    assert stored["model_state"] == "DEPLOYED"
    assert stored["planning_worker_nodes"] == [ids["n3"]]
    assert (stored["planning_worker_node_count"], stored["current_worker_node_count"]) == (1, 1)
    for steps in (first, second, third):
        assert "four" in answer_of(steps.ask(model, "four"))
    for steps in (first, second, third):
        steps.client.close()


def settings_of(node):
    with node.client() as client:
        return client.cluster.get_settings(flat_settings=True)["persistent"]


def test_settings_are_on_all_nodes_when_they_are_acknowledged(start_cluster):
    cluster = start_cluster()
    cluster.see_each_other()
    for value in range(20):
        with cluster.nodes[value % 3].client() as client:
            answer = client.cluster.put_settings(body={"persistent": {PREFIX + "monitoring_request_count": value}})
        assert answer["acknowledged"]
        for node in cluster.nodes:
            assert settings_of(node) == {PREFIX + "monitoring_request_count": str(value)}


def states(node, model):
    with node.client() as client:
        stored = client.plugins.ml.get_model(model_id=model)
    return stored["model_state"], sorted(stored.get("planning_worker_nodes", []))


# roles of a node, and attributes; whether a remote model is on it with only_run_on_ml_node on, and off
ELIGIBLE = [
    ("ml", {}, True, True),
    ("data", {}, False, True),
    ("data,ml", {}, True, True),
    ("ingest", {}, False, False),
    ("cluster_manager", {}, False, False),
    ("data", {"node.attr.box_type": "warm"}, False, False),
    ("data", {"node.attr.box_type": "hot"}, False, True),
]


def test_which_nodes_get_a_model(start_cluster, model_server):
    cluster = start_cluster([])
    for roles, attributes, _, _ in ELIGIBLE:
        cluster.add(roles, attributes)
    cluster.see_each_other()
    ids = cluster.ids()
    steps = cluster.steps(model_server)[3]
    steps.trust()
    model = steps.register_model(steps.register_group(), steps.create_connector())["model_id"]
    for only, column in ((True, 2), (False, 3)):
        steps.client.cluster.put_settings(body={"persistent": {PREFIX + "only_run_on_ml_node": only}})
        steps.deploy(model)
        wanted = sorted(ids[f"n{i + 1}"] for i, row in enumerate(ELIGIBLE) if row[column])
        assert states(cluster.nodes[4], model) == ("DEPLOYED", wanted)
        for node in cluster.nodes:
            with node.client() as client:
                assert answer_of(client.plugins.ml.predict_model(model_id=model, body=question("hello")))
    steps.client.close()


def test_only_run_on_ml_node_evicts_and_admits(start_cluster, model_server):
    cluster = start_cluster(["cluster_manager,data", "ml"],
                            settings={PREFIX + "sync_up_job_interval_in_seconds": 1})
    cluster.see_each_other()
    ids = cluster.ids()
    steps = cluster.steps(model_server)[0]
    steps.client.cluster.put_settings(body={"persistent": {PREFIX + "only_run_on_ml_node": False}})
    model = steps.deployed_model()
    both = ("DEPLOYED", sorted(ids.values()))
    assert states(cluster.nodes[1], model) == both
    steps.client.cluster.put_settings(body={"persistent": {PREFIX + "only_run_on_ml_node": True}})
    eventually(lambda: states(cluster.nodes[1], model)[1], [ids["n2"]].__eq__)
    assert answer_of(steps.ask(model, "after eviction"))
    steps.client.cluster.put_settings(body={"persistent": {PREFIX + "only_run_on_ml_node": False}})
    eventually(lambda: states(cluster.nodes[1], model), both.__eq__)
    steps.client.close()


def test_undeploy_from_some_and_all(start_cluster, model_server):
    cluster = start_cluster(["cluster_manager,ml", "ml", "ml"],
                            settings={PREFIX + "allow_custom_deployment_plan": "true"})
    cluster.see_each_other()
    ids = cluster.ids()
    steps = cluster.steps(model_server)
    model = steps[0].deployed_model()
    answer = steps[1].client.plugins.ml.undeploy_model(model_id=model, body={"node_ids": [ids["n3"]]})
    assert answer == {ids["n3"]: {"stats": {model: "undeployed"}}}
    assert states(cluster.nodes[2], model) == ("PARTIALLY_DEPLOYED", sorted([ids["n1"], ids["n2"]]))
    assert answer_of(steps[2].ask(model, "from the third"))
    answer = steps[2].client.plugins.ml.undeploy_model(model_id=model)
    assert answer == {ids[name]: {"stats": {model: "undeployed"}} for name in ("n1", "n2")}
    assert states(cluster.nodes[0], model)[0] == "UNDEPLOYED"
    for one in steps:
        one.client.close()


def deploy_on(client, model, *nodes):
    return client.transport.perform_request("POST", f"/_plugins/_ml/models/{model}/_deploy",
                                            body={"node_ids": list(nodes)})


def test_deploy_on_named_nodes(start_cluster, model_server):
    cluster = start_cluster(["cluster_manager,ml", "ml", "ingest"],
                            settings={PREFIX + "allow_custom_deployment_plan": "true"})
    cluster.see_each_other()
    ids = cluster.ids()
    steps = cluster.steps(model_server)[2]
    steps.trust()
    model = steps.register_model(steps.register_group(), steps.create_connector())["model_id"]
    with pytest.raises(TransportError) as refused:
        deploy_on(steps.client, model, ids["n3"])
    assert refused.value.status_code == 400
    deploy_on(steps.client, model, ids["n2"], ids["n3"])
    assert states(cluster.nodes[0], model) == ("DEPLOYED", [ids["n2"]])
    assert answer_of(steps.ask(model, "by name"))
    steps.client.close()


def test_streams_come_from_other_nodes_as_they_come(start_cluster, events):
    cluster = start_cluster(settings={PREFIX + "stream_enabled": "true"})
    cluster.see_each_other()
    model = deployed(cluster.nodes[0], events)
    with Wire(cluster.nodes[1]) as wire:
        ask(wire, model)
        assert events.requests.get(timeout=60)["stream"] is True
        events.events.put(chunk("Hel"))
        assert "text/event-stream" in read_head(wire)
        assert content(read_event(wire)[0]) == {"content": "Hel", "is_last": False}
        events.events.put(chunk("lo"))
        assert content(read_event(wire)[0]) == {"content": "lo", "is_last": False}
        events.events.put(b"data: [DONE]\n\n")
        assert content(read_event(wire)[0]) == {"content": "", "is_last": True}


def test_a_client_that_leaves_ends_the_stream_of_another_node(start_cluster, events):
    cluster = start_cluster(settings={PREFIX + "stream_enabled": "true"})
    cluster.see_each_other()
    model = deployed(cluster.nodes[0], events)
    with Wire(cluster.nodes[0]) as wire:
        ask(wire, model)
        events.requests.get(timeout=60)
        events.events.put(chunk("Hel"))
        read_head(wire)
    while not events.broken.is_set():
        events.events.put(chunk("more"))


def test_a_node_that_joins_gets_the_models(start_cluster, model_server):
    cluster = start_cluster(["cluster_manager,ml"], settings={PREFIX + "sync_up_job_interval_in_seconds": 1})
    steps = cluster.steps(model_server)[0]
    model = steps.deployed_model()
    cluster.add("ml")
    cluster.see_each_other()
    ids = cluster.ids()
    eventually(lambda: states(cluster.nodes[0], model)[1], sorted(ids.values()).__eq__)
    cluster.nodes[1].stop()
    eventually(lambda: states(cluster.nodes[0], model), ("DEPLOYED", [ids["n1"]]).__eq__)
    steps.client.close()


def test_a_model_expires_when_no_node_uses_it(start_cluster, model_server):
    cluster = start_cluster(["cluster_manager,ml", "ml"], settings={PREFIX + "sync_up_job_interval_in_seconds": 1})
    cluster.see_each_other()
    steps = cluster.steps(model_server)[0]
    stays = steps.deployed_model()
    goes = steps.client.transport.perform_request(
        "POST", "/_plugins/_ml/models/_register",
        body={"name": "goes", "function_name": "remote", "connector_id": steps.create_connector("another"),
              "deploy_setting": {"model_ttl_minutes": 0}})["model_id"]
    steps.deploy(goes)
    eventually(lambda: states(cluster.nodes[1], goes)[0], "UNDEPLOYED".__eq__)
    assert states(cluster.nodes[1], stays) == ("DEPLOYED", sorted(cluster.ids().values()))
    steps.client.close()


def test_what_is_for_nodes_is_for_nobody_else(start_cluster):
    cluster = start_cluster(["cluster_manager,ml"])
    with Wire(cluster.nodes[0]) as wire:
        assert wire.ask("POST", "/_plugins/_ml/_nodes/_try", b'{"model_id":"x"}').status == 403
        headers = ["x-berth-peer: v1 1 - " + "0" * 64]
        assert wire.ask("POST", "/_plugins/_ml/_nodes/_try", b'{"model_id":"x"}', headers).status == 401


def test_a_node_with_another_key_does_not_start(start_cluster, tmp_path):
    cluster = start_cluster(["cluster_manager,ml"])
    (tmp_path / "cluster0" / "n2").mkdir(mode=0o700)
    cluster.nodes.append(None)
    with pytest.raises(AssertionError) as refused:
        cluster.start(2, {"node.roles": "ml"})
    assert "is not that of its cluster" in str(refused.value)
    cluster.nodes.pop()
