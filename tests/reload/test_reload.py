# SPDX-License-Identifier: Apache-2.0
"""Replacing ml_remote while it serves: nothing is dropped, and what cannot serve changes nothing."""
import os
import threading

import pytest
from berth_process import BUILD
from reloads import ask, compile_candidate, generations, other_version, predict, reload
from remote_service import Remote, RemoteService
from wire import Wire



@pytest.fixture
def remote(start_berth):
    with Remote(start_berth()) as remote:
        yield remote


def test_another_version(remote, tmp_path):
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        assert ask(remote.berth, model) == (200, {"ok": True})
        answer = reload(remote.berth, path=other_version(tmp_path))
        assert answer.status == 200, answer.body
        said = answer.json()
        assert said["from"] == "ml_remote#1" and said["to"] == "ml_remote#2" and said["version"] == "9.1.0"
        assert said["acknowledged"] and not said["quarantined"]
        assert generations(remote.berth) == [("ml_remote#2", "9.1.0", "SERVING")]
        assert ask(remote.berth, model) == (200, {"ok": True})
        assert reload(remote.berth).json()["version"] == "9.1.0"  # from the file that it was loaded from
        assert ask(remote.berth, model) == (200, {"ok": True})
    with open(f"/proc/{remote.berth.process.pid}/maps", encoding="utf-8") as maps:
        loaded = {line.split("/")[-1].strip() for line in maps if "/run/" in line}
    assert loaded == {"3-ml_remote_other.so"}


def test_dry_run(remote):
    answer = reload(remote.berth, dry_run="true")
    assert answer.status == 200 and answer.json()["dry_run"] and "swap_micros" not in answer.json()
    assert [name for name, _, _ in generations(remote.berth)] == ["ml_remote#1"]


def test_settings_go_on(remote):
    key = "plugins.ml_commons.stream_enabled"
    remote.send("PUT", "/_cluster/settings", body={"persistent": {key: True}})
    assert reload(remote.berth).status == 200
    shown = remote.send("GET", "/_cluster/settings", params={"flat_settings": "true"})
    assert shown["persistent"][key] == "true"
    remote.send("PUT", "/_cluster/settings", body={"persistent": {key: False}})
    assert remote.send("GET", "/_cluster/settings", params={"flat_settings": "true"})["persistent"][key] == "false"


def test_what_is_in_flight_ends_in_the_old_code(remote, tmp_path):
    with RemoteService(is_open=False) as service:
        model = remote.model(service.url + "/")
        with Wire(remote.berth) as held:
            held.send(predict(model))
            service.requests.get(timeout=60)
            answer = reload(remote.berth, deadline_ms=0, path=other_version(tmp_path))
            assert answer.json()["quarantined"]
            assert generations(remote.berth) == [("ml_remote#2", "9.1.0", "SERVING"),
                                                 ("ml_remote#1", "0.1.0", "DRAINING")]
            assert "berth_plugins_quarantined 1\n" in remote.send("GET", "/_berth/metrics")
            service.gate.release(10)
            assert held.read().status == 200
            assert ask(remote.berth, model) == (200, {"ok": True})
        assert not reload(remote.berth).json()["quarantined"]
        assert [name for name, _, _ in generations(remote.berth)] == ["ml_remote#3"]


BROKEN = {
    "no file": (None, "cannot open"),
    "half a file": ("half", ""),
    "text": (b"this is no code", ""),
    "another plugin": (["-DNAME=\"other\""], "not [ml_remote]"),
    "another ABI": (["-DABI_MAJOR=99"], "99"),
    "crash when mapped": (["-DWRONG_CONSTRUCTOR=1"], "signal 6"),
    "crash in create": (["-DWRONG_CRASH=1"], "signal 6"),
    "refuses to be created": (["-DWRONG_CREATE=1"], "create"),
    "setting of another type": (["-DWRONG_SETTING=1"], "another type"),
    "route of the host": (["-DWRONG_ROUTE=1"], "/_nodes"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_candidate(remote, tmp_path, case):
    what, word = BROKEN[case]
    path = tmp_path / "candidate.so"
    if what == "half":
        path.write_bytes((BUILD / "ml_remote.so").read_bytes()[:100000])
    elif isinstance(what, bytes):
        path.write_bytes(what)
    elif what:
        path = compile_candidate(tmp_path, *what)
    with RemoteService() as service:
        model = remote.model(service.url + "/")
        answer = reload(remote.berth, path=path)
        assert answer.status >= 400, answer.body
        assert word in answer.json()["error"]["reason"]
        assert [name for name, _, _ in generations(remote.berth)] == ["ml_remote#1"]
        assert remote.ask(model) == {"ok": True}
        key = "plugins.ml_commons.stream_enabled"
        remote.send("PUT", "/_cluster/settings", body={"persistent": {key: True}})
        assert reload(remote.berth).status == 200
        assert remote.ask(model) == {"ok": True}


def test_candidate_that_hangs(remote, tmp_path):
    answer = reload(remote.berth, path=compile_candidate(tmp_path, "-DWRONG_HANG=1"), probe_ms=500)
    assert answer.status == 504 and "500 ms" in answer.json()["error"]["reason"]
    assert [name for name, _, _ in generations(remote.berth)] == ["ml_remote#1"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_candidate_of_another_user(remote, tmp_path):
    """Whoever may ask for a reload, and may not write as root or as Berth's user, brings no code in."""
    path = compile_candidate(tmp_path)
    os.chown(path, 65534, 65534)
    answer = reload(remote.berth, path=path)
    assert answer.status == 403 and "65534" in answer.json()["error"]["reason"]
    assert "berth_plugin_reloads_refused_total 1\n" in remote.send("GET", "/_berth/metrics")


def test_candidate_without_fault(remote, tmp_path):
    assert reload(remote.berth, path=compile_candidate(tmp_path)).status == 200
    with Wire(remote.berth) as wire:
        assert wire.ask("GET", "/_candidate").json() == {"candidate": True}
        assert wire.ask("GET", "/_plugins/_ml/stats").status in (400, 404)
    back = reload(remote.berth, path=BUILD / "ml_remote.so")
    assert back.status == 200, back.body
    with Wire(remote.berth) as wire:
        assert wire.ask("GET", "/_plugins/_ml/stats").status == 200


def test_who_is_not_there(remote):
    with Wire(remote.berth) as wire:
        assert wire.ask("POST", "/_berth/plugins/nobody/_reload").status == 404
        assert wire.ask("POST", "/_berth/plugins/ml_remote/_reload?deadline_ms=x").status == 400
        assert wire.ask("POST", "/_berth/plugins/ml_remote/_reload?probe_ms=0").status == 400
        assert wire.ask("POST", "/_berth/plugins/ml_remote/_reload?path=relative.so").status == 400
