# SPDX-License-Identifier: Apache-2.0
"""A remote service that a test scripts, a proxy before it, and a client that asks by connectors."""
import base64
import json
import queue
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

from six_steps import PREFIX


class _Server(ThreadingHTTPServer):
    """A server in a thread of its own, for a `with`."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, handler, context=None):
        super().__init__(("127.0.0.1", 0), handler)
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True,
                                              do_handshake_on_connect=False)
        self.requests = queue.SimpleQueue()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        """Handshakes that fail and clients that leave are what the tests are about."""


class _ServiceHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        service = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        certificate = getattr(self.connection, "getpeercert", dict)() or {}
        came = SimpleNamespace(command=self.command, path=self.path, headers=self.headers,
                               body=body, subject=certificate.get("subject"))
        with service.changed:
            service.under_way += 1
            service.most = max(service.most, service.under_way)
            service.changed.notify_all()
        service.requests.put(came)
        service.gate.acquire()
        answer = service.script.pop(0) if service.script else service.otherwise
        status, headers, body = answer(came) if callable(answer) else answer
        with service.changed:
            service.under_way -= 1
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class RemoteService(_Server):
    """Answers what stands in script, as (status, headers, body), then otherwise, which is 200 at first.

    Bytes go out as they are. An answer can be a function of what came.
    requests: what came, with command, path, headers, body, and subject of the certificate.
    gate: a semaphore that each answer takes; a test that holds answers back drains it first.
    most: how many requests there were at once.
    """

    def __init__(self, context=None, is_open=True):
        super().__init__(_ServiceHandler, context)
        self.script = []
        self.otherwise = (200, {}, {"ok": True})
        self.gate = threading.Semaphore(1 << 20 if is_open else 0)
        self.changed = threading.Condition()
        self.under_way = 0
        self.most = 0


class _ProxyHandler(BaseHTTPRequestHandler):
    def refused(self):
        proxy = self.server
        proxy.requests.put((self.command, self.path, dict(self.headers)))
        if proxy.user and self.headers.get("Proxy-Authorization") != proxy.expected:
            self.send_error(407)
            return True
        return False

    def do_CONNECT(self):
        if self.refused():
            return
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            pair = {self.connection: there, there: self.connection}
            while True:
                for ready in select.select(list(pair), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    pair[ready].sendall(data)

    def do_POST(self):
        """Sends on what has a whole URL, as plain HTTP by a proxy has."""
        if self.refused():
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = self.path.split("/")[2]
        name, port = host.rsplit(":", 1)
        head = f"POST /{self.path.split('/', 3)[3]} HTTP/1.1\r\nHost: {host}\r\n"
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((name, int(port))) as there:
            there.sendall(head.encode() + body)
            while data := there.recv(65536):
                self.wfile.write(data)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Proxy(_Server):
    """A proxy for HTTP and for tunnels; requests: (method, target, headers) of what came."""

    def __init__(self, user=None, password=None, context=None):
        super().__init__(_ProxyHandler, context)
        self.user = user
        self.expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Remote:
    """Makes connectors and models of a remote service, and asks them."""

    def __init__(self, berth, trusted=(".*",), private=True):
        self.berth = berth
        self.client = berth.client()
        self.send = self.client.transport.perform_request
        self.group = None
        self.send("PUT", "/_cluster/settings", body={"persistent": {
            PREFIX + "trusted_connector_endpoints_regex": list(trusted),
            PREFIX + "connector.private_ip_enabled": private}})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    @staticmethod
    def body(url, method="POST", credential=None, **members):
        return {"name": "remote", "version": "1", "protocol": "http",
                "credential": credential or {"key": "unused"},
                "actions": [{"action_type": "predict", "method": method, "url": url,
                             "request_body": '{"text": "${parameters.text}"}'}], **members}

    def create(self, *arguments, **members):
        return self.send("POST", "/_plugins/_ml/connectors/_create",
                         body=self.body(*arguments, **members))["connector_id"]

    def get(self, connector):
        return self.send("GET", f"/_plugins/_ml/connectors/{connector}")

    def model(self, *arguments, **members):
        """A deployed model of a new connector."""
        return self.deploy(self.create(*arguments, **members))

    def deploy(self, connector):
        answer = self.send("POST", "/_plugins/_ml/models/_register", body={
            "name": "remote", "function_name": "remote", "connector_id": connector})
        model = answer["model_id"]
        self.send("POST", f"/_plugins/_ml/models/{model}/_deploy")
        return model

    def ask(self, model, text="hello", **parameters):
        answer = self.send("POST", f"/_plugins/_ml/models/{model}/_predict",
                           body={"parameters": {"text": text, **parameters}})
        return answer["inference_results"][0]["output"][0]["dataAsMap"]
