# SPDX-License-Identifier: Apache-2.0
"""abi_probe.so, which checks the host that it is loaded into: in Berth, and in a small host of its own."""
import json
import socket
import subprocess
import threading

import pytest
from berth_process import BUILD
from probes import BASE, PROBE, drive_peers, faults, reasons, report_of, results
from waiting import eventually
from wire import Wire, request

MINI_HOST = BUILD / "tests" / "abi" / "mini_host"
STREAM_BYTES = 256 * 65536
# What needs capabilities that the small host has not.
NOT_IN_MINI = ("store.", "threads.post", "threads.timer", "streams.", "refusals.blocking")
# What needs another node.
OF_CLUSTERS = {"peers." + name for name in ("time_out", "answer", "internal", "circle", "forward_twice", "forward_same",
                                            "forward_end", "forward_once")}


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
        drive_peers(wire)
    leave_early(berth)
    read_slowly(berth)


@pytest.fixture
def host(start_berth):
    return start_berth({"http.loops": 3}, plugins=[PROBE])


def test_berth(host):
    drive(host)
    report = eventually(lambda: report_of(host), lambda now: now["untried"] == len(OF_CLUSTERS))
    assert faults(report) == {}
    assert reasons(report, "untried") == dict.fromkeys(OF_CLUSTERS, "it is told of no other node")
    assert report["ok"] == len(report["checks"]) - len(OF_CLUSTERS) >= 36
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


def mini_report(*fault):
    done = subprocess.run([MINI_HOST, PROBE, *fault], capture_output=True, text=True, check=False, timeout=60)
    return json.loads(done.stdout), done


def test_a_host_from_the_headers_alone():
    report, done = mini_report()
    assert done.returncode == 0, done.stdout + done.stderr
    assert faults(report) == {}
    untried = reasons(report, "untried")
    assert all(name.startswith(NOT_IN_MINI) for name in untried), untried
    assert report["ok"] >= 30


def test_what_is_not_tried_says_why():
    report, _ = mini_report("alone")
    assert faults(report) == {}
    assert {name for name in reasons(report, "untried") if name.startswith("peers.")} == OF_CLUSTERS
    report, _ = mini_report("without_peers")
    assert faults(report) == {}
    said = {reason for name, reason in reasons(report, "untried").items() if name.startswith("peers.")}
    assert said == {"the host does not grant [berth.peers/1]"}
    assert not any(name.startswith("peers.") for name in reasons(report, "ok"))


BAD = {  # what the small host does wrong, and who must see it
    "short_host": "host.size", "tail": "host.size", "old_major": "host.numbers", "holes": "host.tables",
    "grants_all": "host.unknown", "serve_first": "lifecycle.order", "loops_twice": "lifecycle.loops",
    "values_late": "lifecycle.values", "on_loop": "threads.control", "wrong_context": "threads.loop",
    "wrong_path": "routes.view", "never_releases": "routes.release", "adds_late": "refusals.late",
    "adds_twice": "refusals.twice", "any_size": "refusals.sizes", "unvalidated": "settings.two_phases",
    "no_bounds": "settings.bounds", "feed_on_loop": "threads.feed",
    "takes_too_many": "peers.refused", "takes_any_question": "peers.refused", "asks_on_loop": "peers.blocking",
    "asks_early": "peers.blocking", "answers_for_nobody": "peers.nobody", "no_reason": "peers.nobody",
    "answers_none": "peers.once", "answers_twice": "peers.once", "answers_late": "peers.once",
    "answers_on_loop": "peers.once", "wrong_number": "peers.once", "impatient": "peers.time_out",
    "overflows": "peers.time_out", "wrong_answer": "peers.answer", "hides_status": "peers.answer",
    "opens_internal": "peers.internal", "asks_in_circle": "peers.circle",
    "forwards_to_nobody": "peers.forward_nobody", "keeps_request": "peers.forward_nobody",
    "forwards_anywhere": "peers.forward_thread", "forwards_twice": "peers.forward_twice",
    "changes_path": "peers.forward_same", "changes_body": "peers.forward_same", "forgets_user": "peers.forward_same",
    "drops_query": "peers.forward_same", "drops_headers": "peers.forward_same",
    "ends_twice": "peers.forward_end", "ends_elsewhere": "peers.forward_end", "ends_badly": "peers.forward_end",
    "forwards_on": "peers.forward_once",
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_host_is_seen(fault):
    report, _ = mini_report(fault)
    assert BAD[fault] in faults(report), report


def test_each_check_of_peers_is_failed_by_a_host():
    names = {name for name in results(mini_report()[0]) if name.startswith("peers.")}
    assert names == {name for name in BAD.values() if name.startswith("peers.")}
