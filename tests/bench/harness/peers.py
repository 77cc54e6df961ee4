# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared: each starts, stops, and says how it is asked for a call."""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import selectors
import shutil
import socket
import time

import certificates  # of tests/support

from . import process
from .works import CALLS

SERVER_CORE = 0
LOAD_CORE = 1
START_LIMIT_S = 60


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def request(port, method, path, body=None, headers=None, timeout=30):
    """Status and text of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path, body,
                           {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


class MockRemote:
    """The remote service of tests/bench/mock_remote.c."""

    def __init__(self, programs, core):
        self.process = process.start(core, [programs / "bench.mock_remote"], stdout=-1, text=True)
        line = self.process.stdout.readline().split()
        if len(line) != 2:
            raise RuntimeError("the mock remote does not start")
        self.port = int(line[1])

    def stop(self):
        process.stop(self.process)
        self.process.stdout.close()


class TlsFront:
    """The same by HTTPS: an nginx before it, with a certificate of its own."""

    CONFIG = """
daemon off;
pid {directory}/front.pid;
worker_processes 1;
worker_rlimit_nofile 16384;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    upstream mock {{ server 127.0.0.1:{remote}; keepalive 1024; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {directory}/server.pem;
        ssl_certificate_key {directory}/server.key;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

    def __init__(self, directory, remote, core):
        certificates.make(directory)
        self.port = free_port()
        self.ca = directory / "ca.pem"
        config = directory / "front.conf"
        config.write_text(self.CONFIG.format(directory=directory, port=self.port, remote=remote.port))
        with open(directory / "front.log", "ab") as log:
            self.process = process.start(core, [find_program("nginx"), "-e", directory / "front.err",
                                                "-c", config], stdout=log, stderr=log)

    def stop(self):
        process.stop(self.process)


class Peer:
    """A server on SERVER_CORE between the load and the remote service."""

    name = ""
    column = ""  # of the report; empty: name
    headers = {}

    def __init__(self, setup):
        self.setup = setup
        self.directory = setup.directory / self.name
        self.directory.mkdir()
        self.port = free_port()
        self.process = None
        self.log = open(self.directory / "log", "ab")  # closed by close

    def command(self):
        raise NotImplementedError

    def start(self):
        self.process = process.start(SERVER_CORE, self.command(), stdout=self.log, stderr=self.log)

    def stop(self):
        process.stop(self.process)

    def close(self):
        self.stop()
        self.log.close()

    def prepare(self):
        """Once, after the first start."""

    def path(self, call):
        return call.path

    def body(self, call):
        return call.remote_body()

    def marker(self, call):
        return call.marker

    def ask(self, call):
        status, text = request(self.port, "POST", self.path(call), self.body(call), self.headers)
        return status == 200 and self.marker(call) in text, f"{status} {text[:300]}"

    def check(self, call):
        good, shown = self.ask(call)
        if not good:
            raise RuntimeError(f"{self.name}: {call.name} is answered {shown}")

    def wait_until(self, answers):
        """Asks over and over until it is answered; gives the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < START_LIMIT_S:
            if self.process.poll() is not None:
                break
            try:
                if answers():
                    return time.monotonic() - began
            except (OSError, http.client.HTTPException):
                continue
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            raise RuntimeError(f"{self.name} does not answer; its log ends: {log.read()[-2000:]}")

    def start_to_first_answer(self):
        """Seconds from the start of the process to its first right answer to a chat."""
        began = time.monotonic()
        self.start()
        self.wait_until(lambda: self.ask(CALLS["chat"])[0])
        return time.monotonic() - began


class Direct(Peer):
    """No server between: a second mock remote in its place."""

    name = "direct"

    def command(self):
        return [self.setup.programs / "bench.mock_remote", "--port", self.port]


class Nginx(Peer):
    name = "nginx"
    CONFIG = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
worker_processes 1;
worker_rlimit_nofile 16384;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream remote {{
        server 127.0.0.1:{remote};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    upstream remote_tls {{
        server 127.0.0.1:{tls};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://remote;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 16 16k;
        }}
        location /v1/stream {{
            proxy_pass http://remote;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
        location /tls/ {{
            proxy_pass https://remote_tls/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

    def command(self):
        config = self.directory / "nginx.conf"
        config.write_text(self.CONFIG.format(
            directory=self.directory, port=self.port, remote=self.setup.remote.port,
            tls=self.setup.front.port))
        return [find_program("nginx"), "-e", self.directory / "error.log", "-c", config]


    def path(self, call):
        return ("/tls" if call.tls else "") + call.path


class HAProxy(Peer):
    name = "haproxy"
    CONFIG = """
global
    nbthread 1
    maxconn 8192
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend front
    bind 127.0.0.1:{port} backlog 4096
    default_backend remote
backend remote
    server remote 127.0.0.1:{remote} maxconn 8192 pool-max-conn 1024
"""

    def command(self):
        config = self.directory / "haproxy.cfg"
        config.write_text(self.CONFIG.format(port=self.port, remote=self.setup.remote.port))
        return [find_program("haproxy"), "-db", "-f", config]


class Berth(Peer):
    name = "berth"
    SETTINGS = {
        "plugins.ml_commons.trusted_connector_endpoints_regex": [r"^https?://127\.0\.0\.1:.*$"],
        "plugins.ml_commons.connector.private_ip_enabled": True,
        "plugins.ml_commons.only_run_on_ml_node": False,
        "plugins.ml_commons.stream_enabled": True,
    }
    admin = {}

    def __init__(self, setup):
        super().__init__(setup)
        self.connectors = {}
        self.models = {}

    def command(self):
        return [self.setup.build / "berth", "serve", "--data", self.directory / "data",
                "--plugin", self.setup.build / "ml_remote.so",
                "-E", f"http.port={self.port}", "-E", "http.loops=1"]

    def call(self, method, path, body, headers=None):
        status, text = request(self.port, method, path, None if body is None else json.dumps(body),
                               self.headers if headers is None else headers)
        if status != 200:
            raise RuntimeError(f"berth: {method} {path} is answered {status} {text[:300]}")
        return json.loads(text)

    def prepare(self):
        ml = "/_plugins/_ml"
        self.wait_until(lambda: request(self.port, "GET", "/", headers=self.admin)[0] == 200)
        self.call("PUT", "/_cluster/settings", {"persistent": self.SETTINGS}, self.admin)
        for call in self.setup.calls:
            front = self.setup.front if call.tls else self.setup.remote
            action = {"action_type": "predict", "method": "POST",
                      "url": f"http{'s' if call.tls else ''}://127.0.0.1:{front.port}{call.path}",
                      "headers": {"Authorization": "Bearer ${credential.key}"},
                      "request_body": call.template}
            if call.post:
                action["post_process_function"] = call.post
            credential = {"key": "secret"}
            if call.tls:
                credential["ca_cert_pem"] = front.ca.read_text()
            connector = self.call("POST", f"{ml}/connectors/_create", {
                "name": call.name, "version": "1", "protocol": "http",
                "parameters": {"model": "mock"}, "credential": credential,
                "client_config": {"max_connection": 8192}, "actions": [action]})
            self.connectors[call.name] = connector["connector_id"]
            model = self.call("POST", f"{ml}/models/_register?deploy=true", {
                "name": call.name, "function_name": "remote",
                "connector_id": connector["connector_id"]})
            self.models[call.name] = model["model_id"]

    def add_models(self, call, count, say):
        """The ids of so many deployed models of a call's connector; the call's own is the first."""
        body = json.dumps({"name": "many", "function_name": "remote",
                           "connector_id": self.connectors[call.name]})
        path = "/_plugins/_ml/models/_register?deploy=true"
        headers = {"Content-Type": "application/json", **self.headers}

        def add(number):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            with contextlib.closing(connection):
                made = []
                for _ in range(number):
                    connection.request("POST", path, body, headers)
                    made.append(json.loads(connection.getresponse().read())["model_id"])
                return made

        share = 1000
        rest = count - 1
        parts = [share] * (rest // share) + [rest % share]
        ids = [self.models[call.name]]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for made in pool.map(add, parts):
                ids += made
                say(f"  {len(ids):,} models")
        return ids

    def path(self, call):
        path = f"/_plugins/_ml/models/{self.models[call.name]}/_predict"
        return path + ("/stream" if call.stream else "")

    def body(self, call):
        return call.predict_body()

    def marker(self, call):
        return call.made or call.marker


def basic(user):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{user}".encode()).decode()}


class BerthUsers(Berth):
    """With the users of the tests, one of whom owns a private connector and asks its model."""

    name = "berth-users"
    column = "berth"
    admin = basic("admin")
    headers = basic("alice")
    SETTINGS = {**Berth.SETTINGS, "plugins.ml_commons.connector_access_control_enabled": True,
                "plugins.ml_commons.model_access_control_enabled": True}

    def command(self):
        return [*super().command(), "--config", self.setup.users]


def find_program(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def installed():
    """The peers that this machine has; nginx is what all are compared with."""
    peers = [Direct, Nginx, Berth, BerthUsers]
    if find_program("haproxy"):
        peers.insert(2, HAProxy)
    return peers


def read_answers(sockets, limit_s=30):
    """Waits until each socket has been sent something."""
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_READ)
        deadline = time.monotonic() + limit_s
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready:
                raise RuntimeError("connections without an answer")
            for key, _ in ready:
                if not key.fileobj.recv(1 << 18):
                    raise RuntimeError("a connection was closed")
                selector.unregister(key.fileobj)
