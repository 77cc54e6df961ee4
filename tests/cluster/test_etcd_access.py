# SPDX-License-Identifier: Apache-2.0
"""An etcd that asks who comes: certificates on both sides, a user and a password."""
import base64

import pytest
from certificates import Certificates
from clusters import Cluster, Etcd
from test_failures import groups, register

PASSWORD = "of-etcd-0123456789"


def started(folder, etcd, settings):
    cluster = Cluster(folder, etcd, [], settings)
    for roles in ("cluster_manager,data", "ml"):
        cluster.add(roles)
    return cluster


def works(cluster):
    cluster.see_each_other()
    register(cluster.nodes[0], "one")
    register(cluster.nodes[1], "two")
    assert groups(cluster.nodes[0]) == groups(cluster.nodes[1]) == ["one", "two"]
    cluster.stop()


def refuses(folder, etcd, settings):
    """A node that etcd does not let in says so, and does not start."""
    with pytest.raises(AssertionError) as refused:
        started(folder, etcd, settings)
    return str(refused.value)


def test_certificates(tmp_path):
    (tmp_path / "certificates").mkdir()
    folder = Certificates(tmp_path / "certificates").folder
    etcd = Etcd(tmp_path / "etcd", certificates=folder)
    own = {"cluster.tls.ca": folder / "ca.pem", "cluster.tls.certificate": folder / "client.pem",
           "cluster.tls.key": folder / "client.key"}
    wrong = [{"cluster.tls.ca": folder / "ca.pem"},
             {**own, "cluster.tls.ca": folder / "other-ca.pem"},
             {**own, "cluster.tls.certificate": folder / "stranger.pem", "cluster.tls.key": folder / "stranger.key"}]
    try:
        for number, settings in enumerate(wrong):
            place = tmp_path / f"refused{number}"
            place.mkdir()
            assert "etcd at https" in refuses(place, etcd, settings)
        works(started(tmp_path, etcd, own))
    finally:
        etcd.kill()


def test_a_user_and_a_password(tmp_path):
    etcd = Etcd(tmp_path / "etcd")
    ask = etcd.members[0].ask
    everything = {"key": base64.b64encode(b"/").decode(), "range_end": base64.b64encode(b"0").decode()}
    ask("/v3/auth/user/add", {"name": "root", "password": "root"})
    ask("/v3/auth/user/grant", {"user": "root", "role": "root"})
    ask("/v3/auth/role/add", {"name": "berth"})
    ask("/v3/auth/role/grant", {"name": "berth", "perm": {"permType": "READWRITE", **everything}})
    ask("/v3/auth/user/add", {"name": "berth", "password": PASSWORD})
    ask("/v3/auth/user/grant", {"user": "berth", "role": "berth"})
    ask("/v3/auth/enable", {"_": ""})
    try:
        for number, settings in enumerate(({}, {"cluster.user": "berth", "cluster.password": "wrong"})):
            place = tmp_path / f"refused{number}"
            place.mkdir()
            said = refuses(place, etcd, settings)
            assert "etcd at http" in said and PASSWORD not in said
        works(started(tmp_path, etcd, {"cluster.user": "berth", "cluster.password": PASSWORD}))
    finally:
        etcd.kill()
