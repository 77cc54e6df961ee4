# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a cluster: etcd away or slow, members killed, nodes killed and paused, clocks that jump."""
import base64
import json
import signal
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from berth_process import BUILD, COMMAND, PATIENCE_S
from clusters import Etcd
from opensearchpy import TransportError
from six_steps import PREFIX, answer_of
from waiting import eventually
from wire import Wire

GROUP = {"name": "group", "description": "of the tests"}


def health(node):
    with node.client() as client:
        return client.cluster.health()


def register(node, name):
    with node.client() as client:
        return client.plugins.ml.register_model_group(body={**GROUP, "name": name})["model_group_id"]


def groups(node):
    """The names of all model groups."""
    with node.client() as client:
        found = client.transport.perform_request("POST", "/_plugins/_ml/model_groups/_search",
                                                 body={"size": 10000, "query": {"match_all": {}}})
    return sorted(hit["_source"]["name"] for hit in found["hits"]["hits"])


@pytest.fixture
def own_etcd(tmp_path):
    """An etcd of the test's own, to be harmed."""
    started = []

    def start(members=1):
        started.append(Etcd(tmp_path / f"etcd{len(started)}", members))
        return started[-1]

    yield start
    for etcd in started:
        etcd.kill()


def test_etcd_is_away(start_cluster, own_etcd, model_server):
    etcd = own_etcd()
    cluster = start_cluster(on=etcd)
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    model = steps[0].deployed_model()
    for one in steps:
        assert answer_of(one.ask(model, "before"))
    etcd.kill()
    for node in cluster.nodes:
        with pytest.raises(TransportError) as refused:
            register(node, "lost")
        assert refused.value.status_code == 503
        eventually(lambda n=node: health(n)["status"], "red".__eq__)
        assert health(node)["number_of_nodes"] == 3
    for one in steps:
        assert answer_of(one.ask(model, "meanwhile"))
        assert one.ml.get_model(model_id=model)["model_state"] == "DEPLOYED"
    with Wire(cluster.nodes[1]) as wire:
        assert "may be older" in wire.ask("GET", f"/_plugins/_ml/models/{model}").headers["warning"]
    etcd.start()
    for number, node in enumerate(cluster.nodes):
        eventually(lambda n=node: health(n)["status"], "green".__eq__)
        register(node, f"after {number}")
    cluster.see_each_other()
    for node in cluster.nodes:
        assert groups(node) == ["after 0", "after 1", "after 2", "group"]
        with Wire(node) as wire:
            assert "warning" not in wire.ask("GET", f"/_plugins/_ml/models/{model}").headers
    for one in steps:
        assert answer_of(one.ask(model, "afterwards"))
        one.client.close()


def test_a_member_of_etcd_is_killed(start_cluster, own_etcd):
    """No acknowledged write is lost, and writing goes on while two of three members live."""
    etcd = own_etcd(3)
    cluster = start_cluster(on=etcd)
    cluster.see_each_other()
    written = []
    for victim in range(3):
        etcd.members[victim].kill()
        before = len(written)
        for number in range(30):
            try:
                register(cluster.nodes[number % 3], f"g{victim}-{number}")
                written.append(f"g{victim}-{number}")
            except TransportError as refused:
                assert refused.status_code == 503
        eventually(lambda v=victim: try_register(cluster.nodes[0], f"last of {v}", written), bool)
        assert len(written) > before
        etcd.start()
    for node in cluster.nodes:
        eventually(lambda n=node: health(n)["status"], "green".__eq__)
        assert set(written) <= set(groups(node))


def try_register(node, name, written):
    try:
        register(node, name)
    except TransportError as refused:
        assert refused.status_code in (503, 409)
        if refused.status_code == 409:  # an earlier try came through after all
            written.append(name)
        return refused.status_code == 409
    written.append(name)
    return True


def test_a_node_is_killed(start_cluster, model_server):
    """Its predictions go to the other one, and what it was elected for as well."""
    cluster = start_cluster(["cluster_manager,ml", "cluster_manager,ml", "ingest"],
                            settings={PREFIX + "sync_up_job_interval_in_seconds": 1})
    cluster.see_each_other()
    ids = cluster.ids()
    steps = cluster.steps(model_server)
    model = steps[2].deployed_model()
    cluster.nodes[0].kill()
    for _ in range(20):
        assert answer_of(steps[2].ask(model, "anyone"))
    survivor = cluster.nodes[1]
    with survivor.client() as client:
        eventually(lambda: client.cluster.health()["number_of_nodes"], (2).__eq__)
        assert list(client.nodes.info(node_id="_cluster_manager")["nodes"]) == [ids["n2"]]
        eventually(lambda: client.plugins.ml.get_model(model_id=model)["planning_worker_nodes"],
                   [ids["n2"]].__eq__)
    for one in steps:
        one.client.close()


