# SPDX-License-Identifier: Apache-2.0
"""The command line and berth.yml."""
import hashlib
import re

import pytest
from berth_process import ML_REMOTE, run
from wire import Wire

FLAT = """\
cluster.name: harbour
node.name: quay
node.roles: [data, ingest]
http.port: 0
http.loops: 1
plugins.ml_commons.only_run_on_ml_node: false
"""

NESTED = """\
# the same, nested
cluster:
  name: harbour
node:
  name: quay
  roles:
    - data
    - ingest
http:
  port: 0
  loops: 1
plugins.ml_commons:
  only_run_on_ml_node: false
"""


@pytest.fixture
def config(tmp_path):
    """Writes a berth.yml; gives its path."""
    def write(text):
        path = tmp_path / "berth.yml"
        path.write_text(text)
        return path
    return write


def check(config, text, *arguments):
    return run("check-config", "--config", config(text), "--plugin", ML_REMOTE, *arguments)


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(option):
    done = run(option)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("serve", "check-config", "--config", "--data", "--plugin", "-E", "--version"):
        assert word in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option):
    done = run(option)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"berth \d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize("arguments,words", [
    ([], "a command is missing"),
    (["dance"], "no command [dance]"),
    (["serve", "--colour"], "--colour"),
    (["serve", "--config"], "--config needs a value"),
    (["serve", "here"], "here"),
    (["serve", "-x"], "-x"),
])
def test_wrong_command_line(arguments, words):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr and "berth --help" in done.stderr


@pytest.mark.parametrize("text", [FLAT, NESTED], ids=["flat", "nested"])
def test_flat_and_nested(start_berth, config, tmp_path, text):
    assert check(config, text).returncode == 0
    berth = start_berth(arguments=["--config", config(text)])
    with Wire(berth) as wire:
        info = wire.ask("GET", "/").json()
        assert (info["name"], info["cluster_name"]) == ("quay", "harbour")
        node, = wire.ask("GET", "/_nodes/_local").json()["nodes"].values()
        assert sorted(node["roles"]) == ["data", "ingest"]
        shown = wire.ask("GET", "/_cluster/settings?include_defaults=true&flat_settings=true")
        assert shown.json()["defaults"]["plugins.ml_commons.only_run_on_ml_node"] == "false"


def test_command_line_wins(start_berth, config):
    berth = start_berth({"cluster.name": "pier", "node.roles": "[ml]"},
                        arguments=["--config", config(FLAT), "-E", "node.name=gangway"])
    with Wire(berth) as wire:
        info = wire.ask("GET", "/").json()
        assert (info["name"], info["cluster_name"]) == ("gangway", "pier")
        node, = wire.ask("GET", "/_nodes/_local").json()["nodes"].values()
        assert node["roles"] == ["ml"]


def test_paths_are_relative_to_the_file(start_berth, config, tmp_path):
    (tmp_path / "here.so").symlink_to(ML_REMOTE)
    berth = start_berth(plugins=(), arguments=["--config", config("berth.plugins: [here.so]\n")])
    with Wire(berth) as wire:
        plugin, = wire.ask("GET", "/_berth/plugins").json()["plugins"]
        assert plugin["file"].endswith("here.so")


def test_check_config_leaves_nothing(config, tmp_path):
    text = FLAT + f"path.data: {tmp_path}/data\n"
    done = check(config, text)
    assert done.returncode == 0
    assert done.stdout.endswith("the configuration is in order\n")
    assert not (tmp_path / "data").exists()


# What is wrong with the file; what the message says, behind the file's name and the line.
WRONG = {
    "unknown key": ("http.port: 0\nhttp.prot: 1\n", 2, "http.prot"),
    "unknown key, nested": ("http:\n  port: 0\n  prot: 1\n", 3, "http.prot"),
    "unknown key of a plugin": ("plugins.ml_commons.nonsense: 1\n", 1, "plugins.ml_commons.nonsense"),
    "no number": ("http.port: many\n", 1, "http.port"),
    "above the limit": ("\n\nhttp.port: 65536\n", 3, "http.port"),
    "below the limit": ("http.port: -1\n", 1, "http.port"),
    "no boolean": ("http:\n  compression: perhaps\n", 2, "http.compression"),
    "no time": ("http.header_timeout: 10 parsecs\n", 1, "http.header_timeout"),
    "no size": ("http.max_content_length: much\n", 1, "http.max_content_length"),
    "a list for a number": ("http.port: [1, 2]\n", 1, "http.port"),
    "a wrong value of a plugin": ("plugins.ml_commons.max_model_on_node: x\n", 1,
                                  "plugins.ml_commons.max_model_on_node"),
    "set twice": ("http.port: 0\nhttp:\n  port: 1\n", 3, "http.port"),
    "no value": ("http.port:\n", 1, "value"),
    "an alias": ("a: &x 1\nb: *x\n", 1, "anchor"),
    "a tag": ("http.port: !!int 0\n", 1, "tag"),
    "a list of settings": ("- http.port\n", 1, "key: value"),
    "bad indentation": ("http:\n  port: 0\n loops: 1\n", 3, ""),
    "a tab": ("http:\n\tport: 0\n", 2, ""),
    "two documents": ("http.port: 0\n---\nhttp.loops: 1\n", 2, "second document"),
    "a mapping in a list": ("node.roles:\n  - data: x\n", 2, "list"),
}


@pytest.mark.parametrize("command", ["check-config", "serve"])
@pytest.mark.parametrize("case", WRONG)
def test_error_names_line_and_key(config, tmp_path, command, case):
    text, line, word = WRONG[case]
    path = config(text)
    arguments = ["--data", tmp_path / "data"] if command == "serve" else []
    done = run(command, "--config", path, "--plugin", ML_REMOTE, *arguments)
    assert done.returncode == 1
    # A plugin's own refusal stands behind its name, without the file's.
    assert re.search(rf"(?:berth\.yml:|: line ){line}:|berth\.yml: line {line}:", done.stderr), \
        done.stderr
    assert word in done.stderr


@pytest.mark.parametrize("arguments,word", [
    (["-E", "http.prot=1"], "http.prot"),
    (["-E", "http.port=x"], "http.port"),
    (["-E", "http.port"], "key=value"),
    (["-E", "log.level=loud"], "log.level"),
    (["-E", "store.sync=never"], "store.sync"),
    (["-E", "http.host=nowhere.invalid"], "nowhere.invalid"),
    (["--config", "missing.yml"], "missing.yml"),
    (["--plugin", "missing.so"], "missing.so"),
])
def test_error_of_the_command_line(tmp_path, arguments, word):
    done = run("serve", "--data", tmp_path / "data", "-E", "http.port=0", *arguments,
               cwd=tmp_path)
    assert done.returncode == 1
    assert word in done.stderr
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr


def test_port_in_use(start_berth, tmp_path):
    berth = start_berth()
    done = run("serve", "--data", tmp_path, "-E", f"http.port={berth.port}")
    assert done.returncode == 1
    assert f":{berth.port}" in done.stderr and "in use" in done.stderr


def test_a_refused_plugin_is_named_with_file_and_checksum(tmp_path):
    plugin = tmp_path / "no_plugin.so"
    plugin.write_bytes(b"not an ELF file")
    done = run("serve", "--data", tmp_path / "data", "--plugin", plugin, "-E", "http.port=0")
    assert done.returncode == 1
    assert str(plugin) in done.stderr
    assert hashlib.sha256(plugin.read_bytes()).hexdigest() in done.stderr
