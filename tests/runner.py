#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs all tests, stage by stage: see tests/run. Each stage gives a list of results."""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
CONFORMANCE = ROOT.parent / "shared" / "conformance"
JOBS = os.cpu_count() or 2
PROGRAM_SECONDS = 600
START_SECONDS = 30
RELOADS_WITH_THREADS = "20"
# What has a plugin call most of the ABI, for the host that looks at each call.
STRICT_TESTS = ("tests/abi/test_strict.py", "tests/reload/test_reload.py", "tests/reload/test_handover.py",
                "tests/api/test_deploy.py", "tests/api/test_stream.py", "tests/api/test_tasks.py",
                "tests/api/test_metrics.py", "tests/api/test_six_steps.py")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1",
}
NODE_OF_THE_RECORDINGS = ["-E", "node.roles=[cluster_manager,data,ingest]"]
NODE_WITH_USERS = ["--config", str(ROOT / "tests" / "api" / "security" / "berth.yml")]


@dataclass
class Result:
    name: str
    passed: bool
    detail: str = ""


class Broken(Exception):
    """A stage that could not run: counted as one failure."""


def run(command, seconds=PROGRAM_SECONDS, **env):
    """Runs a command to its end; gives the exit status and all that it wrote."""
    try:
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **SANITIZERS, **env}, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        return -1, f"{late.stdout or ''}\nnot done after {seconds} s"
    return done.returncode, done.stdout


def must(command, **env):
    status, text = run(command, **env)
    if status:
        raise Broken(f"{' '.join(map(str, command))}: status {status}\n" + "\n".join(text.splitlines()[-40:]))
    return text


def build(preset):
    must(["cmake", "--preset", preset, "-DBERTH_TESTS=ON"])
    must(["cmake", "--build", "--preset", preset, "-j", str(JOBS)])


# ---- stages ----

def style(_):
    files = must(["git", "ls-files", "*.c", "*.h"]).split()
    status, text = run(["clang-format-19", "--dry-run", "-Werror", *files])
    return [Result("clang-format", status == 0, text)]


def run_program(test):
    """One test program, which reports each of its cases as a line of TAP, or as a whole."""
    name = test["name"]
    given = {p["name"]: p["value"] for p in test.get("properties", [])}.get("ENVIRONMENT", [])
    status, text = run(test["command"], CMOCKA_MESSAGE_OUTPUT="TAP",
                       **dict(variable.split("=", 1) for variable in given))
    cases = re.findall(r"^(not ok|ok) \d+ - (.*)$", text, re.M)
    results = [Result(f"{name}: {case}", state == "ok", text) for state, case in cases]
    if status and all(result.passed for result in results):
        results.append(Result(f"{name}: exit status {status}", False, text))
    return results or [Result(name, status == 0, text)]


def c_tests(preset, label):
    build(preset)
    listed = json.loads(must(["ctest", "--test-dir", str(BUILD / preset), "-L", label, "--show-only=json-v1"]))
    tests = listed["tests"]
    if not tests:
        raise Broken(f"no test of {preset} has the label {label}")
    with ThreadPoolExecutor(JOBS) as pool:
        return [result for results in pool.map(run_program, tests) for result in results]


def unit(_):
    return c_tests("asan", "unit|abi")


def threads(_):
    return c_tests("tsan", "threads")


def make_venv():
    wanted = ROOT / "tests" / "requirements.txt"
    venv = BUILD / "venv"
    mark = venv / "requirements.sha256"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        must([sys.executable, "-m", "venv", "--clear", str(venv)])
        must([str(venv / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", "-r", str(wanted)])
        mark.write_text(digest)
    return venv / "bin" / "python"


def read_junit(path, text):
    results = []
    for case in ElementTree.parse(path).iter("testcase"):
        bad = [part for part in case if part.tag in ("failure", "error")]
        if any(part.tag == "skipped" for part in case):
            continue
        detail = "\n".join((part.text or part.get("message") or "") for part in bad)
        results.append(Result(f"{case.get('classname')}.{case.get('name')}", not bad, detail))
    return results or [Result("pytest", False, text)]


def pytest(preset, *what, **env):
    build(preset)
    interpreter = make_venv()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        _, text = run([str(interpreter), "-m", "pytest", "-q", f"--junitxml={report}", *what], seconds=2400,
                      BERTH_BUILD=str(BUILD / preset), **env)
        if not report.exists():
            raise Broken(text)
        return read_junit(report, text)


def python(_):
    return pytest("asan", "tests")


def reloads(_):
    return pytest("tsan", "tests/reload", "tests/abi/test_probe.py", BERTH_RELOADS=RELOADS_WITH_THREADS)


def strict(_):
    return pytest("debug", *STRICT_TESTS)


class Server:
    """berth serve with ml_remote.so on a free port and a directory of its own."""

    def __init__(self, preset, *arguments):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [str(BUILD / preset / "berth"), "serve", "--data", self.folder.name, "--plugin",
             str(BUILD / preset / "ml_remote.so"), "-E", "http.port=0", *arguments],
            stderr=subprocess.PIPE, text=True, env={**os.environ, **SANITIZERS})
        guard = threading.Timer(START_SECONDS, self.process.kill)
        guard.start()
        self.log = []
        self.url = None
        for line in self.process.stderr:
            self.log.append(line)
            if '"event":"listening"' in line:
                self.url = "http://" + json.loads(line)["address"]
                break
        guard.cancel()
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr))
        self.reader.start()
        if not self.url:
            self.stop()
            raise Broken("berth did not start:\n" + "".join(self.log))

    def stop(self):
        """Ends the process; gives its exit status."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join()
        self.process.stderr.close()
        self.folder.cleanup()
        return self.process.wait()


def play(server, *selected):
    """Plays scenarios."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        _, text = run([sys.executable, str(CONFORMANCE / "replay.py"), "--url", server.url, "-v", "--junit",
                       str(report), *selected, str(CONFORMANCE / "scenarios")])
        if not report.exists():
            raise Broken(text)
        return read_junit(report, text)


