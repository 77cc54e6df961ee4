# SPDX-License-Identifier: Apache-2.0
"""The ways in which a plugin is loaded, replaced and unloaded: routes, commands, SIGHUP, files."""
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys

import pytest
from berth_process import BUILD
from reloads import OTHER_VERSION, compile_candidate, generations, other_version
from waiting import eventually
from wire import Wire

ML_STATS = "/_plugins/_ml/stats"


def command(berth, *arguments):
    """(exit status, the answer) of a command about the node."""
    done = subprocess.run([str(BUILD / "berth"), *map(str, arguments), "--data", str(berth.data)],
                          text=True, capture_output=True, check=False, timeout=120)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def status_of(berth, path):
    with Wire(berth) as wire:
        return wire.ask("GET", path).status


def send(berth, method, path):
    with Wire(berth) as wire:
        return wire.ask(method, path)


@pytest.fixture
def berth(start_berth):
    return start_berth()


@pytest.mark.parametrize("way", ["route", "command"])
def test_unload_and_load(berth, way):
    file = BUILD / "ml_remote.so"
    if way == "route":
        gone = send(berth, "DELETE", "/_berth/plugins/ml_remote").json()
    else:
        gone = command(berth, "unload", "ml_remote")[1]
    assert (gone["generation"], gone["quarantined"]) == ("ml_remote#1", False)
    assert generations(berth) == [] and status_of(berth, ML_STATS) in (400, 404)
    with open(f"/proc/{berth.process.pid}/maps", encoding="utf-8") as maps:
        assert "ml_remote" not in maps.read()
    if way == "route":
        come = send(berth, "POST", f"/_berth/plugins/_load?path={file}").json()
        again = send(berth, "POST", f"/_berth/plugins/_load?path={file}")
        assert again.status == 409
    else:
        come = command(berth, "load", file)[1]
        status, again = command(berth, "load", file)
        assert (status, again["status"]) == (1, 409)
    assert come == {"acknowledged": True, "generation": "ml_remote#2"}
    assert status_of(berth, ML_STATS) == 200


def test_orders_that_make_no_sense(berth):
    assert send(berth, "DELETE", "/_berth/plugins/nobody").status == 404
    assert send(berth, "POST", "/_berth/plugins/_load").status == 400
    assert send(berth, "POST", "/_berth/plugins/_load?path=relative.so").status == 400
    assert command(berth, "reload", "nobody")[1]["status"] == 404
    assert command(berth, "load", "/no/such/file.so")[0] == 1
    assert command(berth, "reload", "ml_remote", "--deadline", "soon")[0] == 1
    assert command(berth, "reload", "ml_remote", "--plugin", "x.so")[0] == 2
    assert command(berth, "reload")[0] == 2
    assert generations(berth)[0][0] == "ml_remote#1"


def test_reload_by_command(berth, tmp_path):
    status, said = command(berth, "reload", "ml_remote", "--file", other_version(tmp_path), "--deadline", 5000)
    assert (status, said["to"], said["version"]) == (0, "ml_remote#2", OTHER_VERSION)
    assert said["state"]["handed_over"]
    said = command(berth, "reload", "ml_remote", "--dry-run")[1]
    assert said["dry_run"] and generations(berth) == [("ml_remote#2", OTHER_VERSION, "SERVING")]
    said = command(berth, "reload", "ml_remote", "--without-state")[1]
    assert not said["state"]["handed_over"]
    status, said = command(berth, "reload", "ml_remote", "--file",
                           compile_candidate(tmp_path, "-DWRONG_CREATE=1"))
    assert status == 1 and said["status"] >= 400 and "create" in said["error"]["reason"]


