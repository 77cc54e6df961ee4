# SPDX-License-Identifier: Apache-2.0
"""A remote service that streams what a test tells it to, and the client's side of such an answer."""
import http.server
import json
import queue
import select
import threading

from six_steps import PREFIX, connector
from wire import request

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
