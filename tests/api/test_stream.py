# SPDX-License-Identifier: Apache-2.0
"""Streamed predictions: events as they come, held back by a slow client, ended when it leaves."""
import http.server
import json
import queue
import select
import threading

import pytest
from six_steps import PREFIX, connector
from wire import Wire, request

SETTINGS = {"plugins.ml_commons.stream_enabled": "true", "http.loops": "1"}
CHAT = "openai/v1/chat/completions"
# A socket that takes nothing for so long belongs to somebody who does not read.
HELD_BACK_SECONDS = 1


class EventServer(http.server.ThreadingHTTPServer):
    """Answers with the events that the test puts into a queue; None ends the answer."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), EventHandler)
        self.events = queue.Queue()
        self.requests = queue.Queue()
        self.broken = threading.Event()
        self.settled = threading.Event()  # all events are sent, or the receiver takes no more
        self.held_back = False
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key = "sk-stream-0123456789"


class EventHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.server.requests.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.server.status)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        while (event := self.server.events.get()) is not None:
            try:
                if not select.select([], [self.connection], [], HELD_BACK_SECONDS)[1]:
                    self.server.held_back = True
                    self.server.settled.set()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            except OSError:
                self.server.broken.set()
                return
        self.wfile.write(b"0\r\n\r\n")
        self.server.settled.set()


@pytest.fixture
def events():
    with EventServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.events.put(None)
        server.shutdown()
        thread.join()


def deployed(berth, events):
    with berth.client() as client:
        client.cluster.put_settings(body={"persistent": {
            PREFIX + "trusted_connector_endpoints_regex": ["^http://127\\.0\\.0\\.1:.*$"],
            PREFIX + "connector.private_ip_enabled": True}})
        body = connector(events)
        body["parameters"]["_llm_interface"] = CHAT
        made = client.plugins.ml.create_connector(body=body)
        model = client.plugins.ml.register_model(body={
            "name": "stream", "function_name": "remote", "connector_id": made["connector_id"]})
        client.plugins.ml.deploy_model(model_id=model["model_id"])
        return model["model_id"]


def ask(wire, model, **parameters):
    body = {"parameters": {"messages": [{"role": "user", "content": "hi"}], **parameters}}
    wire.send(request("POST", f"/_plugins/_ml/models/{model}/_predict/stream", json.dumps(body).encode()))


def chunk(text):
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


def read_head(wire):
    head = b""
    while b"\r\n\r\n" not in head:
        head += wire.socket.recv(1)
    return head.decode()


def read_event(wire):
    """The next event's data; the stream's chunks are taken apart on the way."""
    size = b""
    while not size.endswith(b"\r\n"):
        size += wire.socket.recv(1)
    left = int(size, 16) + 2
    data = b""
    while len(data) < left:
        data += wire.socket.recv(left - len(data))
    return [json.loads(line[6:]) for line in data.decode().strip().split("\n\n")] if left > 2 else None


def content(event):
    return event["inference_results"][0]["output"][0]["dataAsMap"]


def test_events_go_out_as_they_come(berth, events):
    model = deployed(berth, events)
    with Wire(berth) as wire:
        ask(wire, model)
        sent = events.requests.get(timeout=60)
        assert sent["stream"] is True and sent["messages"][0]["content"] == "hi"
        events.events.put(chunk("Hel"))
        head = read_head(wire)
        assert head.startswith("HTTP/1.1 200") and "text/event-stream" in head
        assert content(read_event(wire)[0]) == {"content": "Hel", "is_last": False}
        events.events.put(chunk('lo "\u00e9"'))
        assert content(read_event(wire)[0]) == {"content": 'lo "\u00e9"', "is_last": False}
        events.events.put(b"data: [DONE]\n\n")
        assert content(read_event(wire)[0]) == {"content": "", "is_last": True}
        events.events.put(None)
        assert read_event(wire) is None
        assert wire.ask("GET", "/").status == 200


def test_an_event_may_come_in_pieces(berth, events):
    model = deployed(berth, events)
    with Wire(berth) as wire:
        ask(wire, model)
        whole = chunk("one") + chunk("two")
        for at in range(len(whole)):
            events.events.put(whole[at:at + 1])
        events.events.put(None)
        read_head(wire)
        texts = []
        while (batch := read_event(wire)) is not None:
            texts += [content(event) for event in batch]
        assert [text["content"] for text in texts] == ["one", "two", ""]
        assert [text["is_last"] for text in texts] == [False, False, True]


def test_a_refusal_before_the_first_event_keeps_its_status(berth, events):
    model = deployed(berth, events)
    events.status = 429
    events.events.put(b'{"error": "slow down"}')
    events.events.put(None)
    with Wire(berth) as wire:
        ask(wire, model)
        answer = wire.read()
        assert answer.status == 429 and "slow down" in answer.text()


def test_a_broken_event_is_told_in_the_stream(berth, events):
    model = deployed(berth, events)
    with Wire(berth) as wire:
        ask(wire, model)
        events.events.put(chunk("a"))
        read_head(wire)
        read_event(wire)
        events.events.put(b"data: {not json\n\n")
        assert "not JSON" in read_event(wire)[0]["error"]
        assert read_event(wire) is None


def test_the_service_is_left_when_the_client_leaves(berth, events):
    model = deployed(berth, events)
    with Wire(berth) as wire:
        ask(wire, model)
        events.events.put(chunk("a"))
        read_head(wire)
        read_event(wire)
    while not events.broken.is_set():
        events.events.put(chunk("b"))
        events.broken.wait(0.01)


def test_a_slow_client_holds_the_service_back(berth, events):
    """What nobody reads does not pile up in the server, and arrives when it is read."""
    model = deployed(berth, events)
    text = "x" * 100_000
    count = 300
    with Wire(berth) as wire:
        ask(wire, model)
        for _ in range(count):
            events.events.put(chunk(text))
        events.events.put(None)
        assert events.settled.wait(60) and events.held_back
        read_head(wire)
        received = 0
        while (batch := read_event(wire)) is not None:
            received += sum(len(content(event)["content"]) for event in batch)
        assert received == count * len(text)


@pytest.mark.parametrize("interface", [None, "unheard/of"])
def test_the_interface_must_be_known(berth, events, interface):
    model = deployed(berth, events)
    with Wire(berth) as wire:
        ask(wire, model, _llm_interface=interface or "")
        answer = wire.read()
        assert answer.status == 400 and CHAT in answer.text()


def test_it_can_be_switched_off(start_berth, events):
    berth = start_berth({"plugins.ml_commons.stream_enabled": "false"})
    model = deployed(berth, events)
    with Wire(berth) as wire:
        ask(wire, model)
        answer = wire.read()
        assert answer.status == 400 and "stream_enabled" in answer.text()
