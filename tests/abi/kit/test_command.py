# SPDX-License-Identifier: Apache-2.0
"""The command line of berth-abi: subcommands, options, reports, exit statuses."""
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from berth_process import ROOT
from kit import PLUGINS, check, kit

GOOD = PLUGINS / "good.so"
BAD = PLUGINS / "bad_name.so"
INCLUDE = ROOT / "abi" / "include" / "berth"


@pytest.mark.parametrize("arguments", [
    [], ["dance"], ["check"], ["check", GOOD, GOOD], ["check", "--only", "nonsense", GOOD],
    ["check", "--seed", "many", GOOD], ["check", "--seed", "-1", GOOD],
    ["check", "--timeout", "0", GOOD], ["check", "--what", GOOD], ["check", "no/such/file.so"],
    ["inspect"], ["inspect", "--yaml", GOOD], ["inspect", "no/such/file.so"], ["dump", "more"],
    ["list", "more"], ["explain"], ["explain", "no.such_check"],
    ["check", "--only", "descriptor", "--junit", "no/such/folder/x.xml", GOOD]])
def test_misuse(arguments):
    done = kit(*arguments)
    assert done.returncode == 2
    assert done.stderr


def test_help():
    assert "usage: berth-abi" in kit("--help").stdout
    assert "--junit" in kit("check", "--help").stdout
    assert kit("--help").returncode == kit("check", "--help").returncode == 0


def test_list_and_explain():
    names = re.findall(r"^  (\S+) ", kit("list").stdout, re.M)
    assert len(set(names)) == len(names) > 0
    for name in names:
        done = kit("explain", name)
        assert done.returncode == 0
        assert done.stdout.startswith(f"{name}: ") and "Rule " in done.stdout


def test_text_report():
    done = kit("check", "--only", "descriptor", BAD)
    assert done.returncode == 1
    assert re.search(r"^FAIL  descriptor.name +the name \[Not A Name\]", done.stdout, re.M)
    again = re.search(r"again: berth-abi (.*)", done.stdout).group(1)
    assert kit(*again.split()).returncode == 1
    assert re.search(r"^\d+ passed, 1 failed, 0 crashed, 0 skipped$", done.stdout, re.M)


def test_only_and_seed():
    status, report = check(GOOD, "--only", "descriptor.name", "--only", "descriptor.size",
                           "--seed", "7")
    assert status == 0 and report["seed"] == 7
    assert [row["name"] for row in report["checks"]] == ["descriptor.size", "descriptor.name"]


def test_what_is_needed_is_run_and_not_shown(tmp_path):
    plugin = tmp_path / "text.so"
    plugin.write_text("text")
    status, report = check(plugin, "--only", "descriptor.name")
    assert status == 0
    assert [(row["name"], row["verdict"]) for row in report["checks"]] == \
        [("descriptor.name", "SKIP")]
    assert "needs descriptor.size" in report["checks"][0]["reason"]


def test_junit(tmp_path):
    path = tmp_path / "junit.xml"
    assert kit("check", "--only", "descriptor", "--junit", path, BAD).returncode == 1
    suite = ElementTree.parse(path).getroot()
    failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed == ["descriptor.name"]
    assert int(suite.get("tests")) == len(list(suite.iter("testcase")))


def test_inspect():
    done = kit("inspect", "--json", GOOD)
    said = json.loads(done.stdout)
    assert (said["name"], said["version"], said["abi_major"]) == ("good", "1.2.3", 1)
    assert {"id": "berth.log/1", "required": False} in said["capabilities"]
    assert said["exports"] == ["berth_plugin"]
    assert "create" in said["lifecycle"]
    text = kit("inspect", GOOD)
    assert text.returncode == 0 and "berth.routes/1, required" in text.stdout
    assert kit("inspect", PLUGINS / "hidden_descriptor.so").returncode == 1


def test_inspect_runs_nothing_of_the_plugin():
    """Even one that cannot be loaded is read."""
    said = json.loads(kit("inspect", "--json", PLUGINS / "missing_library.so").stdout)
    assert "libberth_nowhere.so" in said["libraries"]


def test_dump_agrees_with_the_headers():
    dump = json.loads(kit("dump").stdout)
    sizes = {struct["name"]: struct["size"] for struct in dump["structs"]}
    offsets = {(struct["name"], field["name"]): field["offset"]
               for struct in dump["structs"] for field in struct["fields"]}
    text = "".join(path.read_text() for path in INCLUDE.glob("*.h"))
    asserted = re.findall(r"^BERTH_ASSERT_SIZE\(struct (\w+), (\d+)\)", text, re.M)
    assert {name: int(size) for name, size in asserted} == sizes
    for name, field, offset in re.findall(
            r"^BERTH_ASSERT_OFFSET\(struct (\w+), (\w+), (\d+)\)", text, re.M):
        assert offsets[name, field] == int(offset)
    assert dump["constants"]["BERTH_E_NO_MEMORY"] == -16
    assert dump["constants"]["BERTH_ROUTES_ID"] == "berth.routes/1"
    assert {"state": "LOADED", "call": "create", "after": "CREATED"} in dump["lifecycle"]
    function = next(row for row in dump["functions"] if row["name"] == "stream_write")
    assert function["threads"] == ["loop"] and "LIMIT" in function["errors"]


@pytest.mark.parametrize("tool", ["abi-tables", "abi-reference", "abi-strict"])
def test_what_is_made_of_the_headers_is_up_to_date(tool):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / tool), "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
