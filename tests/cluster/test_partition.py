# SPDX-License-Identifier: Apache-2.0
"""A node in a network of its own, whose only wire is cut: it goes on alone, and comes back."""
import json
import os
import subprocess

import pytest
from berth_process import COMMAND
from clusters import Cluster, Etcd
from opensearchpy import TransportError
from six_steps import Steps, answer_of
from test_failures import groups, health, register
from waiting import eventually

GROUPS = "/_plugins/_ml/model_groups"


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


class Network:
    """A network namespace, and a wire to it that can be cut."""

    def __init__(self):
        number = os.getpid() % 250 + 1
        self.name = f"berth{os.getpid()}"
        self.wire = f"vb{os.getpid() % 100000}"
        self.here, self.there = f"10.231.{number}.1", f"10.231.{number}.2"

    def open(self):
        inner = self.wire + "i"
        steps = [("netns", "add", self.name), ("link", "add", self.wire, "type", "veth", "peer", "name", inner),
                 ("link", "set", inner, "netns", self.name), ("addr", "add", f"{self.here}/24", "dev", self.wire),
                 ("link", "set", self.wire, "up"),
                 ("-n", self.name, "addr", "add", f"{self.there}/24", "dev", inner),
                 ("-n", self.name, "link", "set", inner, "up"), ("-n", self.name, "link", "set", "lo", "up")]
        for step in steps:
            made = ip(*step)
            if made.returncode:
                self.close()
                pytest.skip(f"no network namespaces here: ip {' '.join(step)}: {made.stderr.strip()}")

    def close(self):
        ip("link", "del", self.wire)
        ip("netns", "del", self.name)

    def cut(self):
        assert ip("link", "set", self.wire, "down").returncode == 0

    def mend(self):
        assert ip("link", "set", self.wire, "up").returncode == 0

    def ask(self, node, method, path, body=None):
        """(status, answer, headers) of a client that is on the node's side of the wire."""
        command = ["ip", "netns", "exec", self.name, "curl", "-s", "-i", "-X", method,
                   f"http://{node.host}:{node.port}{path}"]
        if body:
            command += ["-H", "content-type: application/json", "-d", json.dumps(body)]
        text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
        head, _, rest = text.partition("\n\n")
        return int(head.split()[1]), json.loads(rest), head.lower()


@pytest.fixture
def network():
    network = Network()
    network.open()
    yield network
    network.close()


def test_a_node_is_cut_off(tmp_path, network, model_server):
    etcd = Etcd(tmp_path / "etcd", host=network.here)
    open_to_all = {"plugins.security.disabled": "true"}
    cluster = Cluster(tmp_path, etcd, [], {**open_to_all, "http.host": network.here})
    try:
        cluster.add("cluster_manager,data")
        cluster.add("ml")
        cluster.add("ml", {"http.host": network.there},
                    command=("ip", "netns", "exec", network.name, COMMAND, "serve"))
        cluster.see_each_other()
        first, _, alone = cluster.nodes
        with Steps(first, model_server) as steps:
            model = steps.deployed_model()
            register(first, "before")
            network.cut()
            for _ in range(10):
                assert answer_of(steps.ask(model, "on this side"))
            eventually(lambda: health(first)["number_of_nodes"], (2).__eq__)
            group = register(first, "while it was cut off")
            eventually(lambda: network.ask(alone, "GET", "/_cluster/health")[1]["status"], "red".__eq__)
            status, answer, _ = network.ask(alone, "POST", f"{GROUPS}/_register", {"name": "lost"})
            assert status == 503, answer
            status, answer, head = network.ask(alone, "GET", f"/_plugins/_ml/models/{model}")
            assert status == 200 and answer["model_state"] == "DEPLOYED" and "warning: 299" in head
            assert network.ask(alone, "GET", f"{GROUPS}/{group}")[0] == 404
            network.mend()
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
