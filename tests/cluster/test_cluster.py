# SPDX-License-Identifier: Apache-2.0
"""Three nodes on one etcd: the same API on each, wherever a model is."""
import gzip
import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from event_server import ask, chunk, content, deployed, read_event, read_head
from opensearchpy import TransportError
from remote_service import Remote, RemoteService
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


def test_headers_go_to_the_node_that_answers(start_cluster):
    """Those of the client that the plugin reads, for the remote service; not what this node deals with itself."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    cluster = start_cluster(["cluster_manager,data", "ml"])
    cluster.see_each_other()
    with RemoteService() as service, Remote(cluster.nodes[0]) as remote, Wire(cluster.nodes[0]) as wire:
        model = remote.model(service.url + "/")
        body = gzip.compress(json.dumps({"parameters": {"text": "hi"}}).encode())
        sent = [f"traceparent: {parent}", "tracestate: a=b", "content-encoding: gzip", "x-empty:"]
        answer = wire.ask("POST", f"/_plugins/_ml/models/{model}/_predict?format=yaml", body, sent)
        assert answer.status == 200 and answer.body.startswith(b"---\ninference_results:"), answer
        headers = service.requests.get(timeout=60).headers
        assert (headers["traceparent"], headers["tracestate"]) == (parent, "a=b")


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


def test_nodes_that_ask_each_other_do_not_wait_in_a_circle(start_cluster, model_server):
    """Each node has one worker, which deploys and waits for the other one."""
    cluster = start_cluster(["cluster_manager,ml", "ml"], settings={"worker.threads": "1"})
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    steps[0].trust()
    group, connector = steps[0].register_group(), steps[0].create_connector()
    models = [steps[0].register_model(group, connector, name=f"model {number}")["model_id"] for number in range(8)]
    with ThreadPoolExecutor(len(models)) as pool:
        tasks = list(pool.map(lambda at: steps[at % 2].deploy(models[at]), range(len(models))))
    assert [task["status"] for task in tasks] == ["COMPLETED"] * len(models)
    for model in models:
        assert states(cluster.nodes[0], model)[0] == "DEPLOYED"
    for one in steps:
        one.client.close()


def figures(node, path):
    with node.client() as client:
        return client.transport.perform_request("GET", path)


def test_figures_are_gathered_from_all_nodes(start_cluster, model_server):
    cluster = start_cluster()
    cluster.see_each_other()
    ids = cluster.ids()
    pids = {ids[f"n{number + 1}"]: node.process.pid for number, node in enumerate(cluster.nodes)}
    for node in cluster.nodes:
        stats = figures(node, "/_nodes/stats")
        assert stats["_nodes"] == {"total": 3, "successful": 3, "failed": 0}
        assert {id: one["process"]["id"] for id, one in stats["nodes"].items()} == pids
        assert all(one["process"]["mem"]["resident_in_bytes"] > 0 and one["http"]["requests"] > 0 and
                   one["thread_pool"]["worker"]["threads"] > 0 for one in stats["nodes"].values())
        info = figures(node, "/_nodes")
        assert {id: one["process"]["id"] for id, one in info["nodes"].items()} == pids
        assert all(one["plugins"][0]["description"] for one in info["nodes"].values())
        rows = figures(node, "/_cat/nodes?format=json&h=id,pid,ram.current,load_1m,uptime")
        assert {row["id"]: int(row["pid"]) for row in rows} == pids
        assert all(float(row["ram.current"]) > 0 and row["load_1m"] and row["uptime"] for row in rows)
        plugins = figures(node, "/_cat/plugins?format=json")
        assert sorted(row["name"] for row in plugins) == ["n1", "n2", "n3"]
    chosen = figures(cluster.nodes[0], f"/_nodes/{ids['n3']}/stats/process")
    assert list(chosen["nodes"]) == [ids["n3"]] and "os" not in chosen["nodes"][ids["n3"]]


def test_a_node_that_does_not_answer_is_told_of(start_cluster):
    cluster = start_cluster(["cluster_manager,data", "data"])
    cluster.see_each_other()
    ids = cluster.ids()
    cluster.nodes[1].process.send_signal(signal.SIGSTOP)
    try:
        stats = figures(cluster.nodes[0], "/_nodes/stats")
        assert list(stats["nodes"]) == [ids["n1"]]
        assert (stats["_nodes"]["successful"], stats["_nodes"]["failed"]) == (1, 1)
        failure, = stats["_nodes"]["failures"]
        assert failure["node_id"] == ids["n2"] and "has not answered" in failure["reason"]
    finally:
        cluster.nodes[1].process.send_signal(signal.SIGCONT)


def test_statistics_and_profiles_tell_of_all_nodes(start_cluster, model_server):
    cluster = start_cluster(["cluster_manager,ml", "ml", "ingest"])
    cluster.see_each_other()
    ids = cluster.ids()
    workers = sorted([ids["n1"], ids["n2"]])
    steps = cluster.steps(model_server)
    model = steps[0].deployed_model()
    for one in steps[:2] * 3:
        assert answer_of(one.ask(model, "hello"))
    for node in cluster.nodes:
        stats = figures(node, "/_plugins/_ml/stats")
        assert sorted(stats["nodes"]) == sorted(ids.values()) and stats["ml_model_count"] == 1
        counts = {id: one["models"][model]["predict"]["ml_action_request_count"]
                  for id, one in stats["nodes"].items() if "predict" in one.get("models", {}).get(model, {})}
        assert counts == dict.fromkeys(workers, 3)
        deployed_models = {id: one["ml_deployed_model_count"] for id, one in stats["nodes"].items()}
        assert deployed_models == {ids["n1"]: 1, ids["n2"]: 1, ids["n3"]: 0}
        chosen = figures(node, f"/_plugins/_ml/n2,{ids['n3']}/stats/ml_deployed_model_count")
        assert chosen == {"nodes": {ids["n2"]: {"ml_deployed_model_count": 1},
                                    ids["n3"]: {"ml_deployed_model_count": 0}}}
        profile = figures(node, "/_plugins/_ml/profile/models")["nodes"]
        assert sorted(profile) == workers
        for id in workers:
            told = profile[id]["models"][model]
            assert sorted(told["worker_nodes"]) == sorted(told["target_worker_nodes"]) == workers
            assert told["predict_request_stats"]["count"] == 3
        by_model = figures(node, "/_plugins/_ml/profile/models?view=model")["models"][model]
        assert sorted(by_model["worker_nodes"]) == sorted(by_model["nodes"]) == workers
        assert by_model["nodes"][ids["n2"]]["predict_request_stats"]["count"] == 3
    for one in steps:
        one.client.close()


def test_predictions_under_way_are_told_of_by_every_node(start_cluster, events):
    cluster = start_cluster(["cluster_manager,data", "ml"], settings={PREFIX + "stream_enabled": "true"})
    cluster.see_each_other()
    worker = cluster.ids()["n2"]
    model = deployed(cluster.nodes[0], events)
    with Wire(cluster.nodes[0]) as wire:
        ask(wire, model)
        events.requests.get(timeout=60)
        for node in cluster.nodes:
            told = figures(node, "/_plugins/_ml/profile/tasks")["nodes"]
            task, = told[worker]["tasks"].values()
            assert list(told) == [worker] and (task["model_id"], task["worker_node"]) == (model, [worker])
            by_model = figures(node, "/_plugins/_ml/profile/tasks?view=model")["models"][model]
            assert list(by_model["tasks"]) == [task["task_id"]] and by_model["worker_nodes"] == [worker]
        events.events.put(None)
