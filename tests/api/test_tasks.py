# SPDX-License-Identifier: Apache-2.0
"""Tasks and the housekeeping: states, time-outs, retention, and documents that a crash left behind."""
import time
import types

import pytest
from opensearchpy.exceptions import TransportError
from six_steps import PREFIX, Steps
from stored import change
from waiting import eventually

MODELS = ".plugins-ml-model"
TASKS = ".plugins-ml-task"
QUIET = {PREFIX + "sync_up_job_interval_in_seconds": "0"}
BUSY = {PREFIX + "sync_up_job_interval_in_seconds": "1"}


def hour_ago():
    return int(time.time() * 1000) - 3600 * 1000


def tasks_of(steps, model):
    found = steps.client.transport.perform_request(
        "POST", "/_plugins/_ml/tasks/_search", body={"query": {"term": {"model_id": model}}})
    return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}


def task(steps, task_id):
    return steps.client.plugins.ml.get_task(task_id=task_id)


def model_of(steps, model):
    return steps.ml.get_model(model_id=model)


def set_interval(steps, seconds, **more):
    steps.client.cluster.put_settings(body={"transient": {
        PREFIX + "sync_up_job_interval_in_seconds": seconds,
        **{PREFIX + key: value for key, value in more.items()}}})


@pytest.fixture
def deployed(start_berth, model_server, tmp_path):
    """A Berth that was stopped with a deployed model; restarted with what has become of its documents."""
    data = tmp_path / "data"
    berth = start_berth(QUIET, data)
    with Steps(berth, model_server) as steps:
        steps.trust()
        group = steps.register_group()
        connector = steps.create_connector()
        registered = steps.register_model(group, connector)
        model = registered["model_id"]
        answer = steps.deploy(model)
        other = steps.register_model(group, connector)["model_id"]
        steps.deploy(other)
        node = model_of(steps, model)["planning_worker_nodes"][0]
    berth.stop()

    return types.SimpleNamespace(
        model=model, other=other, data=data, node=node,
        register_task=registered["task_id"], deploy_task=answer["task_id"],
        restart=lambda settings: Steps(start_berth(settings, data), model_server))


# ---- states ----

def test_registering_and_deploying(start_berth, model_server):
    berth = start_berth(QUIET)
    with Steps(berth, model_server) as steps:
        steps.trust()
        registered = steps.register_model(steps.register_group(), steps.create_connector())
        made = task(steps, registered["task_id"])
        assert (made["task_type"], made["state"], made["is_async"]) == ("REGISTER_MODEL", "COMPLETED", False)
        made = task(steps, steps.deploy(registered["model_id"])["task_id"])
        assert (made["task_type"], made["state"], made["is_async"]) == ("DEPLOY_MODEL", "COMPLETED", True)
        assert made["model_id"] == registered["model_id"] and "error" not in made


def test_a_deployment_that_fails_says_why(start_berth, model_server):
    berth = start_berth({**QUIET, PREFIX + "max_deploy_model_tasks_per_node": "0"})
    with Steps(berth, model_server) as steps:
        steps.trust()
        model = steps.register_model(steps.register_group(), steps.create_connector())["model_id"]
        failed = task(steps, steps.deploy(model)["task_id"])
        assert failed["state"] == "FAILED"
        assert "max_deploy_model_tasks_per_node" in failed["error"]
        assert failed["worker_node"][0] in failed["error"]
        assert model_of(steps, model)["model_state"] == "DEPLOY_FAILED"


def test_a_deployed_model_survives_a_deployment_that_the_limit_refuses(start_berth, model_server):
    berth = start_berth(QUIET)
    with Steps(berth, model_server) as steps:
        model = steps.deployed_model()
        set_interval(steps, 0, max_deploy_model_tasks_per_node=0)
        assert task(steps, steps.deploy(model)["task_id"])["state"] == "FAILED"
        assert model_of(steps, model)["model_state"] == "DEPLOYED"
        steps.ask(model, "still there?")


def test_a_running_one_is_not_deleted(deployed):
    change(deployed.data, TASKS, {deployed.deploy_task: {"state": "RUNNING"}})
    with deployed.restart(QUIET) as steps:
        with pytest.raises(TransportError) as refused:
            steps.client.plugins.ml.delete_task(task_id=deployed.deploy_task)
        assert refused.value.status_code == 400
        assert refused.value.info["error"]["type"] == "illegal_argument_exception"
        assert task(steps, deployed.deploy_task)["state"] == "RUNNING"


# ---- time-outs ----

def test_tasks_that_ran_for_too_long_have_failed(deployed):
    now = int(time.time() * 1000)
    change(deployed.data, TASKS, {
        deployed.deploy_task: {"state": "RUNNING", "create_time": hour_ago()},
        deployed.register_task: {"state": "CREATED", "create_time": now}})
    with deployed.restart({**BUSY, PREFIX + "ml_task_timeout_in_seconds": "300"}) as steps:
        failed = eventually(lambda: task(steps, deployed.deploy_task), lambda found: found["state"] != "RUNNING")
        assert failed["state"] == "FAILED" and "timed out after 300 seconds" in failed["error"]
        assert failed["last_update_time"] >= now
        assert task(steps, deployed.register_task)["state"] == "CREATED"


