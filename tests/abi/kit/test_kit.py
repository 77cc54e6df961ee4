# SPDX-License-Identifier: Apache-2.0
"""berth-abi finds what is wrong with each bad plugin, that alone, and nothing with the good ones."""
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from berth_process import ML_REMOTE, ROOT
from kit import KIT, PLUGINS, bad_files, bad_plugins, caught, check, kit

BAD = bad_plugins()
FILES = {row["name"]: row["check"] for row in bad_files()}

# Checks that a good plugin need not give an occasion for.
MAY_SKIP = {
    "template": {"routes", "faults", "capabilities", "memory", "reload"},
    "ml_remote": {"routes", "faults", "capabilities"},
    "good": {"faults"},
}

# The kit waits more than it works.
AT_ONCE = 2 * (os.cpu_count() or 1)


@pytest.fixture(name="reports", scope="module")
def fixture_reports(request):
    """{bad plugin: what the kit says of it, to come}, of those that this run asks for."""
    wanted = [item.callspec.params["name"] for item in request.session.items
              if item.originalname == "test_bad_plugin_is_caught_by_its_check_alone"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(check, PLUGINS / f"{name}.so") for name in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", ["good", "template", "ml_remote"])
def test_good_plugin_passes(name):
    plugin = ML_REMOTE if name == "ml_remote" else PLUGINS / f"{name}.so"
    status, report = check(plugin)
    assert caught(report) == {}
    assert status == 0
    for row in report["checks"]:
        if row["verdict"] == "SKIP":
            assert row["reason"]
            assert row["group"] in MAY_SKIP[name], row


@pytest.mark.parametrize("name", BAD)
def test_bad_plugin_is_caught_by_its_check_alone(name, reports):
    status, report = reports[name].result()
    assert list(caught(report)) == [BAD[name]], caught(report)
    assert status == 1


def make_file(name, path):
    good = PLUGINS / "good.so"
    content = bytearray(good.read_bytes())
    if name == "text_file":
        content = b"#!/bin/sh\necho this is no plugin\n" * 20
    elif name == "truncated":
        content = content[:len(content) // 2]
    elif name == "other_machine":
        content[18:20] = (243).to_bytes(2, "little")  # RISC-V
    path.write_bytes(content)
    path.chmod(0o777 if name == "everybody_writes" else 0o755)


@pytest.mark.parametrize("name", FILES)
def test_bad_file_is_caught_by_its_check_alone(name, tmp_path):
    plugin = tmp_path / f"{name}.so"
    make_file(name, plugin)
    status, report = check(plugin)
    assert list(caught(report)) == [FILES[name]], caught(report)
    assert status == 1


def test_each_check_has_a_bad_plugin():
    listed = {line.split()[0] for line in kit("list").stdout.splitlines() if line.startswith("  ")}
    assert len(listed) >= 60
    assert listed == set(BAD.values()) | set(FILES.values())


def test_a_copy_says_the_same(tmp_path):
    """What the kit says does not depend on where the file is."""
    copy = shutil.copy(PLUGINS / "bad_name.so", tmp_path / "other.so")
    assert list(caught(check(copy, "--only", "descriptor")[1])) == ["descriptor.name"]


def test_the_table_of_checks_is_up_to_date():
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "kit-table"), "--check", str(KIT)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
