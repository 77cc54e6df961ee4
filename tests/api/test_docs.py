# SPDX-License-Identifier: Apache-2.0
"""Tables in the docs are what the sources say; links between documents lead somewhere."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("abi/**/*.md"),
                    *ROOT.glob("plugin/**/*.md"), *ROOT.glob("tests/**/*.md")])


@pytest.mark.parametrize("tool", ["doc-tables", "settings-table"])
def test_tables_are_up_to_date(tool):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / tool), "--check"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    missing = [target for target in targets if target and not (document.parent / target).exists()]
    assert not missing


def test_deviations_name_tests_that_are_there():
    text = (ROOT / "docs" / "api" / "deviations.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    for row in rows:
        named = re.findall(r"`((?:api|unit)/[\w/.]+)(?:::(\w+))?`", row)
        assert named, row
        for path, function in named:
            source = (ROOT / "tests" / path).read_text()
            assert not function or f"def {function}(" in source, f"{path}::{function}"
