# SPDX-License-Identifier: Apache-2.0
"""Reloads between two versions under load: nothing is dropped, doubled, or of two versions.

BERTH_RELOADS=1000 is how the figures of docs/performance.md are made.
"""
import json
import os
import random
import threading
import time
from collections import Counter

import pytest
from berth_process import BUILD
from reloads import OTHER_VERSION, compile_candidate, generations, other_version, predict, reload
from remote_service import Remote, RemoteService
from six_steps import PREFIX
from wire import Wire, request

RELOADS = int(os.environ.get("BERTH_RELOADS", "100"))
CONNECTIONS = 64
REMOTE_SECONDS = 0.02
CHAT = "openai/v1/chat/completions"
EVENTS = [{"choices": [{"delta": {"content": str(i)}}]} for i in range(5)]
STREAM = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS) + b"data: [DONE]\n\n"
BROKEN_TIMES = 10


def slow_echo(came):
    time.sleep(REMOTE_SECONDS)
    if came.path == "/stream":
        return 200, {"Content-Type": "text/event-stream"}, STREAM
    return 200, {}, came.body


class Load:
    """Half predictions, a quarter control calls, some searches and streams, until it is stopped."""

    def __init__(self, berth, model, stream):
        self.berth, self.model, self.stream = berth, model, stream
        self.stopped = threading.Event()
        self.done = Counter()
        self.versions = Counter()
        self.wrong = []
        self.slowest = 0
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CONNECTIONS)]

    def note_version(self, *marks):
        """All of these names are written as one version writes them."""
        kinds = {mark.upper() == mark for mark in marks}
        assert len(kinds) == 1, marks
        self.versions[kinds.pop()] += 1

    def predict(self, wire, text):
        wire.send(predict(self.model, text))
        answer = wire.read()
        assert answer.status == 200, answer.body
        result = answer.json()["inference_results"][0]
        assert result["output"][0]["dataAsMap"] == {"text": text}
        status = next(key for key in result if key != "output")
        self.note_version(result["output"][0]["name"], status.split("_")[0])
        return "predict"

    def get(self, wire, _):
        answer = wire.ask("GET", f"/_plugins/_ml/models/{self.model}")
        assert answer.status == 200 and answer.json()["name"] == "remote", answer.body
        return "get"

    def search(self, wire, _):
        answer = wire.ask("POST", "/_plugins/_ml/models/_search", b'{"query": {"match_all": {}}}',
                          ["Content-Type: application/json"])
        assert answer.status == 200 and answer.json()["hits"]["total"]["value"] == 2, answer.body
        return "search"

    def stream_events(self, wire, text):
        body = json.dumps({"parameters": {"text": text}}).encode()
        wire.send(request("POST", f"/_plugins/_ml/models/{self.stream}/_predict/stream", body))
        answer = wire.read()
        assert answer.status == 200, answer.body
        events = [json.loads(line[6:]) for line in answer.text().split("\n\n") if line]
        outputs = [event["inference_results"][0]["output"][0] for event in events]
        assert [output["dataAsMap"]["content"] for output in outputs] == ["0", "1", "2", "3", "4", ""]
        self.note_version(*(output["name"] for output in outputs))
        return "stream"

    def run(self, number):
        acts = [self.predict] * 4 + [self.get] * 2 + [self.search, self.stream_events]
        act = acts[number % len(acts)]
        try:
            with Wire(self.berth) as wire:
                count = 0
                while not self.stopped.is_set():
                    began = time.monotonic()
                    self.done[act(wire, f"{number}-{count}")] += 1
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    count += 1
        except Exception as error:  # told by the test
            self.wrong.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def remote(start_berth):
    with Remote(start_berth()) as remote:
        yield remote


@pytest.fixture
def load(remote):
    """Load that runs; whoever asks for it finds it without a fault at the end."""
    remote.send("PUT", "/_cluster/settings", body={"persistent": {PREFIX + "stream_enabled": True}})
    with RemoteService() as service:
        service.otherwise = slow_echo
        model = remote.model(service.url + "/")
        stream = remote.model(service.url + "/stream", parameters={"_llm_interface": CHAT})
        with Load(remote.berth, model, stream) as load:
            yield load
        assert load.wrong == []
        assert set(load.done) == {"predict", "get", "search", "stream"}
        assert service.requests.qsize() == load.done["predict"] + load.done["stream"]  # none twice


