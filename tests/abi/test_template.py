# SPDX-License-Identifier: Apache-2.0
"""The template, built out of tree against an installed Berth, in each way that its guide names.

The guide's shell blocks are what builds and calls it here, in their order; a JSON block behind a
shell block is what it must print.
"""
import json
import os
import re
import shlex
import subprocess

import pytest
from berth_process import BUILD, ROOT
from six_steps import Steps, answer_of
from wire import Wire

GUIDE = ROOT / "docs" / "abi" / "plugin-authors-guide.md"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.M | re.S)
ANSWER = "/_plugins/_template/answer"
KEY = "plugins.template.answer"


def steps_of_guide():
    """(command, the JSON that it must print or None), one for each shell block."""
    steps = []
    for kind, text in BLOCK.findall(GUIDE.read_text()):
        if kind == "sh":
            steps.append((text.strip(), None))
        else:
            steps[-1] = (steps[-1][0], json.loads(text))
    return steps


def is_server(command):
    return "berth\" serve" in command


class Guide:
    """A folder in which the guide is followed."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "BERTH_SOURCE": str(ROOT), "BERTH_BUILD": str(BUILD),
                            "PREFIX": str(folder / "installed")}
        # What the run of the tests sets for its own builds is not the author's.
        for name in ("CFLAGS", "LDFLAGS", "MAKEFLAGS", "PKG_CONFIG_PATH", "CMAKE_PREFIX_PATH"):
            self.environment.pop(name, None)

    def run(self, command):
        done = subprocess.run(["sh", "-eu", "-c", command], cwd=self.folder, text=True,
                              env=self.environment, capture_output=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "warning" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done.stdout

    def words(self, command):
        """The words of a command as the shell would see them."""
        return [os.path.expandvars(word) for word in shlex.split(
            re.sub(r"\$(\w+)", lambda match: self.environment[match.group(1)], command))]


@pytest.fixture(scope="module")
def guide(tmp_path_factory):
    """The guide, followed up to its server."""
    guide = Guide(tmp_path_factory.mktemp("author"))
    for command, wanted in steps_of_guide():
        if is_server(command):
            break
        guide.run(command)
        assert wanted is None
    return guide


PLUGINS = {"cmake": "my-plugin/build/template.so", "make": "my-plugin/template.so"}


@pytest.mark.parametrize("way", PLUGINS)
def test_exports_its_descriptor_alone(guide, way):
    names = guide.run(f"nm -D --defined-only {PLUGINS[way]}").split()[2::3]
    assert names == ["berth_plugin"]


def test_guide(guide, start_berth):
    """From the server on: each command prints what the guide says."""
    steps = steps_of_guide()
    server = next(index for index, (command, _) in enumerate(steps) if is_server(command))
    words = guide.words(steps[server][0])
    berth = start_berth(data=words[words.index("--data") + 1], plugins=(), cwd=guide.folder,
                        command=words)
    guide.environment["URL"] = berth.url
    asked = steps[server + 1:]
    assert len(asked) >= 4
    for command, wanted in asked:
        assert json.loads(guide.run(command)) == wanted, command


def ask(wire, method, path, body=None):
    answer = wire.ask(method, path, json.dumps(body).encode() if body else b"")
    return answer.status, answer.json()


def change(wire, value, scope="transient"):
    return ask(wire, "PUT", "/_cluster/settings", {scope: {KEY: value}})


@pytest.mark.parametrize("others", [[], ["ml_remote"]], ids=["alone", "with ml_remote"])
@pytest.mark.parametrize("way", PLUGINS)
def test_setting_alters_the_answer(guide, start_berth, model_server, way, others):
    installed = guide.folder / "installed"
    plugins = [guide.folder / PLUGINS[way]]
    plugins += [installed / "lib" / "berth" / f"{name}.so" for name in others]
    berth = start_berth(plugins=plugins, command=(installed / "bin" / "berth", "serve"))
    with Wire(berth) as wire:
        assert ask(wire, "GET", ANSWER) == (200, {"answer": 42})
        for value in (7, 0, 1000):
            assert change(wire, value)[0] == 200
            assert ask(wire, "GET", ANSWER) == (200, {"answer": value})
        for value in (-1, 1001, "many", 1.5):
            status, refused = change(wire, value)
            assert status == 400 and KEY in refused["error"]["reason"]
        assert ask(wire, "GET", ANSWER) == (200, {"answer": 1000})
        assert change(wire, None)[0] == 200
        assert ask(wire, "GET", ANSWER) == (200, {"answer": 42})
        assert ask(wire, "POST", ANSWER)[0] == 405
        assert ask(wire, "GET", ANSWER + "?nonsense=1")[0] == 400
        listed = ask(wire, "GET", "/_berth/plugins")[1]["plugins"]
        assert {plugin["name"]: plugin["state"] for plugin in listed} == \
            {name: "SERVING" for name in ["template", *others]}
    if others:
        with Steps(berth, model_server) as steps:
            assert "both?" in answer_of(steps.ask(steps.deployed_model(), "both?"))


def test_every_loop_sees_the_change(guide, start_berth):
    """Connections spread over the loops: after the answer to the change none tells the old number."""
    berth = start_berth({"http.loops": "4"}, plugins=[guide.folder / PLUGINS["cmake"]])
    wires = [Wire(berth) for _ in range(32)]
    for value in range(10):
        assert change(wires[value], value)[0] == 200
        assert {ask(wire, "GET", ANSWER)[1]["answer"] for wire in wires} == {value}
    for wire in wires:
        wire.close()


def test_value_from_the_configuration(guide, start_berth, tmp_path):
    plugin = guide.folder / PLUGINS["cmake"]
    berth = start_berth({KEY: "99"}, data=tmp_path, plugins=[plugin])
    with Wire(berth) as wire:
        assert ask(wire, "GET", ANSWER) == (200, {"answer": 99})
        assert change(wire, 100, "persistent")[0] == 200
    berth.stop()
    with Wire(start_berth({KEY: "99"}, data=tmp_path, plugins=[plugin])) as wire:
        assert ask(wire, "GET", ANSWER) == (200, {"answer": 100})
