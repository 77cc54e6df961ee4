# SPDX-License-Identifier: Apache-2.0
"""abi_probe.so in a cluster: does the host keep what berth/peers.h says of other nodes?"""
import functools

import pytest
from probes import PROBE, drive_peers, faults, report_of, results
from users import CONFIG
from wire import Wire

WITH_USERS = {"plugins.security.config_dir": str(CONFIG.parent / "users")}


@pytest.mark.parametrize("user", [None, "admin", "alice"])
def test_probes_ask_each_other(start_cluster, user):
    cluster = start_cluster([], settings=WITH_USERS if user else {})
    for roles in ("cluster_manager,data", "data"):
        node = cluster.add(roles, {"http.loops": 2}, plugins=[PROBE])
        if user:
            node.client = functools.partial(node.client, http_auth=("admin", "admin"))
    cluster.see_each_other()
    ids = cluster.ids()
    first, second = cluster.nodes
    for node, other in ((first, ids["n2"]), (second, ids["n1"])):
        for _ in range(3):  # on more than one loop
            with Wire(node) as wire:
                drive_peers(wire, other, user)
    for node in cluster.nodes:
        report = report_of(node, user)
        assert faults(report) == {}
        of_peers = {result for name, result in results(report).items() if name.startswith("peers.")}
        assert of_peers == {"ok"}, report
    for node in cluster.nodes:
        node.stop()
        assert "abi_probe_content" in node.log and "abi_probe_failed" not in node.log
