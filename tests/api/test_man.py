# SPDX-License-Identifier: Apache-2.0
"""The man pages have all that the programs say of themselves."""
import re
import subprocess

import pytest
from berth_process import BUILD, ROOT


def page_of(program):
    text = (ROOT / "docs" / "man" / f"{program}.1").read_text(encoding="utf-8")
    return text.replace("\\-", "-")


@pytest.mark.parametrize("program, arguments", [("berth", []), ("berth-abi", []), ("berth-abi", ["check"])])
def test_each_command_and_option_is_there(program, arguments):
    said = subprocess.run([BUILD / program, *arguments, "--help"], capture_output=True, text=True, check=True).stdout
    page = page_of(program)
    options = re.findall(r"--[a-z][a-z-]+", said)
    commands = re.findall(r"^  ([a-z][a-z-]+) ", said, re.M) if not arguments else []
    assert options or commands
    assert [word for word in options + commands if word not in page] == []


@pytest.mark.parametrize("program", ["berth", "berth-abi"])
def test_no_option_is_made_up(program):
    said = "".join(subprocess.run([BUILD / program, *arguments, "--help"], capture_output=True, text=True,
                                  check=True).stdout
                   for arguments in ([[]] if program == "berth" else [[], ["check"]]))
    assert [word for word in re.findall(r"--[a-z][a-z-]+", page_of(program)) if word not in said] == []
