# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as a client sees it on its socket."""
import gzip
import json

import pytest
from wire import Wire, chunked, request

SETTINGS = {"http.max_content_length": "64kb"}
PUT_SETTINGS = "/_cluster/settings"
INTERVAL = "plugins.ml_commons.sync_up_job_interval_in_seconds"
GZIP = "Content-Encoding: gzip"


def change(value):
    return json.dumps({"transient": {INTERVAL: value}}).encode()


def assert_changed(answer, value):
    assert answer.status == 200, answer
    interval = answer.json()["transient"]["plugins"]["ml_commons"]
    assert interval["sync_up_job_interval_in_seconds"] == str(value)


def test_keep_alive(berth):
    with Wire(berth) as wire:
        for _ in range(20):
            answer = wire.ask("GET", "/_cluster/health")
            assert (answer.status, answer.json()["status"]) == (200, "green")
            assert "connection" not in answer.headers


def test_close_is_honoured(berth):
    with Wire(berth) as wire:
        answer = wire.ask("GET", "/", headers=["Connection: close"])
        assert answer.status == 200
        assert answer.headers["connection"] == "close"
        assert wire.rest() == b""


@pytest.mark.parametrize("keep", [False, True])
def test_http_1_0(berth, keep):
    line = b"Connection: keep-alive\r\n" if keep else b""
    with Wire(berth) as wire:
        wire.send(b"GET / HTTP/1.0\r\n" + line + b"\r\n")
        answer = wire.read()
        assert answer.status == 200
        assert answer.headers["connection"] == ("keep-alive" if keep else "close")
        if not keep:
            assert wire.rest() == b""


def test_pipelined_requests_are_answered_in_order(berth):
    """Routes of both kinds, on the loop and on workers, so that order takes an effort."""
    paths = ["/_cluster/settings", "/", "/_nodes", "/_cluster/health", "/nowhere"] * 20
    with Wire(berth) as wire:
        wire.send(b"".join(request("GET", path) for path in paths))
        answers = [wire.read() for _ in paths]
    marks = {"/_cluster/settings": "persistent", "/": "tagline", "/_nodes": "nodes",
             "/_cluster/health": "status", "/nowhere": "error"}
    assert all(marks[path] in answer.json() for path, answer in zip(paths, answers))


def test_pipelined_bodies(berth):
    """The bytes of one request never leak into the next, wherever the segments end."""
    values = range(1, 60)
    data = b"".join(request("PUT", PUT_SETTINGS, change(value)) for value in values)
    with Wire(berth) as wire:
        for start in range(0, len(data), 37):
            wire.send(data[start:start + 37])
        for value in values:
            assert_changed(wire.read(), value)


def test_chunked_request(berth):
    body = change(21)
    pieces = [body[at:at + 5] for at in range(0, len(body), 5)]
    head = ["Transfer-Encoding: chunked", "Content-Type: application/json"]
    with Wire(berth) as wire:
        wire.send(request("PUT", PUT_SETTINGS, headers=head) + chunked(pieces))
        assert_changed(wire.read(), 21)
        wire.send(request("PUT", PUT_SETTINGS, headers=head) + b"%X;ext=1\r\n" % len(body) + body +
                  b"\r\n000\r\nChecksum: none\r\n\r\n")
        assert_changed(wire.read(), 21)
        assert wire.ask("GET", "/").status == 200


def test_expect_continue(berth):
    body = change(22)
    head = [f"Content-Length: {len(body)}", "Content-Type: application/json",
            "Expect: 100-continue"]
    with Wire(berth) as wire:
        wire.send(request("PUT", PUT_SETTINGS, headers=head))
        assert wire.read().status == 100
        wire.send(body)
        assert_changed(wire.read(), 22)
        # The body came with the head: there is nothing to wait for, and no 100.
        wire.send(request("PUT", PUT_SETTINGS, headers=head) + body)
        assert_changed(wire.read(), 22)


@pytest.mark.parametrize("head,status", [
    (["Content-Length: 65537", "Expect: 100-continue"], 413),
    (["Content-Length: 5", "Expect: 200-ok"], 417),
])
def test_expectation_that_fails(berth, head, status):
    with Wire(berth) as wire:
        wire.send(request("PUT", PUT_SETTINGS, headers=head))
        answer = wire.read()
        assert (answer.status, answer.json()["status"]) == (status, status)
        assert wire.rest() == b""


def test_head(berth):
    with Wire(berth) as wire:
        whole = wire.ask("GET", "/")
        head = wire.ask("HEAD", "/")
        assert head.status == 200
        assert head.headers["content-length"] == whole.headers["content-length"]
        assert wire.ask("GET", "/").json() == whole.json()
        # An error's body stays away as well.
        assert wire.ask("HEAD", "/nowhere").status == 400
        assert wire.ask("GET", "/").json() == whole.json()


