# SPDX-License-Identifier: Apache-2.0
"""Users in a cluster: who asks is known, and judged, on whatever node a prediction is answered."""
import json

import pytest
from opensearchpy import TransportError
from six_steps import PREFIX
from users import CONFIG, connector, send_as

SETTINGS = {
    "plugins.security.config_dir": str(CONFIG.parent / "users"),
    PREFIX + "connector_access_control_enabled": "true",
    PREFIX + "model_access_control_enabled": "true",
    PREFIX + "connector.private_ip_enabled": "true",
    PREFIX + "trusted_connector_endpoints_regex": ".*",
    # A write is acknowledged where it was made; the audit log tells who a node thinks it serves.
    "plugins.security.audit.reads": "true",
}
QUESTION = {"parameters": {"text": "hello"}}


@pytest.fixture
def cluster(start_cluster, tmp_path):
    cluster = start_cluster([])
    for number, roles in enumerate(("cluster_manager,data", "ml"), 1):
        cluster.add(roles, {**SETTINGS, "plugins.security.audit.file": str(tmp_path / f"audit{number}.log")})
    return cluster


def private_model(node, model_server):
    """A model of alice's that nobody else may use."""
    send = send_as(node, "alice")
    group = send("POST", "/_plugins/_ml/model_groups/_register",
                 body={"name": "hers", "access_mode": "private"})["model_group_id"]
    made = send("POST", "/_plugins/_ml/connectors/_create",
                body={**connector(model_server.url + "/echo"), "access_mode": "private"})["connector_id"]
    model = send("POST", "/_plugins/_ml/models/_register",
                 body={"name": "m", "function_name": "remote", "model_group_id": group, "connector_id": made})
    send("POST", f"/_plugins/_ml/models/{model['model_id']}/_deploy")
    return model["model_id"]


def status_of(node, user, model):
    try:
        send_as(node, user)("POST", f"/_plugins/_ml/models/{model}/_predict", body=QUESTION)
    except TransportError as refused:
        return refused.status_code
    return 200


def test_a_user_is_the_same_on_every_node(cluster, model_server, tmp_path):
    away, here = cluster.nodes
    model = private_model(away, model_server)
    for user, wanted in (("alice", {200, 404}), ("bob", {403}), ("nick", {403})):
        # What the remote service says to the owner is passed on; the others do not come so far.
        assert status_of(away, user, model) in wanted
        assert status_of(here, user, model) in wanted
    assert model_server.requests.qsize() > 0
    logged = [json.loads(line) for line in (tmp_path / "audit2.log").read_text().splitlines()]
    forwarded = [line for line in logged if "_predict" in line.get("path", "")]
    assert {line.get("user") for line in forwarded} >= {"alice", "bob"}


def test_what_is_made_private_is_so_on_all_nodes(cluster, model_server):
    """Two users in parallel: no prediction that began after the change was acknowledged is served."""
    away, here = cluster.nodes
    model = private_model(away, model_server)
    owner = send_as(away, "alice")
    group = owner("GET", f"/_plugins/_ml/models/{model}")["model_group_id"]
    for _ in range(10):
        owner("PUT", f"/_plugins/_ml/model_groups/{group}", body={"access_mode": "public"})
        assert status_of(here, "bob", model) != 403
        owner("PUT", f"/_plugins/_ml/model_groups/{group}", body={"access_mode": "private"})
        assert status_of(here, "bob", model) == 403
        assert status_of(away, "bob", model) == 403
