#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model service for tests and first steps: OpenAI's API with deterministic answers.

    model_server.py [--host 127.0.0.1] [--port 8089] [--key KEY]

    GET  /healthz               {"status": "ok"}
    POST /v1/chat/completions   an answer that quotes the last question of "messages"
    POST /v1/embeddings         a vector of 8 numbers for each text of "input"; equal texts have
                                equal vectors, of length 1

With --key, /v1 wants "Authorization: Bearer KEY" and refuses all else with 401. With --port 0 the
system chooses the port. The first line of the output says where it listens:

    listening on http://127.0.0.1:8089

It needs nothing but Python 3.11, and ends on SIGINT or SIGTERM.
"""
import argparse
import hashlib
import hmac
import json
import math
import queue
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIMENSION = 8
CHAT_MODEL = "echo-chat"
EMBEDDING_MODEL = "hash-embedding"


class Refused(Exception):
    """A request that is answered with an error, as OpenAI words it."""

    def __init__(self, status, message, kind="invalid_request_error"):
        super().__init__(message)
        self.status = status
        self.kind = kind


def words(text):
    """What counts as the tokens of a text here."""
    return len(text.split())


def answer_to(question):
    return f'You asked: "{question}". This is the model server of Berth\'s tests.'


def embedding_of(text):
    """A unit vector that the text's digest decides."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    numbers = [int.from_bytes(digest[4 * i:4 * i + 4], "big") / 2**31 - 1 for i in range(DIMENSION)]
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [round(number / length, 6) for number in numbers]


def chat(request):
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "'messages' must be a list with at least one message")
    questions = [message.get("content") for message in messages
                 if isinstance(message, dict) and message.get("role") == "user"]
    if not questions or not isinstance(questions[-1], str):
        raise Refused(400, "'messages' must hold a message of the role 'user' with a text")
    answer = answer_to(questions[-1])
    prompt_tokens = sum(words(question) for question in questions if isinstance(question, str))
    return {
        "id": "chatcmpl-" + hashlib.sha256(questions[-1].encode("utf-8")).hexdigest()[:12],
        "object": "chat.completion",
        "created": 0,
        "model": request.get("model", CHAT_MODEL),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer},
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": words(answer),
                  "total_tokens": prompt_tokens + words(answer)},
    }


def embeddings(request):
    texts = request.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise Refused(400, "'input' must be a text or a list of texts")
    tokens = sum(words(text) for text in texts)
    return {
        "object": "list",
        "model": request.get("model", EMBEDDING_MODEL),
        "data": [{"object": "embedding", "index": index, "embedding": embedding_of(text)}
                 for index, text in enumerate(texts)],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


ROUTES = {
    ("GET", "/healthz"): lambda request: {"status": "ok"},
    ("POST", "/v1/chat/completions"): chat,
    ("POST", "/v1/embeddings"): embeddings,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.handle_route()

    def do_POST(self):
        self.handle_route()

    def handle_route(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.put((self.command, self.path, body))
        self.server.gate.wait()
        try:
            self.reply(200, self.answer(body))
        except Refused as refused:
            error = {"message": str(refused), "type": refused.kind, "param": None, "code": None}
            self.reply(refused.status, {"error": error})

    def answer(self, body):
        route = ROUTES.get((self.command, self.path))
        if not route:
            raise Refused(404, f"Unknown request URL: {self.command} {self.path}")
        if self.path.startswith("/v1/"):
            self.check_key()
        if self.command == "GET":
            return route(None)
        try:
            request = json.loads(body)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            raise Refused(400, "the body must be a JSON object")
        return route(request)

    def check_key(self):
        wanted = f"Bearer {self.server.key}".encode()
        given = self.headers.get("Authorization", "").encode("latin-1")
        if self.server.key and not hmac.compare_digest(given, wanted):
            raise Refused(401, "Incorrect API key provided", "authentication_error")

    def reply(self, status, value):
        body = json.dumps(value, ensure_ascii=False).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Nothing: what it is asked is seen at the client's side."""


class ModelServer(ThreadingHTTPServer):
    """The service as an object, for a test that runs it in its own process.

    gate: answers wait until it is set, as it is at first.
    requests: what came, as (method, path, body), before it is answered.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host="127.0.0.1", port=0, key=None):
        super().__init__((host, port), Handler)
        self.key = key
        self.gate = threading.Event()
        self.gate.set()
        self.requests = queue.SimpleQueue()

    @property
    def url(self):
        host, port = self.server_address[:2]
        return f"http://{host}:{port}"

    def handle_error(self, request, client_address):
        """A client that left is no fault of the service."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8089, help="0: any free one")
    parser.add_argument("--key", help="the key that clients must bring")
    options = parser.parse_args()
    with ModelServer(options.host, options.port, options.key) as server:
        def stop(*_):
            # shutdown waits for serve_forever, which this thread is in.
            threading.Thread(target=server.shutdown).start()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        print(f"listening on {server.url}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
