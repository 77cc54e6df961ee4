# SPDX-License-Identifier: Apache-2.0
"""Each limit of the HTTP layer, made small by its setting: the status, the body, the setting's name.

The time-outs are waited for by their answers: the tests take as long as the server needs.
"""
import json

import pytest
from six_steps import Steps
from wire import Wire, chunked, request

CHUNKED = ["Transfer-Encoding: chunked", "Content-Type: application/json"]
PATH = "/_cluster/settings"

# The setting and its value; what goes beyond it; the answer.
BEYOND = {
    "line": ("http.max_initial_line_length", "64b", 414,
             request("GET", "/" + "a" * 64)),
    "line, by far": ("http.max_initial_line_length", "64b", 414,
                     request("GET", "/" + "a" * 60000)),
    "line, behind an empty one": ("http.max_initial_line_length", "64b", 414,
                                  b"\r\n" + request("GET", "/" + "a" * 64)),
    "line, never ending": ("http.max_initial_line_length", "64b", 414, b"GET /" + b"a" * 60000),
    "headers": ("http.max_header_size", "256b", 431,
                request("GET", "/", headers=["X: " + "a" * 256])),
    "headers, by far": ("http.max_header_size", "256b", 431,
                        request("GET", "/", headers=["X: " + "a" * 60000])),
    "headers, never ending": ("http.max_header_size", "256b", 431,
                              b"GET / HTTP/1.1\r\nX: " + b"a" * 60000),
    "headers, of many": ("http.max_header_size", "256b", 431,
                         request("GET", "/", headers=["X: a"] * 64)),
    "header name": ("http.max_header_size", "256b", 431,
                    request("GET", "/", headers=["X" * 60000 + ": a"])),
    "header count": ("http.max_headers", "8", 431,
                     request("GET", "/", headers=[f"X{i}: a" for i in range(8)])),
    "body": ("http.max_content_length", "100b", 413, request("PUT", PATH, b" " * 101)),
    "body, announced": ("http.max_content_length", "100b", 413,
                        request("PUT", PATH, headers=["Content-Length: 101"])),
    "chunks": ("http.max_content_length", "100b", 413,
               request("PUT", PATH, headers=CHUNKED) + chunked([b" " * 60, b" " * 60])),
    "chunk, announced": ("http.max_content_length", "100b", 413,
                         request("PUT", PATH, headers=CHUNKED) + b"ffff\r\n" + b" " * 101),
}


@pytest.mark.parametrize("case", BEYOND)
def test_beyond(start_berth, case):
    setting, value, status, data = BEYOND[case]
    berth = start_berth({setting: value})
    with Wire(berth) as wire:
        wire.send(data)
        answer = wire.read()
        assert answer.status == status, answer
        assert answer.json()["status"] == status
        assert setting in answer.json()["error"]
        assert answer.headers["connection"] == "close"
        assert wire.rest() == b""
    with Wire(berth) as wire:
        assert wire.ask("GET", "/").status == 200


def test_up_to_the_limits(start_berth):
    """What is exactly as large as it may be is taken."""
    body = b'{"transient":{"plugins.ml_commons.max_ml_task_per_node":7}}'
    berth = start_berth({"http.max_initial_line_length": "64b", "http.max_headers": "8",
                         "http.max_content_length": f"{len(body)}b"})
    with Wire(berth) as wire:
        path = "/" + "a" * (64 - len("GET / HTTP/1.1"))
        assert wire.ask("GET", path).status == 400
        assert wire.ask("GET", "/", headers=[f"X{i}: a" for i in range(7)]).status == 200
        assert wire.ask("PUT", PATH, body).status == 200
        wire.send(request("PUT", PATH, headers=CHUNKED) + chunked([body[:9], body[9:]]))
        assert wire.read().status == 200


@pytest.mark.parametrize("setting,data", [
    ("http.header_timeout", b"GET / HTTP/1.1\r\nHost: a\r\nX-"),
    ("http.header_timeout", b"G"),
    ("http.body_timeout", request("PUT", PATH, headers=["Content-Length: 9"])),
    ("http.body_timeout", request("PUT", PATH, headers=CHUNKED) + b"5\r\nhel"),
])
def test_slow_request(start_berth, setting, data):
    berth = start_berth({setting: "10ms"})
    with Wire(berth) as wire:
        wire.send(data)
        answer = wire.read()
        assert (answer.status, answer.json()["status"]) == (408, 408)
        assert setting in answer.json()["error"]
        assert wire.rest() == b""


def test_head_that_drips(start_berth):
    """The time runs from the first byte: sending on does not put it off."""
    berth = start_berth({"http.header_timeout": "10ms"})
    with Wire(berth) as wire:
        wire.socket.settimeout(0.02)
        wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        answer = b""
        try:
            while not answer:
                wire.send(b"X: a\r\n")
                try:
                    answer = wire.socket.recv(65536)
                except TimeoutError:
                    pass
        except (BrokenPipeError, ConnectionResetError):
            pytest.fail("the connection ended without an answer")
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_idle_connection_is_closed(start_berth):
    berth = start_berth({"http.keep_alive_timeout": "10ms"})
    with Wire(berth) as wire:
        assert wire.rest() == b""
    with Wire(berth) as wire:
        assert wire.ask("GET", "/").status == 200
        assert wire.rest() == b""


def test_client_that_does_not_read(start_berth):
    """It is cut after write_timeout; what the metrics say then is that nothing is open any more."""
    berth = start_berth({"http.write_timeout": "10ms", "http.loops": "1"})
    with Wire(berth) as wire:
        wire.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:  # until neither side's buffers take any more
                wire.send(request("GET", "/_berth/plugins") * 50)
        with Wire(berth) as other:
            opened = "berth_http_connections 1\n"
            while opened not in other.ask("GET", "/_berth/metrics").text():
                pass


def test_too_many_connections(start_berth):
    berth = start_berth({"http.max_connections": "1", "http.loops": "1"})
    with Wire(berth) as first:
        assert first.ask("GET", "/").status == 200
        with Wire(berth) as second:
            answer = second.read()
            assert (answer.status, answer.json()["status"]) == (503, 503)
            assert "http.max_connections" in answer.json()["error"]
            assert answer.headers["retry-after"] == "1"
            assert second.rest() == b""
        assert first.ask("GET", "/").status == 200


def test_too_many_in_flight(start_berth, model_server):
    berth = start_berth({"http.max_in_flight": "1", "http.loops": "1"})
    with Steps(berth, model_server) as steps:
        model = steps.deployed_model()
        model_server.gate.clear()
        while not model_server.requests.empty():
            model_server.requests.get()
        with Wire(berth) as busy, Wire(berth) as refused:
            busy.send(steps.predict_request(model, "held"))
            model_server.requests.get(timeout=60)
            answer = refused.ask("GET", "/")
            assert (answer.status, answer.json()["status"]) == (503, 503)
            assert "http.max_in_flight" in answer.json()["error"]
            assert answer.headers["retry-after"] == "1"
            model_server.gate.set()
            assert "held" in json.dumps(busy.read().json())
            assert refused.ask("GET", "/").status == 200
