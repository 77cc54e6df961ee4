# SPDX-License-Identifier: Apache-2.0
"""berth-abi, and the plugins that it is tried on."""
import json
import os
import re
import subprocess

from berth_process import BUILD, ROOT

KIT = BUILD / "berth-abi"
PLUGINS = BUILD / "tests" / "abi" / "bad" / "plugins"
SOURCES = ROOT / "tests" / "abi" / "bad"
KIT_SECONDS = 600


def bad_plugins():
    """{name: the check that must catch it}, from the first lines of the sources."""
    found = {}
    for source in sorted(SOURCES.glob("*.c")):
        match = re.search(r"/\* @check ([\w.]+): ", source.read_text(encoding="utf-8"))
        if match:
            found[source.stem] = match.group(1)
    return found


def bad_files():
    return json.loads((SOURCES / "files.json").read_text(encoding="utf-8"))


def kit(*arguments, **env):
    """Runs berth-abi; gives the finished process."""
    return subprocess.run([str(KIT), *map(str, arguments)], text=True, capture_output=True,
                          timeout=KIT_SECONDS, check=False, env={**os.environ, **env})


def check(plugin, *arguments):
    """(exit status, the report) of berth-abi check."""
    done = kit("check", "--json", *arguments, plugin)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def caught(report):
    """{check: why} of all that did not pass and were not skipped."""
    return {row["name"]: row["reason"] for row in report["checks"]
            if row["verdict"] in ("FAIL", "CRASH")}