def talk(berth, data):
    """What the node's socket says to these bytes."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(berth.data / "berth.sock"))
        wire.sendall(data)
        wire.shutdown(socket.SHUT_WR)
        return wire.makefile("rb").read()


WRONG = {
    "nothing": b"\n", "no JSON": b"reload ml_remote\n", "no object": b"[]\n", "no action": b"{}\n",
    "unknown action": b'{"action": "dance"}\n', "no plugin": b'{"action": "reload"}\n',
    "number for a plugin": b'{"action": "reload", "plugin": 7}\n',
    "relative path": b'{"action": "load", "path": "x.so"}\n',
    "no path": b'{"action": "load"}\n',
    "bad time": b'{"action": "reload", "plugin": "ml_remote", "deadline_ms": -1}\n',
}


@pytest.mark.parametrize("case", WRONG)
def test_lines_that_are_no_orders(berth, case):
    assert json.loads(talk(berth, WRONG[case]))["status"] == 400
    assert generations(berth)[0][0] == "ml_remote#1"


def test_talk_that_is_none(berth):
    assert talk(berth, b"") == b""
    assert talk(berth, b'{"action": "reload"') == b""
    with pytest.raises(OSError):
        assert not talk(berth, b"x" * 1_000_000)
        raise ConnectionResetError  # or the end came first
    assert json.loads(talk(berth, b'{"action": "reload", "plugin": "ml_remote"}\n'))["acknowledged"]


def test_the_socket_is_the_owners(berth):
    path = berth.data / "berth.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if os.geteuid() == 0:
        path.chmod(0o666)
        mode = stat.S_IMODE(berth.data.stat().st_mode)
        berth.data.chmod(0o755)
        try:
            done = subprocess.run(
                [sys.executable, "-c", "import os,socket,sys; fd=os.open(sys.argv[1], os.O_PATH); os.setuid(65534);"
                 "s=socket.socket(socket.AF_UNIX); s.connect(f'/proc/self/fd/{fd}/berth.sock'); s.sendall(b'{}\\n');"
                 "print(s.makefile().read())", str(berth.data)],
                capture_output=True, text=True, check=False, timeout=60)
            assert '"status":403' in done.stdout, done.stderr
        finally:
            berth.data.chmod(mode)


def test_socket_is_gone_with_the_node_and_back_after_a_kill(start_berth, tmp_path):
    berth = start_berth()
    path = berth.data / "berth.sock"
    berth.process.kill()
    berth.process.wait(60)
    assert path.exists()
    status, said = command(berth, "reload", "ml_remote")
    assert status == 1 and "no node answers" in said


@pytest.fixture
def own_file(start_berth, tmp_path):
    """A node whose plugin's file is the test's own, to change."""
    def start(settings=None):
        file = tmp_path / "plugins" / "ml_remote.so"
        file.parent.mkdir()
        shutil.copy(BUILD / "ml_remote.so", file)
        return start_berth(settings, plugins=[file]), file
    return start


def put_in_place(file, source):
    fresh = file.with_suffix(".new")
    shutil.copy(source, fresh)
    fresh.chmod(0o755)
    fresh.rename(file)


def test_sighup_reloads_what_has_changed(own_file, tmp_path):
    berth, file = own_file()
    put_in_place(file, other_version(tmp_path))
    berth.process.send_signal(signal.SIGHUP)
    eventually(lambda: generations(berth), [("ml_remote#2", OTHER_VERSION, "SERVING")].__eq__)
    file.write_bytes(b"this is no code")
    berth.process.send_signal(signal.SIGHUP)
    berth.wait_event("plugin_not_reloaded")
    assert generations(berth) == [("ml_remote#2", OTHER_VERSION, "SERVING")]


def test_a_new_file_in_place(own_file, tmp_path):
    berth, file = own_file({"berth.watch_plugins": "true"})
    put_in_place(file, other_version(tmp_path))
    eventually(lambda: generations(berth), [("ml_remote#2", OTHER_VERSION, "SERVING")].__eq__)
    (file.parent / "unrelated.new").write_bytes(b"x")
    (file.parent / "unrelated.new").rename(file.parent / "unrelated")
    put_in_place(file, BUILD / "ml_remote.so")
    eventually(lambda: generations(berth), [("ml_remote#3", "0.1.0", "SERVING")].__eq__)
