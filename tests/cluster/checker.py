# SPDX-License-Identifier: Apache-2.0
"""Clients on all nodes of a cluster write, read and delete while its parts are killed, paused and cut off from each other;
what they saw is checked for lost updates, stale reads and things that come back.

    build/venv/bin/python tests/cluster/checker.py [--seconds 300] [--seed 1]
"""
import argparse
import http.client
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "support"), str(Path(__file__).resolve().parents[1] / "api")]

from berth_process import COMMAND  # noqa: E402
from clusters import ROLES, Cluster, Etcd  # noqa: E402
from history import History, done, faults  # noqa: E402
from network import Network, NoNetworks  # noqa: E402

REGISTERS = 3
CLIENTS = 6
MEMBERS = 3
GROUPS = "/_plugins/_ml/model_groups"
CONNECTORS = "/_plugins/_ml/connectors"
# A part is away for so long, and there for so long before the next is taken away, in seconds.
AWAY = (0.5, 4.0)
BETWEEN = (0.3, 1.5)
UNKNOWN = "not known"


class Node:
    """A client's connection to one node, which is made anew when it broke."""

    def __init__(self, berth):
        self.address = (berth.host, berth.port)
        self.connection = None

    def ask(self, method, path, body=None):
        """(status, answer); status 0: it is not known what became of it."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection(*self.address, timeout=15)
            self.connection.request(method, path, json.dumps(body) if body else None,
                                    {"content-type": "application/json"} if body else {})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}"), answer.headers.get("warning")
        except (OSError, http.client.HTTPException, ValueError):
            if self.connection:
                self.connection.close()
            self.connection = None
            return 0, {}, None


def is_certain(status, answer):
    """Whether a refused write is known not to have happened."""
    return status in (400, 404, 409) or (status == 503 and "nothing was written" in json.dumps(answer))


def part_name(number):
    return f"part_{number}"


def part_key(number):
    return f"part {number}"


# Of each client's part of the shared document, its key and where an answer has its value.
PARTS = {part_key(number): lambda answer, name=part_name(number): answer["parameters"][name]
         for number in range(CLIENTS)}
SHARED = {"name": "shared", "description": "changed by all", "version": "1", "protocol": "http",
          "parameters": {part_name(number): "first" for number in range(CLIENTS)},
          "credential": {"key": "none"},
          "actions": [{"action_type": "predict", "method": "POST", "url": "https://api.openai.com/v1/chat/completions",
                       "request_body": "{}"}]}


class Client(threading.Thread):
    def __init__(self, cluster, history, registers, shared, number, seed, end):
        super().__init__()
        self.cluster, self.history, self.registers, self.shared, self.end = cluster, history, registers, shared, end
        self.number = number
        self.random = random.Random(seed * 100 + number)
        self.counts = dict.fromkeys(("written", "merged", "read", "stale", "deleted", "refused", "conflicts"), 0)

    def run(self):
        step = 0
        while time.monotonic() < self.end:
            step += 1
            node = Node(self.random.choice(self.cluster.nodes))
            acts = (self.write, self.merge, self.read, self.read_merged, self.delete)
            act = self.random.choices(acts, (4, 4, 6, 3, 1))[0]
            act(node, step)

    def put(self, node, key, value, path, body, kind):
        operation = self.history.begin("write", key, value)
        status, answer, _ = node.ask("PUT", path, body)
        if status == 200:
            done(operation)
            self.counts[kind] += 1
        else:
            self.counts["conflicts" if status == 409 else "refused"] += 1
            if is_certain(status, answer):
                self.history.forget(operation)

    def get(self, node, path, values):
        """Reads what is at a path; values: {key: the value that an answer has for it}."""
        operations = {key: self.history.begin("read", key) for key in values}
        status, answer, warning = node.ask("GET", path)
        if status == 200 and not warning:
            for key, value_of in values.items():
                done(operations[key], value_of(answer))
            self.counts["read"] += 1
        elif warning:
            self.counts["stale"] += 1

    def write(self, node, step):
        key = self.random.choice(self.registers)
        value = f"{self.number}-{step}"
        self.put(node, key, value, f"{GROUPS}/{key}", {"description": value}, "written")

    def merge(self, node, step):
        """Changes this client's own part of a document that all clients change: the node reads it, puts the part in, and
        writes it if it is as it was. A part that another's write puts back is a lost update."""
        value = f"{self.number}-{step}"
        self.put(node, part_key(self.number), value, f"{CONNECTORS}/{self.shared}",
                 {"parameters": {part_name(self.number): value}}, "merged")

    def read(self, node, _):
        key = self.random.choice(self.registers)
        self.get(node, f"{GROUPS}/{key}", {key: lambda answer: answer["description"]})

    def read_merged(self, node, _):
        self.get(node, f"{CONNECTORS}/{self.shared}", PARTS)

    def delete(self, node, step):
        """Makes a group, deletes it, and looks for it on every node."""
        status, answer, _ = node.ask("POST", f"{GROUPS}/_register",
                                     {"name": f"{self.number}-{step}", "description": "to be deleted"})
        if status != 200:
            return
        key = answer["model_group_id"]
        self.look(key)
        operation = self.history.begin("delete", key)
        status, answer, _ = Node(self.random.choice(self.cluster.nodes)).ask("DELETE", f"{GROUPS}/{key}")
        if status == 200:
            done(operation)
            self.counts["deleted"] += 1
        elif is_certain(status, answer) and status != 404:
            self.history.forget(operation)
        self.look(key)

    def look(self, key):
        for berth in self.cluster.nodes:
            operation = self.history.begin("look", key)
            status, _, warning = Node(berth).ask("GET", f"{GROUPS}/{key}")
            if status in (200, 404) and not warning:
                done(operation, status == 200)


