# SPDX-License-Identifier: Apache-2.0
"""_berth/metrics is Prometheus' text format 0.0.4, and counts what happens."""
import re

import pytest
from remote_service import Remote, RemoteService
from wire import Wire

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(\{{(?:{LABEL}(?:,{LABEL})*)?\}})? (\S+)\Z")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}


def parse(text):
    """name and labels -> value; the whole grammar is checked on the way."""
    assert text.endswith("\n")
    described, typed, samples, family = set(), {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert re.fullmatch(NAME, family) and family not in described, line
            described.add(family)
        elif line.startswith("# TYPE "):
            name, kind = line.split(" ")[2:]
            assert name == family and name not in typed and kind in TYPES, line
            typed[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, f"no sample: {line}"
            name, labels, value = match.groups()
            if typed[family] == "histogram":
                assert name in (family + "_bucket", family + "_sum", family + "_count"), line
                samples[name + (labels or "")] = float(value)
                continue
            assert name == family and name in typed, f"{line} stands apart from its family"
            assert name + (labels or "") not in samples, f"{line} twice"
            assert (typed[name] == "counter") == name.endswith("_total"), line
            samples[name + (labels or "")] = float(value)
    assert described == set(typed)
    return samples


def metrics(wire):
    answer = wire.ask("GET", "/_berth/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return parse(answer.text())


@pytest.fixture
def wire(berth):
    with Wire(berth) as wire:
        yield wire


def test_text_parses(wire):
    samples = metrics(wire)
    assert samples["process_threads"] > 1
    assert samples["process_resident_memory_bytes"] > 1 << 20
    assert all(value >= 0 for value in samples.values())


def test_counters_only_grow(wire):
    first, second = metrics(wire), metrics(wire)
    assert first.keys() == second.keys()
    assert all(second[name] >= first[name] for name in first if name.endswith("_total"))


def test_requests_are_counted(berth, wire):
    replies = 'berth_http_replies_total{class="%dxx"}'
    before = metrics(wire)
    for _ in range(5):
        wire.ask("GET", "/")
    for _ in range(3):
        wire.ask("GET", "/nowhere")
    with Wire(berth) as other:
        other.send(b"nonsense\r\n\r\n")
        other.read()
    after = metrics(wire)
    assert after["berth_http_requests_total"] - before["berth_http_requests_total"] == 9
    assert after[replies % 2] - before[replies % 2] == 6
    assert after[replies % 4] - before[replies % 4] == 4
    assert after["berth_http_bad_requests_total"] - before["berth_http_bad_requests_total"] == 1
    assert after["berth_http_connections_opened_total"] - \
        before["berth_http_connections_opened_total"] == 1


def test_predictions_are_measured(start_berth):
    with RemoteService() as service, Remote(start_berth()) as remote, Wire(remote.berth) as wire:
        model = remote.model(service.url + "/")
        for _ in range(3):
            remote.ask(model)
        seen = metrics(wire)
        of_model = f'{{model="{model}"}}'
        assert seen["ml_remote_predictions_total" + of_model] == 3
        assert seen["ml_remote_prediction_failures_total" + of_model] == 0
        assert seen["ml_remote_predictions_in_flight" + of_model] == 0
        sums = {}
        for part in ("queue", "connect", "remote", "own"):
            labels = f'model="{model}",part="{part}"'
            sums[part] = seen[f"ml_remote_prediction_seconds_sum{{{labels}}}"]
            counts = [value for name, value in seen.items()
                      if name.startswith(f"ml_remote_prediction_seconds_bucket{{{labels},le=")]
            assert counts == sorted(counts) and counts[-1] == 3
            assert seen[f"ml_remote_prediction_seconds_count{{{labels}}}"] == 3
        assert sums["queue"] == 0 and min(sums["connect"], sums["remote"], sums["own"]) > 0
        of_service = f'{{service="{service.url}"}}'
        assert seen["ml_remote_service_exchanges_total" + of_service] == 3
        assert seen["ml_remote_service_in_flight" + of_service] == 0
        kept = seen["ml_remote_service_connections" + of_service]
        assert kept >= 1 and seen["ml_remote_service_connections_idle" + of_service] == kept


def test_labels_are_escaped(start_berth):
    """A name from the configuration cannot break the text, or forge a line of it."""
    berth = start_berth({"node.name": 'a"b\\c', "cluster.name": 'x"} 1'})
    with Wire(berth) as wire:
        metrics(wire)
