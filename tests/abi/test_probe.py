# SPDX-License-Identifier: Apache-2.0
"""abi_probe.so, which checks the host that it is loaded into: in Berth, and in a host of 300 lines."""
import json
import socket
import subprocess
import threading

import pytest
from berth_process import BUILD
from waiting import eventually
from wire import Wire, request

PROBE = BUILD / "abi_probe.so"
MINI_HOST = BUILD / "tests" / "abi" / "mini_host"
BASE = "/_plugins/_abi_probe"
STREAM_BYTES = 256 * 65536
# What needs capabilities that the small host has not.
NOT_IN_MINI = ("store.", "threads.post", "threads.timer", "streams.", "refusals.blocking", "requests.")


def report_of(berth):
    with Wire(berth) as wire:
        return wire.ask("GET", f"{BASE}/report").json()


def results(report):
    return {check["name"]: check["result"] for check in report["checks"]}


def faults(report):
    return {check["name"]: check["reason"] for check in report["checks"] if check["result"] == "failed"}


def leave_early(berth):
    """A client that leaves before its answer."""
    with socket.create_connection((berth.host, berth.port)) as client:
        client.sendall(request("POST", f"{BASE}/hold", b"{}"))
    eventually(lambda: results(report_of(berth)), lambda now: now["requests.after_cancel"] != "untried")


def read_slowly(berth):
    """All of the stream, once the host has had to make the plugin wait."""
    with socket.create_connection((berth.host, berth.port)) as client:
        client.sendall(request("GET", f"{BASE}/stream"))
        eventually(lambda: results(report_of(berth)), lambda now: now["streams.flow"] != "untried")
        got = bytearray()
        while not got.endswith(b"\r\n0\r\n\r\n"):
            got += client.recv(1 << 18)
    assert got.count(b"x") >= STREAM_BYTES


def set_limit(wire, value):
    return wire.ask("PUT", "/_cluster/settings",
                    json.dumps({"persistent": {"plugins.abi_probe.limit": value}}).encode()).status


def drive(berth):
    """Everything that a host's checks need a client for."""
    with Wire(berth) as wire:
        for _ in range(4):
            word = wire.ask("GET", f"{BASE}/word/a%2Fb?loud=a%20b", headers=["X-Probe: yes"])
            assert word.json() == {"word": True}
        assert wire.ask("POST", f"{BASE}/work", b'{"a":1}').json() == {"work": True}
        assert [set_limit(wire, value) for value in (7, 13, 101, 0)] == [200, 400, 400, 200]
    leave_early(berth)
    read_slowly(berth)


@pytest.fixture
def host(start_berth):
    return start_berth({"http.loops": 3}, plugins=[PROBE])


def test_berth(host):
    drive(host)
    report = eventually(lambda: report_of(host), lambda now: now["untried"] == 0)
    assert faults(report) == {}
    assert report["ok"] == len(report["checks"]) >= 30
    with Wire(host) as wire:
        assert wire.ask("POST", "/_berth/plugins/abi_probe/_reload").status == 200
    assert report_of(host)["failed"] == 0
    assert "abi_probe_content" in host.log  # the old generation, on its way down
    host.stop()
    assert host.log.count("abi_probe_content") == 2 and "abi_probe_failed" not in host.log


def test_berth_under_load(host):
    threads = [threading.Thread(target=drive, args=(host,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = faults(report_of(host))
    # Two of these at once change each other's setting and documents.
    assert set(found) <= {"settings.two_phases", "store.compare_and_set", "store.get", "store.all_or_none"}, found


def test_a_host_from_the_headers_alone():
    done = subprocess.run([MINI_HOST, PROBE], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert faults(report) == {}
    untried = {name for name, result in results(report).items() if result == "untried"}
    assert all(name.startswith(NOT_IN_MINI) for name in untried), untried
    assert report["ok"] >= 15


BAD = {  # what the small host does wrong, and who must see it
    "short_host": "host.size", "tail": "host.size", "old_major": "host.numbers", "holes": "host.tables",
    "grants_all": "host.unknown", "serve_first": "lifecycle.order", "loops_twice": "lifecycle.loops",
    "values_late": "lifecycle.values", "on_loop": "threads.control", "wrong_context": "threads.loop",
    "wrong_path": "routes.view", "never_releases": "routes.release", "adds_late": "refusals.late",
    "adds_twice": "refusals.twice", "any_size": "refusals.sizes", "unvalidated": "settings.two_phases",
    "no_bounds": "settings.bounds", "feed_on_loop": "threads.feed",
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_host_is_seen(fault):
    done = subprocess.run([MINI_HOST, PROBE, fault], capture_output=True, text=True, check=False, timeout=60)
    report = json.loads(done.stdout)
    assert BAD[fault] in faults(report), report
