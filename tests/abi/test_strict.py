# SPDX-License-Identifier: Apache-2.0
"""The strict build: a call on a thread or in a state that the headers do not allow ends the process."""
import signal

import pytest
from berth_process import BUILD, Berth
from wire import Wire

pytestmark = pytest.mark.skipif(BUILD.name != "debug", reason="only the preset debug is strict")


def served(folder, plugin):
    """A node with this plugin of the kit's tests."""
    return Berth(folder / "data", plugins=[BUILD / "tests" / "abi" / "bad" / "plugins" / f"{plugin}.so"])


def test_call_on_a_wrong_thread(tmp_path):
    berth = served(tmp_path, "store_on_loop")
    try:
        with Wire(berth) as wire, pytest.raises((OSError, AssertionError)):
            wire.ask("GET", "/_plugins/_good/1")
        assert berth.wait_crash() == -signal.SIGABRT
        assert "called store.get on a thread of kind loop" in berth.log
    finally:
        berth.kill()


def test_right_calls(tmp_path):
    berth = served(tmp_path, "good")
    with Wire(berth) as wire:
        assert wire.ask("GET", "/_plugins/_good/1").status == 200
        assert wire.ask("POST", "/_plugins/_good/_work", b"{}").status == 200
    berth.stop()
