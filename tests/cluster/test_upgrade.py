# SPDX-License-Identifier: Apache-2.0
"""A cluster whose plugin is replaced node by node, under load, with both versions side by side."""
import threading

from reloads import OTHER_VERSION, other_version
from six_steps import Steps
from waiting import eventually
from wire import Wire


def versions(node):
    """{node: version of ml_remote}, as this node sees it."""
    with node.client() as client:
        nodes = client.nodes.info()["nodes"].values()
    return {one["name"]: plugin["plugin_version"] for one in nodes for plugin in one["plugins"]
            if plugin["plugin"] == "ml_remote"}


class Asker(threading.Thread):
    """Predicts on one node until it is told to stop; takes what either version writes."""

    def __init__(self, node, model):
        super().__init__()
        self.node, self.model = node, model
        self.is_ending = threading.Event()
        self.answered = 0
        self.failed = []

    def run(self):
        with Wire(self.node) as wire:
            while not self.is_ending.is_set():
                wire.send(Steps.predict_request(self.model, "upgrade"))
                answer = wire.read()
                if answer.status == 200 and b"upgrade" in answer.body:
                    self.answered += 1
                else:
                    self.failed.append(answer)


def test_node_by_node_under_load(start_cluster, model_server, tmp_path):
    cluster = start_cluster(["cluster_manager,ml", "ml", "ingest"])
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    model = steps[0].deployed_model()
    askers = [Asker(node, model) for node in cluster.nodes * 2]
    for asker in askers:
        asker.start()
    file = other_version(tmp_path)
    for number, node in enumerate(cluster.nodes):
        with Wire(node) as wire:
            before = [asker.answered for asker in askers]
            answer = wire.ask("POST", f"/_berth/plugins/ml_remote/_reload?path={file}")
            assert answer.status == 200 and answer.json()["version"] == OTHER_VERSION
            eventually(lambda b=before: [asker.answered for asker in askers],
                       lambda now, b=before: all(new > old for new, old in zip(now, b)))
        # What one version writes the other reads.
        group = steps[number].register_group(f"group {number}")
        for one in steps:
            assert one.client.transport.perform_request("GET", f"/_plugins/_ml/model_groups/{group}")
    for asker in askers:
        asker.is_ending.set()
    for asker in askers:
        asker.join(60)
    assert [asker.failed for asker in askers] == [[]] * len(askers)
    for node in cluster.nodes:
        assert versions(node) == dict.fromkeys(("n1", "n2", "n3"), OTHER_VERSION)
    for one in steps:
        one.client.close()
