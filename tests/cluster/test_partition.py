# SPDX-License-Identifier: Apache-2.0
"""A node in a network of its own that is cut off: it goes on alone, and comes back."""
import json
import subprocess

import pytest
from berth_process import COMMAND
from clusters import Cluster, Etcd
from network import HERE, Network, NoNetworks
from opensearchpy import TransportError
from six_steps import Steps, answer_of
from test_failures import groups, health, register
from waiting import eventually

GROUPS = "/_plugins/_ml/model_groups"


ALONE = 0


@pytest.fixture
def network():
    try:
        network = Network(1)
    except NoNetworks as missing:
        pytest.skip(f"no network namespaces here: {missing}")
    yield network
    network.close()


def ask_within(network, node, method, path, body=None):
    """(status, answer, headers) of a client that is on the node's side of the cut."""
    command = [*network.command(ALONE), "curl", "-s", "-i", "-X", method, f"http://{node.host}:{node.port}{path}"]
    if body:
        command += ["-H", "content-type: application/json", "-d", json.dumps(body)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    head, _, rest = text.partition("\n\n")
    return int(head.split()[1]), json.loads(rest), head.lower()


def test_a_node_is_cut_off(tmp_path, network, model_server):
    etcd = Etcd(tmp_path / "etcd", host=network.here)
    open_to_all = {"plugins.security.disabled": "true"}
    cluster = Cluster(tmp_path, etcd, [], {**open_to_all, "http.host": network.here})
    try:
        cluster.add("cluster_manager,data")
        cluster.add("ml")
        cluster.add("ml", {"http.host": network.address(ALONE)},
                    command=(*network.command(ALONE), COMMAND, "serve"))
        cluster.see_each_other()
        first, _, alone = cluster.nodes
        with Steps(first, model_server) as steps:
            model = steps.deployed_model()
            register(first, "before")
            network.cut(ALONE, HERE)
            for _ in range(10):
                assert answer_of(steps.ask(model, "on this side"))
            eventually(lambda: health(first)["number_of_nodes"], (2).__eq__)
            group = register(first, "while it was cut off")
            eventually(lambda: ask_within(network, alone, "GET", "/_cluster/health")[1]["status"], "red".__eq__)
            status, answer, _ = ask_within(network, alone, "POST", f"{GROUPS}/_register", {"name": "lost"})
            assert status == 503, answer
            status, answer, head = ask_within(network, alone, "GET", f"/_plugins/_ml/models/{model}")
            assert status == 200 and answer["model_state"] == "DEPLOYED" and "warning: 299" in head
            assert ask_within(network, alone, "GET", f"{GROUPS}/{group}")[0] == 404
            network.mend(ALONE, HERE)
            cluster.see_each_other()
            eventually(lambda: health(alone)["status"], "green".__eq__)
            assert groups(alone) == ["before", "group", "while it was cut off"]
            register(alone, "afterwards")
            assert "afterwards" in groups(first)
            with pytest.raises(TransportError):
                register(alone, "before")
    finally:
        cluster.kill()
        etcd.kill()
