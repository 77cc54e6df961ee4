# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on a bare socket: for what a client library would put right or refuse to send."""
import gzip
import json
import socket
from typing import NamedTuple

from berth_process import PATIENCE_S


class Response(NamedTuple):
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    def text(self):
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()


class Wire:
    """A connection. Responses are read one at a time, in the order in which they come."""

    def __init__(self, berth, wrap=None):
        plain = socket.create_connection((berth.host, berth.port), PATIENCE_S)
        self.socket = wrap(plain) if wrap else plain
        self._file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, method, path, body=b"", headers=(), head_only=False):
        """Sends a request and reads its answer."""
        self.send(request(method, path, body, headers))
        return self.read(head_only or method == "HEAD")

    def read(self, head_only=False):
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), f"no status line: {line!r}"
        status = int(line.split(b" ")[1])
        headers = {}
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            assert name.lower() not in headers, f"header {name} twice"
            headers[name.lower()] = value.strip()
        if head_only or status < 200 or status in (204, 304):
            return Response(status, headers, b"")
        return Response(status, headers, self._read_body(headers))

    def _read_body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self._file.read(int(headers["content-length"]))
        body = b""
        while size := int(self._file.readline(), 16):
            body += self._file.read(size)
            assert self._file.read(2) == b"\r\n"
        assert self._file.readline() == b"\r\n"
        return body

    def rest(self):
        """Everything up to the end of the connection; a reset counts as its end."""
        try:
            return self._file.read()
        except ConnectionResetError:
            return b""


def request(method, path, body=b"", headers=()):
    """The bytes of an ordinary request, with its Content-Length where it has a body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: berth.test", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
        if not any(line.lower().startswith("content-type:") for line in headers):
            lines.append("Content-Type: application/json")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(pieces):
    """A chunked body of these pieces."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
