# SPDX-License-Identifier: Apache-2.0
"""One measurement after the other."""

import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import time

from . import process
from .peers import LOAD_CORE, read_answers
from .works import CALLS, IN_FLIGHT, WORKS

# A run beside which other work took more of a core than this is repeated, so many times.
NOISE_MAX = 0.15
REPEATS = 3
SAMPLE_S = 0.2
RELOAD_PAUSE_S = 0.5


def generator(setup, peer, work, seconds):
    """The command of the load generator, and what it needs in the environment."""
    call = CALLS[work.call]
    body = setup.directory / f"{peer.name}.{call.name}.body"
    body.write_bytes(peer.body(call))
    if work.rate:
        return [setup.programs / "bench.openloop", "--port", peer.port, "--path", peer.path(call),
                "--body", body, "--rate", work.rate, "--connections", work.connections,
                "--seconds", seconds], {}
    return ["wrk", "-t1", f"-c{work.connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
            setup.sources / "post.lua",
            f"http://127.0.0.1:{peer.port}{peer.path(call)}"], {
                "BENCH_BODY": str(body), "BENCH_AUTHORIZATION": peer.headers.get("Authorization", ""),
                "BENCH_PATHS": str(setup.paths or "")}


def parse(text, work):
    line = next((l for l in text.splitlines() if l.startswith(("BENCH {", "{"))), None)
    if line is None:
        raise RuntimeError(f"{work.name}: the load generator says: {text[:500]}")
    result = json.loads(re.sub("^BENCH ", "", line))
    result["failed"] += result.pop("unanswered", 0)
    return result


def load(setup, peer, work, seconds):
    """Runs the load; gives its result and the most memory that the server held meanwhile."""
    command, environment = generator(setup, peer, work, seconds)
    running = process.start(LOAD_CORE, command, stdout=subprocess.PIPE, text=True,
                            env=os.environ | environment)
    rss = 0
    deadline = time.monotonic() + seconds + 30
    try:
        while running.poll() is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{work.name}: the load generator does not end")
            try:
                running.wait(SAMPLE_S)
            except subprocess.TimeoutExpired:
                rss = max(rss, process.rss_kib(peer.process.pid))
        with running.stdout:
            return parse(running.stdout.read(), work), rss
    finally:
        process.stop(running)


def one_run(setup, peer, work, seconds):
    """CPU time of the server, latencies, and the share of a core that other work took."""
    servers = [peer.process.pid, setup.remote.process.pid, setup.front.process.pid]
    before = [process.cpu_ticks(pid) for pid in servers]
    own = process.own_ticks()
    machine = process.machine_ticks()
    began = time.monotonic()
    result, rss = load(setup, peer, work, seconds)
    wall = time.monotonic() - began
    used = [process.cpu_ticks(pid) - ticks for pid, ticks in zip(servers, before)]
    other = process.machine_ticks() - machine - sum(used) - (process.own_ticks() - own)
    result["cpu_us"] = used[0] * 1e6 / process.TICKS / max(1, result["requests"])
    result["per_second"] = result["requests"] / result["seconds"]
    result["noise"] = max(0.0, other / process.TICKS / wall)
    if work.name in IN_FLIGHT:
        result["rss_in_flight_kib"] = rss
    return result


def quiet_run(setup, peer, work, seconds):
    """A run without much else going on, or None; with --noisy the first, whatever goes on."""
    for _ in range(1 + REPEATS):
        result = one_run(setup, peer, work, seconds)
        if setup.noisy or result["noise"] <= NOISE_MAX:
            return result
        setup.say(f"    repeated: other work took {result['noise']:.0%} of a core")
    return None


def measure_work(setup, work):
    """Rounds A B C A B C; for each peer's column its runs."""
    peers = [peer for peer in setup.peers if peer.name in work.peers]
    runs = {peer.column or peer.name: [] for peer in peers}
    for peer in peers:
        peer.check(CALLS[work.call])
        load(setup, peer, work, 1)
    for number in range(setup.rounds):
        for peer in peers:
            result = quiet_run(setup, peer, work, work.seconds or setup.seconds)
            if result is None:
                setup.say(f"  {work.name} round {number + 1} {peer.name}: skipped, too noisy")
                continue
            runs[peer.column or peer.name].append(result)
            setup.say(f"  {work.name} round {number + 1} {peer.name}: {result['cpu_us']:.1f} us, "
                      f"{result['per_second']:,.0f}/s, p50 {result['p50_us']:,.0f} us, "
                      f"p99 {result['p99_us']:,.0f} us, failed {result['failed']}")
    return runs


