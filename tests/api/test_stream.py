# SPDX-License-Identifier: Apache-2.0
"""Streamed predictions: events as they come, held back by a slow client, ended when it leaves."""
import json
import threading

import pytest
from event_server import CHAT, ask, chunk, content, deployed, read_event, read_head
from six_steps import PREFIX, connector
from wire import Wire, request

SETTINGS = {"plugins.ml_commons.stream_enabled": "true", "http.loops": "1"}


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
