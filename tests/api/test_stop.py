# SPDX-License-Identifier: Apache-2.0
"""SIGTERM: what is in flight is finished, nothing new is taken, the process ends with 0."""
import json
import signal
import socket

import pytest
from berth_process import run
from six_steps import Steps
from wire import Wire, request


@pytest.fixture
def held(start_berth, model_server):
    """A Berth with a predict whose answer the model server holds back: (berth, its connection)."""
    berth = start_berth({"http.loops": "1"})
    with Steps(berth, model_server) as steps:
        model = steps.deployed_model()
    while not model_server.requests.empty():
        model_server.requests.get()
    model_server.gate.clear()
    with Wire(berth) as wire:
        wire.send(Steps.predict_request(model, "finish me"))
        model_server.requests.get(timeout=60)
        yield berth, wire


def assert_refuses_connections(berth):
    with pytest.raises(ConnectionError):
        socket.create_connection((berth.host, berth.port))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_request_in_flight_is_finished(held, model_server, number):
    berth, wire = held
    with Wire(berth) as idle:
        assert idle.ask("GET", "/").status == 200
        berth.process.send_signal(number)
        # It is told to stop: an idle connection ends, and no new one begins.
        assert berth.wait_event("stopping")["signal"] == number.name
        assert idle.rest() == b""
    assert_refuses_connections(berth)
    model_server.gate.set()
    answer = wire.read()
    assert answer.status == 200
    assert "finish me" in json.dumps(answer.json())
    assert answer.headers["connection"] == "close"
    assert wire.rest() == b""
    berth.wait_end()


def test_what_is_pipelined_behind_it_is_not_begun(held, model_server):
    berth, wire = held
    wire.send(request("GET", "/"))
    with Wire(berth) as idle:
        assert idle.ask("GET", "/").status == 200
        berth.terminate()
        assert idle.rest() == b""
    model_server.gate.set()
    assert wire.read().status == 200
    assert wire.rest() == b""
    berth.wait_end()


def test_client_that_left_does_not_hold_up(held):
    berth, wire = held
    wire.close()
    berth.terminate()
    berth.wait_end()


def test_second_signal_changes_nothing(held, model_server):
    berth, wire = held
    berth.terminate()
    berth.wait_event("stopping")
    berth.terminate()
    model_server.gate.set()
    assert wire.read().status == 200
    berth.wait_end()


def test_time_is_limited(start_berth, model_server):
    """A remote that never answers does not keep the node from ending."""
    berth = start_berth({"node.shutdown_timeout": "10ms"})
    with Steps(berth, model_server) as steps:
        model = steps.deployed_model()
    while not model_server.requests.empty():
        model_server.requests.get()
    model_server.gate.clear()
    with Wire(berth) as wire:
        wire.send(Steps.predict_request(model, "never"))
        model_server.requests.get(timeout=60)
        berth.terminate()
        assert wire.rest() == b""
        berth.wait_event("connections_cut")
        berth.wait_end()


def test_restart_keeps_everything(start_berth, model_server, tmp_path):
    """Documents, settings, the deployment and the node's id are there after a restart."""
    first = start_berth(data=tmp_path)
    with Steps(first, model_server) as steps:
        model = steps.deployed_model()
        before = (steps.client.info()["cluster_uuid"], list(steps.client.nodes.info()["nodes"]))
    first.stop()
    second = start_berth(data=tmp_path)
    with Steps(second, model_server) as steps:
        after = (steps.client.info()["cluster_uuid"], list(steps.client.nodes.info()["nodes"]))
        assert after == before
        assert "once more" in json.dumps(steps.ask(model, "once more"))


def test_data_directory_has_one_owner(start_berth, tmp_path):
    start_berth(data=tmp_path)
    done = run("serve", "--data", tmp_path, "-E", "http.port=0")
    assert done.returncode == 1
    assert "in use by another Berth" in done.stderr
