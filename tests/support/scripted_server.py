# SPDX-License-Identifier: Apache-2.0
"""A remote service that answers what a test tells it to."""
import http.server
import json
import queue
import threading

import pytest


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.requests.put((self.command, self.path, json.loads(body) if body else None,
                                  dict(self.headers)))
        self.server.gate.wait()
        status, value = self.server.answers.get((self.command, self.path), (404, {"no": self.path}))
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer


class ScriptedServer(http.server.ThreadingHTTPServer):
    """answers: (status, value) by (method, path); bytes go out as they are.

    gate: answers wait until it is set, as it is at first.
    requests: what came, as (method, path, JSON body, headers), before it is answered.
    """
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {}
        self.requests = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that left is no fault of the service."""

    def asked(self):
        """The next request, as (method, path, JSON body)."""
        return self.requests.get(timeout=60)[:3]


@pytest.fixture
def service():
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()
