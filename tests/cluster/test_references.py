# SPDX-License-Identifier: Apache-2.0
"""What a model refers to is not deleted by one node while another registers the model."""
import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from berth_process import PATIENCE_S
from opensearchpy import TransportError


class Held:
    """Holds the deletion of one document on its way to etcd."""

    def __init__(self, prefix, index, id):
        self.key = base64.b64encode(f"{prefix}/docs/{index}/{id}".encode())
        self.has_come = threading.Event()
        self.may_go = threading.Event()

    def before(self, piece):
        if self.key in piece and b"request_delete_range" in piece and not self.has_come.is_set():
            self.has_come.set()
            assert self.may_go.wait(PATIENCE_S)


@pytest.fixture
def two_nodes(start_cluster, proxy, model_server):
    """The steps of two nodes, and a group and a connector."""
    cluster = start_cluster(["cluster_manager,data", "data"], on=proxy)
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    steps[0].trust()
    yield cluster, steps, steps[0].register_group(), steps[0].create_connector()
    for one in steps:
        one.client.close()


def status_of(action):
    try:
        action()
        return 200
    except TransportError as refused:
        return refused.status_code


@pytest.mark.parametrize("kind", ["connector", "group"])
@pytest.mark.parametrize("is_used", [False, True])
def test_a_model_is_registered_while_what_it_refers_to_is_deleted(two_nodes, proxy, kind, is_used):
    """The deletion has seen that no model refers to it, and waits; is_used: another model did, and was deleted."""
    cluster, (one, other), group, connector = two_nodes
    if is_used:
        one.ml.delete_model(model_id=one.register_model(group, connector, "first")["model_id"])
    held = Held(cluster.settings["cluster.prefix"],
                *{"connector": (".plugins-ml-connector", connector), "group": (".plugins-ml-model-group", group)}[kind])
    delete = {"connector": lambda: one.ml.delete_connector(connector_id=connector),
              "group": lambda: one.ml.delete_model_group(model_group_id=group)}[kind]
    proxy.before = held.before
    with ThreadPoolExecutor(1) as pool:
        deletion = pool.submit(status_of, delete)
        assert held.has_come.wait(PATIENCE_S)
        model = other.register_model(group, connector, "second")["model_id"]
        held.may_go.set()
        assert deletion.result(PATIENCE_S) == 409
    for step in (one, other):
        assert step.ml.get_model(model_id=model)["connector_id"] == connector
        assert step.ml.get_connector(connector_id=connector)["name"] == "chat"
        assert step.ml.get_model_group(model_group_id=group)["name"] == "group"
    other.ml.delete_model(model_id=model)
    assert status_of(delete) == 200


def test_models_are_registered_on_both_nodes_at_once(two_nodes):
    _, steps, group, connector = two_nodes
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda at: steps[at % 2].register_model(group, connector, f"m{at}")["model_id"], range(32)))
    versions = sorted(int(steps[0].ml.get_model(model_id=model)["model_version"]) for model in models)
    assert versions == list(range(1, 33))
