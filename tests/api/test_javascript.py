# SPDX-License-Identifier: Apache-2.0
"""OpenSearch's JavaScript client: the whole life of a model."""
import shutil
import subprocess
from pathlib import Path

import pytest
from berth_process import ROOT

SOURCES = Path(__file__).resolve().parent / "javascript"
INSTALLED = ROOT / "build" / "javascript"


@pytest.fixture(scope="module")
def client():
    """The folder with the client installed; made again where the pinned packages have changed."""
    lock = INSTALLED / "package-lock.json"
    if not lock.exists() or lock.read_bytes() != (SOURCES / lock.name).read_bytes():
        shutil.rmtree(INSTALLED, ignore_errors=True)
        INSTALLED.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCES / name, INSTALLED / name)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=INSTALLED, check=True, timeout=600)
    shutil.copy(SOURCES / "life.js", INSTALLED)
    return INSTALLED


def test_the_life_of_a_model(client, berth, model_server):
    done = subprocess.run(["node", "life.js", berth.url, model_server.url, model_server.key], cwd=client,
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