class Harm(threading.Thread):
    """Takes one part away at a time, and brings it back."""

    def __init__(self, setting, seed, end):
        super().__init__()
        self.setting, self.cluster, self.etcd, self.end = setting, setting.cluster, setting.etcd, end
        self.random = random.Random(seed)
        self.done = []

    def run(self):
        acts = [self.kill_member, self.pause_member, self.kill_node, self.pause_node]
        if self.setting.network:
            acts += [self.cut_in_two, self.cut_a_wire]
        while time.monotonic() + AWAY[1] < self.end:
            time.sleep(self.random.uniform(*BETWEEN))
            act = self.random.choice(acts)
            act(self.random.uniform(*AWAY))
            self.done.append(act.__name__)

    def cut(self, pairs, seconds):
        for pair in pairs:
            self.setting.network.cut(*pair)
        time.sleep(seconds)
        for pair in pairs:
            self.setting.network.mend(*pair)

    def cut_in_two(self, seconds):
        """Nodes and members of etcd on two sides, between which nothing comes through; clients reach all nodes."""
        parts = list(range(self.setting.parts))
        self.random.shuffle(parts)
        at = self.random.randrange(1, len(parts))
        self.cut([(one, other) for one in parts[:at] for other in parts[at:]], seconds)

    def cut_a_wire(self, seconds):
        self.cut([self.random.sample(range(self.setting.parts), 2)], seconds)

    def kill_member(self, seconds):
        member = self.random.choice(self.etcd.members)
        member.kill()
        time.sleep(seconds)
        member.start()

    def pause_member(self, seconds):
        member = self.random.choice(self.etcd.members)
        member.pause()
        time.sleep(seconds)
        member.resume()

    def kill_node(self, seconds):
        number = self.random.randrange(len(self.cluster.nodes)) + 1
        self.cluster.nodes[number - 1].kill()
        time.sleep(seconds)
        self.cluster.start(number)

    def pause_node(self, seconds):
        node = self.random.choice(self.cluster.nodes)
        os.kill(node.process.pid, 19)
        time.sleep(seconds)
        os.kill(node.process.pid, 18)


class Setting:
    """A cluster on an etcd of three members, each node and member in a network namespace of its own where such can be
    made."""

    def __init__(self, folder, roles=ROLES, settings=None):
        self.parts = len(roles) + MEMBERS
        self.network = self.etcd = self.cluster = None
        try:
            self.network = Network(self.parts)
        except NoNetworks as missing:
            print(f"nothing is cut off here: {missing}", file=sys.stderr)
        try:
            self.etcd = Etcd(folder / "etcd", MEMBERS, places=[self.place(len(roles) + i) for i in range(MEMBERS)])
            self.cluster = Cluster(folder, self.etcd, (), {"plugins.security.disabled": "true", **(settings or {})})
            for number, role in enumerate(roles):
                host, before = self.place(number)
                self.cluster.add(role, {"http.host": host}, command=(*before, COMMAND, "serve"))
            self.cluster.see_each_other()
        except BaseException:
            self.close()
            raise

    def place(self, part):
        return (self.network.address(part), self.network.command(part)) if self.network else ("127.0.0.1", ())

    def close(self):
        for part in (self.cluster, self.etcd):
            if part:
                part.kill()
        if self.network:
            self.network.close()


def check(folder, seconds, seed):
    """(faults, counts, what was done to the cluster)"""
    setting = Setting(folder)
    cluster = setting.cluster
    history = History()
    try:
        registers = [make(cluster.nodes[0], f"{GROUPS}/_register", "model_group_id",
                          {"name": f"register {number}", "description": "first"}) for number in range(REGISTERS)]
        shared = make(cluster.nodes[0], f"{CONNECTORS}/_create", "connector_id", SHARED)
        for key in (*registers, *PARTS):
            done(history.begin("write", key, "first"))
        end = time.monotonic() + seconds
        threads = [Client(cluster, history, registers, shared, number, seed, end) for number in range(CLIENTS)]
        harm = Harm(setting, seed, end)
        for thread in [*threads, harm]:
            thread.start()
        for thread in [*threads, harm]:
            thread.join()
        cluster.see_each_other()
        last = threads[0]
        before = last.counts["read"]
        for berth in cluster.nodes:  # at the end all agree, and nothing that was acknowledged is lost
            last.read_merged(Node(berth), None)
            for key in registers:
                last.get(Node(berth), f"{GROUPS}/{key}", {key: lambda answer: answer["description"]})
        assert last.counts["read"] == before + len(cluster.nodes) * (1 + REGISTERS), "a node does not answer at the end"
        counts = {name: sum(thread.counts[name] for thread in threads) for name in last.counts}
        return faults(history), counts, harm.done
    finally:
        setting.close()


def make(berth, path, id_name, body):
    status, answer, _ = Node(berth).ask("POST", path, body)
    assert status == 200, answer
    return answer[id_name]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    with tempfile.TemporaryDirectory() as folder:
        found, counts, harm = check(Path(folder), options.seconds, options.seed)
    print(f"{options.seconds:.0f} s: {counts}; harm: { {name: harm.count(name) for name in sorted(set(harm))} }")
    print("\n".join(found) or "no fault")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
