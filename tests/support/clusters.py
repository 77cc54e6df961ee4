# SPDX-License-Identifier: Apache-2.0
"""A cluster on this machine: members of etcd, and Berths of different roles on them."""
import json
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.request

from berth_process import PATIENCE_S, Berth
from six_steps import Steps
from waiting import eventually

# Roles of the nodes that a test gets unless it asks for others.
ROLES = ("cluster_manager,data", "data,ingest", "ml")


def free_ports(count, host="127.0.0.1"):
    sockets = [socket.create_server((host, 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Member:
    """One member of etcd."""

    def __init__(self, name, folder, host, ports, cluster, certificates=None, before=()):
        self.url = f"{'https' if certificates else 'http'}://{host}:{ports[0]}"
        peer = f"http://{host}:{ports[1]}"
        self.command = [*before, "etcd", "--name", name, "--data-dir", str(folder), "--listen-client-urls", self.url,
                        "--advertise-client-urls", self.url, "--listen-peer-urls", peer,
                        "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                        "--heartbeat-interval", "50", "--election-timeout", "500"]
        self.context = None
        if certificates:
            self.command += ["--cert-file", str(certificates / "server.pem"), "--key-file",
                             str(certificates / "server.key"), "--client-cert-auth", "--trusted-ca-file",
                             str(certificates / "ca.pem")]
            self.context = ssl.create_default_context(cafile=certificates / "ca.pem")
            self.context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        stdin=subprocess.DEVNULL)

    def ask(self, path, body=None):
        """What a member answers; of its v3 API where there is a body."""
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode() if body else None)
        with urllib.request.urlopen(request, timeout=2, context=self.context) as answer:
            return json.load(answer)

    def is_healthy(self):
        try:
            return self.ask("/health")["health"] == "true"
        except (OSError, ValueError, KeyError):
            return False

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE_S)
            self.process = None


class Etcd:
    """An etcd of so many members, which is ready when the constructor has returned. places: of each member its
    address, and what stands before its command; without them all are on this machine."""

    def __init__(self, folder, members=1, host="127.0.0.1", certificates=None, places=None):
        places = places or [(host, ())] * members
        ports = free_ports(2 * members)
        names = [f"m{i}" for i in range(members)]
        peers = ",".join(f"{name}=http://{places[i][0]}:{ports[2 * i + 1]}" for i, name in enumerate(names))
        self.members = [Member(name, folder / name, places[i][0], ports[2 * i:2 * i + 2], peers, certificates,
                               places[i][1]) for i, name in enumerate(names)]
        self.start()

    def start(self):
        for member in self.members:
            if not member.process:
                member.start()
        eventually(lambda: [member.is_healthy() for member in self.members], all)

    @property
    def endpoints(self):
        return ",".join(member.url for member in self.members)

    def kill(self):
        for member in self.members:
            member.kill()


class Cluster:
    """Berths on an etcd; each has its own directory, and all have one master key."""

    LEASE_S = 3

    def __init__(self, folder, etcd, roles=ROLES, settings=None):
        self.folder = folder
        self.etcd = etcd
        self.settings = settings or {}
        self.nodes = []
        for role in roles:
            self.add(role)

    def add(self, roles, settings=None, **options):
        """One node more, named n1, n2, …"""
        number = len(self.nodes) + 1
        data = self.folder / f"n{number}"
        data.mkdir(mode=0o700)
        if self.nodes:
            shutil.copy(self.folder / "n1" / "master.key", data)
        self.nodes.append(None)
        return self.start(number, {"node.roles": roles, **(settings or {})}, **options)

    def start(self, number, settings=None, **options):
        """Starts a node, again where it was there before."""
        before = self.nodes[number - 1]
        asked = {**self.settings, **(settings or before.asked), "node.name": f"n{number}",
                 "cluster.engine": "etcd", "cluster.endpoints": self.etcd.endpoints, "cluster.timeout": "2s",
                 "cluster.lease": f"{self.LEASE_S}s"}
        options = options or (before.options if before else {})
        node = Berth(self.folder / f"n{number}", asked, **options)
        node.asked, node.options = asked, options
        self.nodes[number - 1] = node
        return node

    def ids(self):
        """{name: id} of all that the first node sees."""
        with self.nodes[0].client() as client:
            return {node["name"]: id for id, node in client.nodes.info()["nodes"].items()}

    def see_each_other(self, count=None):
        """Waits until every node sees so many nodes, all of them unless told otherwise."""
        wanted = count or len(self.nodes)
        for node in self.nodes:
            if node.process.returncode is None:
                with node.client() as client:
                    eventually(lambda c=client: c.cluster.health()["number_of_nodes"], wanted.__eq__)

    def steps(self, model_server):
        """The six steps' client of each node."""
        return [Steps(node, model_server) for node in self.nodes]

    def stop(self):
        for node in self.nodes:
            if node and node.process.returncode is None:
                node.stop()

    def kill(self):
        for node in self.nodes:
            if node:
                node.kill()