def test_a_node_dies_while_it_answers(start_cluster, model_server):
    """A prediction that it had not answered is answered by another one."""
    cluster = start_cluster(["cluster_manager,ml", "ml", "ingest"])
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    model = steps[2].deployed_model()
    model_server.gate.clear()
    answers = []
    asked = [threading.Thread(target=lambda: answers.append(answer_of(steps[2].ask(model, "hold"))))
             for _ in range(2)]
    for thread in asked:
        thread.start()
    for _ in asked:
        model_server.requests.get(timeout=60)
    cluster.nodes[1].kill()
    model_server.gate.set()
    for thread in asked:
        thread.join(60)
    assert len(answers) == 2 and all("hold" in answer for answer in answers)
    for one in steps:
        one.client.close()


def test_a_node_is_paused_for_longer_than_its_lease(start_cluster, model_server):
    cluster = start_cluster(["cluster_manager,data", "ml", "ml"],
                            settings={PREFIX + "sync_up_job_interval_in_seconds": 1})
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    model = steps[0].deployed_model()
    paused = cluster.nodes[2]
    paused.process.send_signal(signal.SIGSTOP)
    with cluster.nodes[0].client() as client:
        eventually(lambda: client.cluster.health()["number_of_nodes"], (2).__eq__)
    register(cluster.nodes[0], "while it slept")
    for _ in range(10):
        assert answer_of(steps[0].ask(model, "hello"))
    paused.process.send_signal(signal.SIGCONT)
    assert "while it slept" in groups(paused)
    cluster.see_each_other()
    assert answer_of(steps[2].ask(model, "awake"))
    for one in steps:
        one.client.close()


def test_two_clients_change_the_same_document(start_cluster, proxy, model_server):
    """Both have read it before either writes: one change is made, the other is refused."""
    cluster = start_cluster(["cluster_manager,data", "data"], on=proxy)
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    steps[0].trust()
    connector = steps[0].create_connector()
    key = base64.b64encode(f"{cluster.settings['cluster.prefix']}/docs/.plugins-ml-connector/{connector}".encode())
    both = threading.Barrier(2, timeout=PATIENCE_S)
    proxy.before = lambda piece: both.wait() if key in piece else None

    def change(at):
        try:
            steps[at].ml.update_connector(connector_id=connector, body={"description": f"of client {at}"})
            return 200
        except TransportError as refused:
            return refused.status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(change, range(2)))
    assert sorted(statuses) == [200, 409]
    for one in steps:
        assert one.ml.get_connector(connector_id=connector)["description"] == f"of client {statuses.index(200)}"
        one.client.close()


def test_settings_are_changed_on_two_nodes_at_once(start_cluster):
    """Each change is made, and all nodes have the same at the end."""
    cluster = start_cluster(["cluster_manager,data", "data"])
    cluster.see_each_other()
    barrier = threading.Barrier(2, timeout=PATIENCE_S)

    def change(at):
        barrier.wait()
        with cluster.nodes[at].client() as client:
            return [client.cluster.put_settings(body={"persistent": {PREFIX + "monitoring_request_count": at}})
                    for _ in range(20)]

    with ThreadPoolExecutor(2) as pool:
        for answers in pool.map(change, range(2)):
            assert all(answer["acknowledged"] for answer in answers)
    seen = [json.dumps(settings(node)) for node in cluster.nodes]
    assert seen[0] == seen[1]


