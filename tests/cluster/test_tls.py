# SPDX-License-Identifier: Apache-2.0
"""Nodes that serve HTTPS ask each other so, and only who has a certificate of their authority."""
import functools

import pytest
from certificates import Certificates
from six_steps import Steps, answer_of


@pytest.mark.parametrize("mode", ["OPTIONAL", "REQUIRE"])
def test_nodes_speak_https(start_cluster, tmp_path, model_server, mode):
    (tmp_path / "certificates").mkdir()
    folder = Certificates(tmp_path / "certificates").folder
    cluster = start_cluster([], settings={
        "plugins.security.ssl.http.enabled": "true", "plugins.security.ssl.http.clientauth_mode": mode,
        "plugins.security.ssl.http.pemcert_filepath": str(folder / "server.pem"),
        "plugins.security.ssl.http.pemkey_filepath": str(folder / "server.key"),
        "plugins.security.ssl.http.pemtrustedcas_filepath": str(folder / "ca.pem")})
    for roles in ("cluster_manager,data", "ml"):
        node = cluster.add(roles)
        node.client = functools.partial(node.client, ca_certs=str(folder / "ca.pem"),
                                        client_cert=str(folder / "client.pem"), client_key=str(folder / "client.key"))
    cluster.see_each_other()
    first, second = (Steps(node, model_server) for node in cluster.nodes)
    model = first.deployed_model()
    assert first.ml.get_model(model_id=model)["planning_worker_nodes"] == [cluster.ids()["n2"]]
    for steps in (first, second):
        assert answer_of(steps.ask(model, "sealed"))
        steps.client.close()