def test_gzip_answer(berth):
    path = "/_cluster/settings?include_defaults=true"
    with Wire(berth) as wire:
        plain = wire.ask("GET", path)
        packed = wire.ask("GET", path, headers=["Accept-Encoding: gzip"])
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.body) < len(plain.body) / 2
        assert json.loads(packed.text()) == plain.json()
        refused = wire.ask("GET", path, headers=["Accept-Encoding: gzip;q=0, identity"])
        assert refused.json() == plain.json()


def test_gzip_request(berth):
    with Wire(berth) as wire:
        assert_changed(wire.ask("PUT", PUT_SETTINGS, gzip.compress(change(23)), [GZIP]), 23)


@pytest.mark.parametrize("body,coding,status", [
    (b"this was never packed", "gzip", 400),
    (gzip.compress(change(1))[:-9], "gzip", 400),
    (gzip.compress(change(1)) + b"more", "gzip", 400),
    (gzip.compress(b" " * (1 << 20)), "gzip", 413),
    (change(1), "br", 415),
    (gzip.compress(gzip.compress(change(1))), "gzip, gzip", 415),
])
def test_packed_body_that_is_refused(berth, body, coding, status):
    with Wire(berth) as wire:
        answer = wire.ask("PUT", PUT_SETTINGS, body, [f"Content-Encoding: {coding}"])
        assert (answer.status, answer.json()["status"]) == (status, status)
        assert wire.rest() == b""


def test_unknown_route(berth):
    with Wire(berth) as wire:
        answer = wire.ask("GET", "/no/such/route")
        assert answer.status == 400
        assert "/no/such/route" in answer.json()["error"]


@pytest.mark.parametrize("method,path,allow", [
    ("POST", "/_cluster/health", {"GET"}),
    ("DELETE", "/_cluster/settings", {"GET", "PUT"}),
    ("GET", "/_plugins/_ml/connectors/_create", {"POST"}),
])
def test_wrong_method(berth, method, path, allow):
    with Wire(berth) as wire:
        answer = wire.ask(method, path)
        assert (answer.status, answer.json()["status"]) == (405, 405)
        assert allow <= set(answer.headers["allow"].replace(" ", "").split(","))
        assert method not in answer.headers["allow"]
        assert wire.ask("GET", "/").status == 200


@pytest.mark.parametrize("method,path,kind", [
    ("GET", "/_cluster/health?no_such_parameter=1", "illegal_argument_exception"),
    ("GET", "/?pretty=perhaps", "illegal_argument_exception"),
    ("GET", "/_plugins/_ml/models/%zz", "illegal_argument_exception"),
])
def test_bad_request(berth, method, path, kind):
    with Wire(berth) as wire:
        answer = wire.ask(method, path)
        assert (answer.status, answer.json()["status"]) == (400, 400)
        assert answer.json()["error"]["type"] == kind
        assert answer.json()["error"]["reason"]


def test_body_of_another_type(berth):
    with Wire(berth) as wire:
        answer = wire.ask("PUT", PUT_SETTINGS, b"a=b",
                          ["Content-Type: application/x-www-form-urlencoded"])
        assert (answer.status, answer.json()["status"]) == (406, 406)


def test_path_without_slash(berth):
    """What opensearch-benchmark sends, and the real server takes."""
    with Wire(berth) as wire:
        for data in (b"GET _cluster/health HTTP/1.1\r\nHost: a\r\n\r\n",
                     request("GET", "/_cluster/health")):
            wire.send(data)
            assert wire.read().json()["status"] == "green"


def test_empty_lines_before_a_request(berth):
    with Wire(berth) as wire:
        wire.send(b"\r\n" + request("GET", "/") + b"\r\n\r\n" + request("GET", "/_nodes"))
        assert "tagline" in wire.read().json()
        assert "nodes" in wire.read().json()


def test_opaque_id_comes_back(berth):
    with Wire(berth) as wire:
        answer = wire.ask("GET", "/", headers=["X-Opaque-Id: job 7"])
        assert answer.headers["x-opaque-id"] == "job 7"


def test_answer_larger_than_the_socket_takes(berth):
    """Pipelined answers that the client reads late are neither lost nor cut."""
    path = "/_berth/plugins"
    count = 400
    with Wire(berth) as wire:
        whole = len(wire.ask("GET", path).body)
        wire.send(request("GET", path) * count)
        sizes = [len(wire.read().body) for _ in range(count)]
    assert max(sizes) - min(sizes) < 64 and abs(sizes[0] - whole) < 64