def idle_connections(peer, count):
    """KiB of memory that a connection costs which has been used once and is open."""
    call = CALLS["chat"]
    body = peer.body(call)
    head = (f"POST {peer.path(call)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    before = process.rss_kib(peer.process.pid)
    sockets = []
    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", peer.port), timeout=10)
            sockets.append(one)
            one.sendall(head + body)
            read_answers([one])
        return (process.rss_kib(peer.process.pid) - before) / count
    finally:
        for one in sockets:
            one.close()


def measure_start(setup, peer):
    """Start again: seconds to the first answer, memory after it, memory a connection."""
    peer.stop()
    seconds = peer.start_to_first_answer()
    return {"start_s": seconds, "rss_idle_kib": process.rss_kib(peer.process.pid),
            "idle_connection_kib": idle_connections(peer, setup.idle_connections)}


def measure_starts(setup):
    peers = [peer for peer in setup.peers if not peer.column]
    starts = {peer.name: [] for peer in peers}
    for number in range(setup.rounds):
        for peer in peers:
            result = measure_start(setup, peer)
            starts[peer.name].append(result)
            setup.say(f"  start round {number + 1} {peer.name}: {result['start_s'] * 1e3:.1f} ms, "
                      f"{result['rss_idle_kib'] / 1024:.1f} MiB, "
                      f"{result['idle_connection_kib']:.2f} KiB a connection")
    return starts


# ---- by option: growth, and many models ----

SAMPLES = 10


def soak(setup, minutes):
    """Load of all kinds in turn for so long; what Berth holds at tenths of the time."""
    peer = next(peer for peer in setup.peers if peer.name == "berth")
    works = [work for work in WORKS if "berth" in work.peers and not work.rate and not work.seconds]
    lines = ["| minutes | requests | failed | RSS, MiB | file descriptors |", "| --- | --- | --- | --- | --- |"]
    began = time.monotonic()
    requests = failed = 0
    for sample in range(SAMPLES + 1):
        while time.monotonic() - began < minutes * 60 * sample / SAMPLES:
            for work in works:
                result, _ = load(setup, peer, work, 1)
                requests += result["requests"]
                failed += result["failed"]
        lines.append(f"| {(time.monotonic() - began) / 60:.1f} | {requests:,} | {failed} | "
                     f"{process.rss_kib(peer.process.pid) / 1024:.1f} | {process.open_files(peer.process.pid)} |")
        setup.say(lines[-1])
    return lines


def many_models(setup, count):
    """Chat predictions of one model, then of as many, one after the other, that all are deployed."""
    peer = next(peer for peer in setup.peers if peer.name == "berth")
    work = next(work for work in WORKS if work.name == "chat-64")
    lines = ["| models | CPU, us a request | RSS, MiB |", "| --- | --- | --- |"]
    paths = setup.directory / "paths"
    paths.write_text("")
    for number in (1, count):
        ids = peer.add_models(CALLS["chat"], number, setup.say)
        paths.write_text("".join(f"/_plugins/_ml/models/{one}/_predict\n" for one in ids))
        setup.paths = paths
        load(setup, peer, work, 2)
        result = one_run(setup, peer, work, 2 * setup.seconds)
        lines.append(f"| {number:,} | {result['cpu_us']:.1f} | {process.rss_kib(peer.process.pid) / 1024:.1f} |")
        setup.say(f"{lines[-1]} failed {result['failed']}")
    return lines


class Reloading(threading.Thread):
    """Reloads Berth's plugin again and again until it is stopped; answers: what it was told."""

    def __init__(self, peer):
        super().__init__()
        self.peer = peer
        self.answers = []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            self.answers.append(self.peer.call("POST", "/_berth/plugins/ml_remote/_reload", None))
            self.ended.wait(RELOAD_PAUSE_S)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def reloads(setup, seconds):
    """Requests at a fixed rate, without reloads and with one after the other, in turn."""
    peer = next(peer for peer in setup.peers if peer.name == "berth")
    work = next(work for work in WORKS if work.name == "open-64")
    lines = ["| | reloads | requests | failed | p50, us | p99, us | p99.9, us | longest, us | RSS, MiB |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    swaps = []
    load(setup, peer, work, 2)
    for number in range(2 * setup.rounds):
        with contextlib.ExitStack() as stack:
            reloading = stack.enter_context(Reloading(peer)) if number % 2 else None
            result, _ = load(setup, peer, work, seconds)
        answers = reloading.answers if reloading else []
        swaps += [answer["swap_micros"] for answer in answers]
        lines.append(f"| {'with' if reloading else 'without'} | {len(answers)} | {result['requests']:,} | "
                     f"{result['failed']} | {result['p50_us']:,.0f} | {result['p99_us']:,.0f} | "
                     f"{result['p999_us']:,.0f} | {result['max_us']:,.0f} | "
                     f"{process.rss_kib(peer.process.pid) / 1024:.1f} |")
        setup.say(lines[-1])
    swaps.sort()
    return lines + ["", f"Swap: median {swaps[len(swaps) // 2]} us, longest {swaps[-1]} us."]
