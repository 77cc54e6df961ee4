# SPDX-License-Identifier: Apache-2.0
"""Remote services that misbehave: each ends in a clear error, in bounded memory, and others do not notice."""
import contextlib
import json
import os
import re
import resource
import socket
import ssl
import threading

import pytest
from certificates import Certificates
from remote_service import Remote, RemoteService
from six_steps import PREFIX
from wire import Wire, request

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = OK + b'Content-Length: 11\r\n\r\n{"ok":true}'
MOST = 1 << 20  # [max_json_size] of these tests


class BareService:
    """Each connection is handed to a function; requests: how many were read whole."""

    def __init__(self, serve):
        self.serve = serve
        self.stopped = threading.Event()
        self.requests = 0
        self.connections = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._open = set()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with self._lock:
                    self._open.add(connection)
                    self.connections += 1
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with contextlib.suppress(OSError):
            self.serve(self, connection)
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def read(self, connection):
        """A request with its body; raises OSError at the end."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more(connection)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self.more(connection)
        with self._lock:
            self.requests += 1

    @staticmethod
    def more(connection):
        data = connection.recv(65536)
        if not data:
            raise OSError("the client closed")
        return data

    def forever(self, connection, begin, piece):
        """Sends a piece again and again until the client has enough."""
        self.read(connection)
        connection.sendall(begin)
        while not self.stopped.is_set():
            connection.sendall(piece)


def says(data):
    def serve(service, connection):
        service.read(connection)
        connection.sendall(data)
    return serve


def endless(begin, piece):
    return lambda service, connection: service.forever(connection, begin, piece)


def silent(service, connection):
    service.read(connection)
    service.stopped.wait()


def half(data):
    def serve(service, connection):
        service.read(connection)
        connection.sendall(data)
        service.stopped.wait()
    return serve


def at_once(service, connection):
    connection.close()


# status, what the reason says, what the service does
BAD = {
    "closes at once": (502, "no whole answer", at_once),
    "closes within the head": (502, "within its answer", says(OK)),
    "closes within the body": (502, "within its answer", says(OK + b"Content-Length: 9\r\n\r\n{")),
    "closes within a chunk": (502, "within its answer",
                              says(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12")),
    "is silent": (504, "in time", silent),
    "stops within the head": (504, "in time", half(OK)),
    "stops within the body": (504, "in time", half(OK + b"Content-Length: 9\r\n\r\n{")),
    "speaks no HTTP": (502, "", says(b"220 smtp.example ESMTP\r\n")),
    "speaks TLS": (502, "", says(b"\x15\x03\x03\x00\x02\x02\x28")),
    "endless head": (502, "65536", endless(OK, b"X-More: " + b"a" * 1000 + b"\r\n")),
    "endless header line": (502, "65536", endless(OK + b"X: ", b"a" * 4096)),
    "endless informational answers": (502, "65536", endless(b"", b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n")),
    "endless body": (502, "max_json_size", endless(OK + b"\r\n[0", b",1" * 4096)),
    "endless chunks": (502, "max_json_size",
                       endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b" " * 4096 + b"\r\n")),
    "endless chunk extension": (502, "4096",
                                endless(OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=", b"a" * 4096)),
    "a length beyond all measure": (502, "max_json_size", half(OK + b"Content-Length: 99999999999\r\n\r\n{")),
    "two lengths": (502, "", says(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")),
    "a length and chunks": (502, "", says(OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
    "packed, and not": (502, "packed", says(OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")),
}


@pytest.fixture(scope="module")
def remote(start_module_berth):
    berth = start_module_berth()
    with Remote(berth) as remote:
        remote.send("PUT", "/_cluster/settings", body={"persistent": {
            PREFIX + "max_json_size": MOST, PREFIX + "remote.circuit_breaker.failure_percent": 0}})
        yield remote


def predict(model, text="hi"):
    body = json.dumps({"parameters": {"text": text}}).encode()
    return request("POST", f"/_plugins/_ml/models/{model}/_predict", body)


def resident(remote):
    with open(f"/proc/{remote.berth.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("case", BAD)
def test_bad_service(remote, case):
    status, word, serve = BAD[case]
    short = {"read_timeout": 1} if status == 504 else {}
    with BareService(serve) as bad, RemoteService() as good:
        model = remote.model(bad.url, client_config=short)
        other = remote.model(good.url + "/")
        before = resident(remote)
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(Wire(remote.berth)) for _ in range(8)]
            for wire in wires:
                wire.send(predict(model))
            assert remote.ask(other) == {"ok": True}
            for wire in wires:
                answer = wire.read()
                assert answer.status == status, answer.body
                assert word in answer.json()["error"]["reason"]
        assert resident(remote) - before < 64 << 20
        assert remote.ask(other) == {"ok": True}


def test_service_that_drips(remote):
    """Byte after byte is no reason to give up, nor to let others wait."""
    dripped = threading.Semaphore(0)
    go_on = threading.Semaphore(0)

    def drip(service, connection):
        service.read(connection)
        for i in range(len(WHOLE)):
            connection.sendall(WHOLE[i:i + 1])
            dripped.release()
            go_on.acquire()

    with BareService(drip) as bad, RemoteService() as good, Wire(remote.berth) as wire:
        model, other = remote.model(bad.url), remote.model(good.url + "/")
        wire.send(predict(model))
        for _ in WHOLE:
            assert dripped.acquire(timeout=60)
            assert remote.ask(other) == {"ok": True}
            go_on.release()
        assert wire.read().json()["inference_results"][0]["output"][0]["dataAsMap"] == {"ok": True}


def test_answer_before_the_question_is_sent(remote):
    """What the service says to the beginning of a large question is its answer."""
    def refuse_early(_, connection):
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 16\r\nConnection: close\r\n\r\n"
                           b'{"too":"large"} ')
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while connection.recv(1 << 20):
                pass

    with BareService(refuse_early) as bad, Wire(remote.berth) as wire:
        wire.send(predict(remote.model(bad.url), "x" * (8 << 20)))
        answer = wire.read()
        assert answer.status == 413 and "too" in answer.json()["error"]["reason"]


def test_kept_connections_that_are_closed(remote):
    """Each question is answered, though the service closes each connection behind its first answer."""
    with BareService(says(WHOLE)) as bad:
        model = remote.model(bad.url)
        for _ in range(30):
            assert remote.ask(model) == {"ok": True}
        assert bad.requests == 30


def test_connection_that_is_closed_as_it_is_used_again(remote):
    """Nothing of an answer came: the question is sent once more, on a new connection."""
    def answer_once(service, connection):
        service.read(connection)
        connection.sendall(WHOLE)
        service.read(connection)  # the second question is read, and not answered

    with BareService(answer_once) as bad:
        model = remote.model(bad.url)
        assert remote.ask(model) == {"ok": True}
        for _ in range(5):
            assert remote.ask(model) == {"ok": True}
        assert bad.connections == 6 and bad.requests == 11


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 400 Bad\r\n\r\n", b"\x16\x03\x03\x00\x10" + b"\0" * 16])
def test_service_that_breaks_the_greeting(remote, data):
    def serve(_, connection):
        connection.recv(65536)
        connection.sendall(data)

    with BareService(serve) as bad, RemoteService() as good, Wire(remote.berth) as wire:
        wire.send(predict(remote.model(bad.url.replace("http:", "https:"))))
        answer = wire.read()
        assert answer.status == 502 and "TLS" in answer.json()["error"]["reason"]
        assert remote.ask(remote.model(good.url + "/")) == {"ok": True}


def test_service_that_breaks_tls_within_the_answer(remote, files):
    def serve(service, connection):
        with files.context().wrap_socket(connection, server_side=True) as tls:
            service.read(tls)
            tls.sendall(OK + b"Content-Length: 11\r\n\r\n{")
            raw = socket.socket(fileno=os.dup(tls.fileno()))
            with raw:
                raw.sendall(b"this is no record of TLS, nor will it be")
            with contextlib.suppress(ssl.SSLError):
                service.more(tls)

    with BareService(serve) as bad, Wire(remote.berth) as wire:
        model = remote.model(bad.url.replace("http:", "https:"),
                             credential={"ca_cert_pem": files.text("ca.pem")})
        wire.send(predict(model))
        assert wire.read().status == 502


def test_more_connections_than_are_kept(start_berth):
    """What is not kept is closed, and what is kept is used again."""
    count = 1100  # a loop keeps 1,024
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    with RemoteService(is_open=False) as service, Remote(start_berth({"http.loops": "1"})) as remote, \
            contextlib.ExitStack() as stack:
        model = remote.model(service.url + "/")
        wires = [stack.enter_context(Wire(remote.berth)) for _ in range(count)]
        for _ in range(2):
            for wire in wires:
                wire.send(predict(model))
            for _ in wires:
                service.requests.get(timeout=60)
            service.gate.release(count)
            for wire in wires:
                assert wire.read().status == 200
            text = remote.send("GET", "/_berth/metrics")
            kept = {name: float(re.search(rf"^{name}{{.*}} (.*)$", text, re.M)[1])
                    for name in ("ml_remote_service_connections", "ml_remote_service_connections_idle")}
            assert set(kept.values()) == {1024}
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
