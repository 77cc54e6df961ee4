# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests with clusters."""
import pytest
from clusters import Cluster, Etcd
from etcd_proxy import EtcdProxy


@pytest.fixture(scope="module")
def etcd(tmp_path_factory):
    """Three members, for all tests of a module."""
    etcd = Etcd(tmp_path_factory.mktemp("etcd"), 3)
    yield etcd
    etcd.kill()


@pytest.fixture
def proxy(etcd):
    """What stands between the nodes and a member of the etcd, for start_cluster(on=proxy)."""
    proxy = EtcdProxy(etcd.members[0])
    yield proxy
    proxy.close()


@pytest.fixture
def start_cluster(tmp_path, etcd):
    """A function that starts a cluster of its own on the etcd."""
    started = []

    def start(*arguments, on=None, **options):
        folder = tmp_path / f"cluster{len(started)}"
        folder.mkdir()
        options["settings"] = {"cluster.prefix": str(folder), **options.get("settings", {})}
        cluster = Cluster(folder, on or etcd, *arguments, **options)
        started.append(cluster)
        return cluster

    yield start
    for cluster in started:
        cluster.stop()
