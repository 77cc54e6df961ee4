# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests in Python: Berth processes, and the model server that they call."""
import threading

import pytest
from berth_process import Berth
from event_server import EventServer
from model_server import ModelServer


def _keeper(tmp_path_factory):
    """A function that starts Berths; all of them are stopped, and checked, behind the yield."""
    started = []

    def start(settings=None, data=None, **options):
        berth = Berth(data or tmp_path_factory.mktemp("data"), settings, **options)
        started.append(berth)
        return berth

    yield start
    for berth in started:
        berth.stop()


@pytest.fixture
def start_berth(tmp_path_factory):
    yield from _keeper(tmp_path_factory)


@pytest.fixture(scope="module")
def start_module_berth(tmp_path_factory):
    yield from _keeper(tmp_path_factory)


@pytest.fixture(scope="module")
def berth(request, start_module_berth):
    """One Berth for all tests of a module, with the module's SETTINGS where it has some."""
    return start_module_berth(getattr(request.module, "SETTINGS", None))


@pytest.fixture
def model_server():
    """The model server, in this process, with a key; a test may hold back its answers."""
    with ModelServer(key="sk-test-0123456789abcdef") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def events():
    with EventServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.events.put(None)
        server.shutdown()
        thread.join()