def test_a_batch_may_take_its_time(deployed):
    old = {"create_time": hour_ago(), "state": "RUNNING"}
    change(deployed.data, TASKS, {
        deployed.deploy_task: old,
        deployed.register_task: {**old, "task_type": "BATCH_PREDICTION", "remote_job": {"id": "j"}}})
    with deployed.restart(BUSY) as steps:
        eventually(lambda: task(steps, deployed.deploy_task), lambda found: found["state"] == "FAILED")
        assert tasks_of(steps, deployed.model)[deployed.register_task]["state"] == "RUNNING"


# ---- retention ----

def test_tasks_are_kept(deployed):
    change(deployed.data, TASKS, {
        deployed.register_task: {"last_update_time": hour_ago()},
        deployed.deploy_task: {"state": "RUNNING", "create_time": hour_ago()}})
    with deployed.restart(BUSY) as steps:  # a whole run of the housekeeping: it has come to the time-outs
        eventually(lambda: task(steps, deployed.deploy_task), lambda found: found["state"] == "FAILED")
        set_interval(steps, 0)
        assert task(steps, deployed.register_task)["state"] == "COMPLETED"


def test_old_tasks_are_deleted(deployed):
    change(deployed.data, TASKS, {
        deployed.register_task: {"last_update_time": hour_ago()},
        deployed.deploy_task: {"last_update_time": int(time.time() * 1000) - 1000 * 1000}})
    with deployed.restart({**BUSY, PREFIX + "task_retention": "30m"}) as steps:
        left = eventually(lambda: tasks_of(steps, deployed.model),
                          lambda found: deployed.register_task not in found)
        assert list(left) == [deployed.deploy_task]


def test_more_old_tasks_than_one_write_takes(start_berth, model_server):
    berth = start_berth(QUIET)
    with Steps(berth, model_server) as steps:
        model = steps.deployed_model()
        for _ in range(150):
            steps.deploy(model)
        set_interval(steps, 1, task_retention="1ms")
        eventually(lambda: tasks_of(steps, model), lambda found: not found)
        assert model_of(steps, model)["model_state"] == "DEPLOYED"


@pytest.mark.parametrize("value", ["-1", "1", "4000d", "soon"])
def test_retentions_that_are_refused(start_berth, model_server, value):
    berth = start_berth(QUIET)
    with Steps(berth, model_server) as steps:
        with pytest.raises(TransportError) as refused:
            set_interval(steps, 0, task_retention=value)
        assert refused.value.status_code == 400


# ---- documents of models that a crash left behind ----

GONE = "gone-node-0123456789ab"


def corrected(deployed, members):
    """The model after a run of the housekeeping, which is seen by another one that it always corrects."""
    change(deployed.data, MODELS, {
        deployed.model: {"last_updated_time": hour_ago(), **members},
        deployed.other: {"last_updated_time": hour_ago(), "current_worker_node_count": 7}})
    steps = deployed.restart(BUSY)
    eventually(lambda: model_of(steps, deployed.other), lambda found: found["current_worker_node_count"] == 1)
    return steps, model_of(steps, deployed.model)


def test_being_deployed_by_nobody(deployed):
    steps, model = corrected(deployed, {"model_state": "DEPLOYING"})
    with steps:
        model = eventually(lambda: model_of(steps, deployed.model), lambda found: found["model_state"] != "DEPLOYING")
        assert (model["model_state"], model["current_worker_node_count"]) == ("DEPLOY_FAILED", 0)
        steps.ask(deployed.model, "deploys it")
        assert model_of(steps, deployed.model)["model_state"] == "DEPLOYED"


def test_what_was_written_just_now_is_left_alone(deployed):
    steps, model = corrected(deployed, {"model_state": "DEPLOYING", "last_updated_time": int(time.time() * 1000)})
    with steps:
        assert model["model_state"] == "DEPLOYING"


def node_of(steps):
    return next(iter(steps.client.nodes.info()["nodes"]))


def test_a_chosen_node_that_is_gone_is_missed(deployed):
    steps, model = corrected(deployed, {
        "planning_worker_nodes": [deployed.node, GONE], "planning_worker_node_count": 2,
        "current_worker_node_count": 2, "deploy_to_all_nodes": None})
    with steps:
        model = eventually(lambda: model_of(steps, deployed.model),
                           lambda found: found["model_state"] == "PARTIALLY_DEPLOYED")
        assert (model["current_worker_node_count"], model["planning_worker_node_count"]) == (1, 2)
        assert model["planning_worker_nodes"] == [deployed.node, GONE]
        steps.ask(deployed.model, "half is enough")


def test_all_nodes_are_those_that_are_there(deployed):
    steps, model = corrected(deployed, {
        "planning_worker_nodes": [GONE, deployed.node], "planning_worker_node_count": 2,
        "current_worker_node_count": 2, "deploy_to_all_nodes": True})
    with steps:
        model = eventually(lambda: model_of(steps, deployed.model),
                           lambda found: found["planning_worker_nodes"] == [deployed.node])
        assert (model["model_state"], model["planning_worker_node_count"]) == ("DEPLOYED", 1)


def test_deployed_on_nodes_that_are_gone(deployed):
    steps, model = corrected(deployed, {"planning_worker_nodes": [GONE]})
    with steps:
        model = eventually(lambda: model_of(steps, deployed.model),
                           lambda found: found["model_state"] == "DEPLOY_FAILED")
        assert model["current_worker_node_count"] == 0