def play_on(node, arguments, *selected):
    server = Server("asan", *arguments)
    try:
        results = play(server, *selected)
    except Broken as broken:
        server.stop()
        raise Broken(f"{broken}\nthe server's log ends with:\n{''.join(server.log[-40:])}") from broken
    status = server.stop()
    results.append(Result(f"{node} ends without a finding", status == 0, "".join(server.log[-40:])))
    return results


def conformance(_):
    if not CONFORMANCE.is_dir():
        print(f"   there are no recorded scenarios in {os.path.relpath(CONFORMANCE, ROOT)}: none is played")
        return []
    build("asan")
    users = ["--user-file", str(CONFORMANCE / "users.example.json")]  # then the area security is played, and only that
    return (play_on("a node without users", NODE_OF_THE_RECORDINGS) +
            play_on("a node with users", NODE_WITH_USERS, *users))


def quickstart(_):
    results = []
    for options in ([], ["--cluster", "3"]):
        status, text = run(["host/quickstart", "--port", "0", *options])
        results.append(Result(" ".join(["quickstart", *options]),
                              status == 0 and "all six steps were answered" in text, text))
    return results


def budget(_):
    build("release")
    status, text = run(["tests/bench/budget"])
    return [Result("what a predict costs in instructions and allocations", status == 0, text)]


def fuzz(options):
    targets = must(["tests/fuzz/run", "--list"]).split()
    seconds = options.fuzz_seconds * len(targets) + PROGRAM_SECONDS
    # One seed, so that the same tree has the same result; other seeds are for longer runs by hand.
    command = ["tests/fuzz/run", "--seed", "1", str(options.fuzz_seconds)]
    status, text = run(command, seconds=seconds)
    failed = set(re.findall(r"^(\w+): FAILED", text, re.M))
    if status and not failed:
        raise Broken(text)
    return [Result(f"{target} for {options.fuzz_seconds} s", target not in failed, text[-4000:]) for target in targets]


STAGES = {
    "style": (style, "the format of the C sources"),
    "unit": (unit, "tests in C and of the headers, under AddressSanitizer and UBSan"),
    "threads": (threads, "those with threads under ThreadSanitizer"),
    "python": (python, "tests of the API, the ABI, failures, with real clients"),
    "strict": (strict, "a host that ends at a plugin's first call that the headers do not allow"),
    "reloads": (reloads, "plugins replaced under load, under ThreadSanitizer"),
    "conformance": (conformance, "recorded scenarios, where they are"),
    "quickstart": (quickstart, "the README's first command"),
    "budget": (budget, "instructions and allocations of a predict, against those that are kept"),
    "fuzz": (fuzz, "each fuzz target for a while, from its corpus"),
}


def run_stage(name, options):
    function, what = STAGES[name]
    print(f"== {name}: {what}", flush=True)
    began = time.monotonic()
    try:
        results = function(options)
    except Broken as broken:
        results = [Result(name, False, str(broken))]
    failed = [result for result in results if not result.passed]
    for result in failed:
        print(f"   FAILED {result.name}\n" + "\n".join("     " + line for line in result.detail.splitlines()[-60:]))
    print(f"   {len(results) - len(failed)} passed, {len(failed)} failed, "
          f"{time.monotonic() - began:.0f} s", flush=True)
    return len(results) - len(failed), len(failed)


def main():
    parser = argparse.ArgumentParser(prog="tests/run")
    parser.add_argument("--only", help="stages to run, joined by commas")
    parser.add_argument("--list", action="store_true", help="name the stages")
    parser.add_argument("--fuzz-seconds", type=int, default=60, help="how long each fuzz target runs")
    options = parser.parse_args()
    if options.list:
        print("".join(f"{name:12} {what}\n" for name, (_, what) in STAGES.items()), end="")
        return 0
    names = options.only.split(",") if options.only else list(STAGES)
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        parser.error(f"there is no stage {unknown[0]}; there are {', '.join(STAGES)}")
    counts = [run_stage(name, options) for name in names]
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