def files_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def status_of(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key + ":"))


def test_reloads(remote, load, tmp_path):
    files = [BUILD / "ml_remote.so", other_version(tmp_path)]
    pid = remote.berth.process.pid
    swaps, memory = [], []
    for i in range(RELOADS):
        answer = reload(remote.berth, path=files[(i + 1) % 2])
        assert answer.status == 200, answer.body
        said = answer.json()
        assert said["version"] == (OTHER_VERSION, "0.1.0")[i % 2]
        assert not said["quarantined"] and said["state"]["handed_over"]
        swaps.append(said["swap_micros"])
        memory.append(status_of(pid, "VmRSS"))
    assert load.versions[False] and load.versions[True]
    assert [name for name, _, _ in generations(remote.berth)] == [f"ml_remote#{RELOADS + 1}"]
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        assert len({line.split("/run/")[1] for line in maps if "/run/" in line}) == 1
    assert status_of(pid, "Threads") < 20
    assert files_of(pid) < 3 * CONNECTIONS
    print(json.dumps({"reloads": RELOADS, "requests": dict(load.done), "slowest_s": round(load.slowest, 3),
                      "swap_us_median": sorted(swaps)[RELOADS // 2], "swap_us_most": max(swaps),
                      "rss_kib_10th": memory[min(10, RELOADS - 1)], "rss_kib_last": memory[-1],
                      "files": files_of(pid)}))


def half(folder):
    path = folder / "half.so"
    path.write_bytes((BUILD / "ml_remote.so").read_bytes()[:random.randrange(1, 200_000)])
    return path


def text(folder):
    path = folder / "text.so"
    path.write_bytes(b"this is no code\n" * 100)
    return path


BROKEN = {  # what makes the candidate, and words of the answer
    "crash at start": (lambda folder: compile_candidate(folder, "-DWRONG_START=1"), "signal 6"),
    "crash in the probe": (lambda folder: compile_candidate(folder, "-DWRONG_CONSTRUCTOR=1"), "signal 6"),
    "hanging start": (lambda folder: compile_candidate(folder, "-DWRONG_HANG=1"), "300 ms"),
    "refused settings": (lambda folder: compile_candidate(folder, "-DWRONG_SETTING=1"), "another type"),
    "bad ELF": (text, "ELF"),
    "wrong version": (lambda folder: compile_candidate(folder, "-DABI_MAJOR=99"), "99"),
    "half-written file": (half, ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_candidates(remote, load, tmp_path, case):
    make, word = BROKEN[case]
    for _ in range(BROKEN_TIMES):
        answer = reload(remote.berth, path=make(tmp_path), probe_ms=300 if "hang" in case else 30000)
        assert answer.status >= 400 and word in answer.json()["error"]["reason"], answer.body
        assert [name for name, _, _ in generations(remote.berth)] == ["ml_remote#1"]


def test_a_file_that_is_written_over_while_mapped(start_berth, tmp_path):
    """cp onto the loaded file: what runs is a copy, so that nothing of it changes."""
    file = tmp_path / "ml_remote.so"
    good = (BUILD / "ml_remote.so").read_bytes()
    file.write_bytes(good)
    file.chmod(0o755)
    with Remote(start_berth(plugins=[file])) as remote, RemoteService() as service:
        service.otherwise = slow_echo
        model = remote.model(service.url + "/")
        for _ in range(BROKEN_TIMES):
            file.write_bytes(b"\xff" * len(good))
            assert remote.ask(model) == {"text": "hello"}
            assert reload(remote.berth).status >= 400
            assert remote.ask(model) == {"text": "hello"}
        file.write_bytes(good)
        assert reload(remote.berth).status == 200
        assert remote.ask(model) == {"text": "hello"}