def test_etcd_is_slow(start_cluster, proxy, model_server):
    """Everything takes its time, and is right; nobody loses its lease."""
    cluster = start_cluster(on=proxy)
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    model = steps[0].deployed_model()
    proxy.late_s = 0.3
    for number, node in enumerate(cluster.nodes):
        register(node, f"slow {number}")
        for other in cluster.nodes:
            assert f"slow {number}" in groups(other)
        assert answer_of(steps[number].ask(model, "meanwhile"))
        with node.client() as client:
            value = {"persistent": {PREFIX + "monitoring_request_count": 10 + number}}
            assert client.cluster.put_settings(body=value)["acknowledged"]
    assert [health(node)["status"] for node in cluster.nodes] == ["green"] * 3
    assert [health(node)["number_of_nodes"] for node in cluster.nodes] == [3] * 3
    registered = [event for node in cluster.nodes for event in node.events() if event["event"] == "node_registered"]
    assert len(registered) == 3
    for one in steps:
        one.client.close()


def test_etcd_takes_what_it_is_sent_and_does_not_answer(start_cluster, proxy, model_server):
    """As it is away; and what it was sent meanwhile it may do late, on which all nodes agree."""
    cluster = start_cluster(on=proxy)
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    model = steps[0].deployed_model()
    proxy.hold()
    with pytest.raises(TransportError) as refused:
        register(cluster.nodes[0], "late")
    assert refused.value.status_code == 503 and "not known" in str(refused.value.info)
    for node, one in zip(cluster.nodes, steps):
        assert answer_of(one.ask(model, "meanwhile"))
        eventually(lambda n=node: health(n)["status"], "red".__eq__)
        assert one.ml.get_model(model_id=model)["model_state"] == "DEPLOYED"
    with pytest.raises(TransportError) as refused:
        register(cluster.nodes[1], "lost")
    assert refused.value.status_code == 503 and "nothing was written" in str(refused.value.info)
    proxy.let_go()
    for node in cluster.nodes:
        eventually(lambda n=node: health(n)["status"], "green".__eq__)
    cluster.see_each_other()
    register(cluster.nodes[2], "after")
    seen = [groups(node) for node in cluster.nodes]
    assert seen[0] == seen[1] == seen[2] and {"group", "after"} <= set(seen[0]) <= {"group", "after", "late"}
    for one in steps:
        assert answer_of(one.ask(model, "afterwards"))
        one.client.close()


def settings(node):
    with node.client() as client:
        return client.cluster.get_settings(flat_settings=True)


class Clock:
    """The wall clock of one node, which can jump."""

    def __init__(self, file):
        self.file = file
        self.jump(0)

    def jump(self, seconds):
        """To so many seconds ahead of the machine's."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    def command(self):
        """What starts the node, behind the sanitizer's library, which must be the first."""
        linked = subprocess.run(["ldd", COMMAND], capture_output=True, text=True, check=True).stdout
        libraries = [line.split()[2] for line in linked.splitlines() if line.strip().startswith(("libasan", "libtsan"))]
        return ("env", f"LD_PRELOAD={' '.join([*libraries, str(BUILD / 'tests' / 'clock_jump.so')])}",
                f"CLOCK_JUMP_FILE={self.file}", COMMAND, "serve")


def test_clocks_jump(start_cluster, model_server, tmp_path):
    """That of the node on which the model is, and of the one that is elected; by more than requests between nodes may be
    old."""
    clocks = [Clock(tmp_path / "clock1"), Clock(tmp_path / "clock2")]
    cluster = start_cluster([])
    cluster.add("cluster_manager,data", command=clocks[0].command())
    cluster.add("ml", command=clocks[1].command())
    cluster.add("cluster_manager,ingest")
    cluster.see_each_other()
    steps = cluster.steps(model_server)
    model = steps[0].deployed_model()
    for number, (clock, ahead) in enumerate((c, a) for c in clocks for a in (3600, -3600, 100000000, 0)):
        clock.jump(ahead)
        for one in steps:
            assert answer_of(one.ask(model, f"{ahead} s"))
        for at, node in enumerate(cluster.nodes):
            register(node, f"{number}-{at}")
            assert all(f"{number}-{at}" in groups(other) for other in cluster.nodes)
        with cluster.nodes[2].client() as client:
            value = {"persistent": {PREFIX + "monitoring_request_count": number + 1}}
            assert client.cluster.put_settings(body=value)["acknowledged"]
            assert client.nodes.stats()["_nodes"]["failed"] == 0
            assert client.cluster.health()["number_of_nodes"] == 3
    assert "clocks_differ" in cluster.nodes[2].log
    assert not [event for node in cluster.nodes for event in node.events() if event["event"] == "nodes_behind"]
    for one in steps:
        one.client.close()
