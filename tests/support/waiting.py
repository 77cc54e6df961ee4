# SPDX-License-Identifier: Apache-2.0
"""Waiting for what the server does by itself: asked again and again, up to a deadline."""
import time

from berth_process import PATIENCE_S


def eventually(ask, wanted):
    """The first answer that is as wanted; the last one fails the test."""
    deadline = time.monotonic() + PATIENCE_S
    answer = ask()
    while not wanted(answer):
        assert time.monotonic() < deadline, f"never as wanted: {answer}"
        answer = ask()
    return answer
