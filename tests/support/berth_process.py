# SPDX-License-Identifier: Apache-2.0
"""A Berth process under test: started on a free port, watched through its JSON log, and stopped."""
import json
import os
import pathlib
import subprocess
import threading

from api_description import complaints
from opensearchpy import OpenSearch, TransportError, Urllib3HttpConnection

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", ROOT / "build" / "asan")).resolve()
COMMAND = BUILD / "berth"
ML_REMOTE = BUILD / "ml_remote.so"

# A bound on waiting for what must happen; it is never waited out in a run that passes.
PATIENCE_S = 60

# What a report of a sanitizer begins with; it goes to stderr, among the log's lines.
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                   "WARNING: ThreadSanitizer", "SUMMARY: ")


class CheckedConnection(Urllib3HttpConnection):
    """Checks that every answer that a client is given keeps the API's description."""

    def perform_request(self, method, url, *arguments, **options):
        try:
            status, headers, body = super().perform_request(method, url, *arguments, **options)
        except TransportError as refused:
            if isinstance(refused.status_code, int):
                self._check(method, url, refused.status_code, refused.info)
            raise
        if body and "json" in headers.get("content-type", ""):
            self._check(method, url, status, json.loads(body))
        return status, headers, body

    @staticmethod
    def _check(method, url, status, body):
        found = complaints(method, url, status, body)
        assert not found, "\n".join(found)


def run(*arguments, **options):
    """Runs a berth command that ends by itself."""
    return subprocess.run([str(COMMAND), *map(str, arguments)], capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, **options)


class Berth:
    """`berth serve` in a data directory; ready to be asked once the constructor has returned."""

    def __init__(self, data, settings=None, plugins=(ML_REMOTE,), arguments=(),
                 command=(COMMAND, "serve"), cwd=None):
        self.data = pathlib.Path(data)
        command = [*map(str, command), "--data", str(data), "-E", "http.port=0"]
        for plugin in plugins:
            command += ["--plugin", str(plugin)]
        for key, value in (settings or {}).items():
            command += ["-E", f"{key}={value}"]
        self.lines = []
        self._changed = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen([*command, *map(str, arguments)], stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, cwd=cwd)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            listening = self.wait_event("listening")
        except BaseException:
            self.kill()
            raise
        self.host, port = listening["address"].rsplit(":", 1)
        self.port = int(port)
        self.scheme = listening["scheme"]

    def _read_log(self):
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def log(self):
        return "\n".join(self.lines)

    def events(self):
        """The log's lines as objects; what is no JSON is a fault, told by check_log."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def _find(self, name):
        return next((event for event in self.events() if event.get("event") == name), None)

    def wait_event(self, name):
        """Waits for an event of the log and gives its line."""
        with self._changed:
            self._changed.wait_for(lambda: self._find(name) or self._ended, PATIENCE_S)
            event = self._find(name)
        assert event, f"no event [{name}] in the log:\n{self.log}"
        return event

    @property
    def url(self):
        return f"{self.scheme}://{self.host}:{self.port}"

    def client(self, **options):
        """opensearch-py as its users make it; retries would hide what is to be seen here."""
        return OpenSearch([{"host": self.host, "port": self.port, "scheme": self.scheme}],
                          **{"max_retries": 0, "timeout": PATIENCE_S,
                             "connection_class": CheckedConnection, **options})

    def terminate(self):
        self.process.terminate()

    def wait_end(self):
        """Waits for the process to end of itself; checks that it was a clean end."""
        status = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self.process.stderr.close()
        self.check_log()
        assert status == 0, f"berth ended with {status}:\n{self.log}"
        assert self._find("stopped"), f"no event [stopped] in the log:\n{self.log}"

    def stop(self):
        """Stops with SIGTERM; whatever is not a clean end fails the test."""
        if self.process.returncode is None:
            self.terminate()
            self.wait_end()

    def wait_crash(self):
        """Waits for the process to end of itself, however it does; gives its exit status."""
        status = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self.process.stderr.close()
        return status

    def kill(self):
        """Ends the process with SIGKILL, as a crash of the machine's user would."""
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
            self._reader.join(PATIENCE_S)
            self.process.stderr.close()

    def check_log(self):
        """Every line is JSON and no sanitizer has anything to say."""
        for line in self.lines:
            assert not any(mark in line for mark in SANITIZER_MARKS), self.log
            try:
                json.loads(line)
            except ValueError:
                raise AssertionError(f"a line of the log is no JSON: {line}\n{self.log}") from None
