# SPDX-License-Identifier: Apache-2.0
"""_cluster/state, and its metrics."""
import pytest
from wire import Wire

ALWAYS = {"cluster_name", "cluster_uuid"}
MANAGER = {"cluster_manager_node", "master_node"}


@pytest.mark.parametrize("path, shown", [
    ("", {"version", "nodes", "metadata", *MANAGER}), ("/_all", {"version", "nodes", "metadata", *MANAGER}),
    ("/nodes", {"nodes"}), ("/version", {"version"}), ("/metadata", {"metadata"}), ("/master_node", MANAGER),
    ("/nodes,metadata", {"nodes", "metadata"}), ("/routing_table,blocks", set()), ("/metadata/.plugins-ml-model", {"metadata"}),
])
def test_metrics(berth, path, shown):
    with Wire(berth) as wire:
        answer = wire.ask("GET", f"/_cluster/state{path}")
    assert answer.status == 200 and set(answer.json()) == ALWAYS | shown


@pytest.mark.parametrize("metric", ["shards", "nodes,shards"])
def test_what_is_no_metric(berth, metric):
    with Wire(berth) as wire:
        answer = wire.ask("GET", f"/_cluster/state/{metric}")
    assert answer.status == 400 and answer.json()["error"]["type"] == "illegal_argument_exception"
    assert metric in answer.json()["error"]["reason"] and "routing_table" in answer.json()["error"]["reason"]


def test_a_clients_own_call(berth):
    with berth.client() as client:
        state = client.cluster.state(metric="nodes")
        assert [node["name"] for node in state["nodes"].values()] == \
            [node["name"] for node in client.nodes.info()["nodes"].values()]
