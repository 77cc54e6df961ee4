# SPDX-License-Identifier: Apache-2.0
"""Requests that two servers in a row might read differently: each is refused, once, for good.

Each probe is followed on its connection by a second request. Had Berth found the end of the
probe elsewhere than it says, the second one, or a part of the first, would be answered as well.
"""
import pytest
from wire import Wire

HEAD = b"POST /_cluster/health HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /_nodes HTTP/1.1\r\nHost: a\r\n\r\n"


def head(*lines, body=b""):
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


# name: bytes, the statuses that are a right answer
PROBES = {
    # Two lengths, or none that can be relied on.
    "length and chunked": head(b"Content-Length: 5", b"Transfer-Encoding: chunked",
                               body=b"0\r\n\r\n"),
    "chunked and length": head(b"Transfer-Encoding: chunked", b"Content-Length: 5",
                               body=b"0\r\n\r\n"),
    "two lengths": head(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!"),
    "the same length twice": head(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
    "a list of lengths": head(b"Content-Length: 5, 5", body=b"hello"),
    "two numbers as length": head(b"Content-Length: 5 6", body=b"hello!"),
    "a signed length": head(b"Content-Length: +5", body=b"hello"),
    "a negative length": head(b"Content-Length: -5", body=b"hello"),
    "a hexadecimal length": head(b"Content-Length: 0x5", body=b"hello"),
    "a length with a point": head(b"Content-Length: 5.0", body=b"hello"),
    "an empty length": head(b"Content-Length:", body=b"hello"),
    "a length in quotes": head(b'Content-Length: "5"', body=b"hello"),
    "a length beyond 64 bits": head(b"Content-Length: 18446744073709551621", body=b"hello"),
    "a length in other digits": head("Content-Length: ٥".encode(), body=b"hello"),
    # Transfer codings.
    "an unknown coding": head(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "the coding identity": head(b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "chunked, then identity": head(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "identity, then chunked": head(b"Transfer-Encoding: identity, chunked", body=b"0\r\n\r\n"),
    "gzip, then chunked": head(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked twice in a line": head(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunked in two lines": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked",
                                 body=b"0\r\n\r\n"),
    "chunked, and another line": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x",
                                      body=b"0\r\n\r\n"),
    "chunked with a parameter": head(b"Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n"),
    "chunked in quotes": head(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "chunked behind a control": head(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "chunked before a control": head(b"Transfer-Encoding: chunked\x0c", body=b"0\r\n\r\n"),
    "an empty coding": head(b"Transfer-Encoding:", body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
    # Header lines.
    "a blank before the colon": head(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "a tab before the colon": head(b"Transfer-Encoding\t: chunked", body=b"0\r\n\r\n"),
    "a blank in a name": head(b"Content Length: 5", body=b"hello"),
    "a folded coding": head(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "a folded line": head(b"X: a\r\n\tContent-Length: 5", body=b"hello"),
    "a blank before the first name": b"GET / HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n",
    "no name": head(b": x"),
    "no colon": head(b"Content-Length"),
    "a control in a name": head(b"Content\x01-Length: 5", body=b"hello"),
    "a NUL in a value": head(b"X: a\x00b"),
    "a lone CR in a value": head(b"X: a\rTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "a lone CR before the end": HEAD + b"X: a\r\r\n\r\n",
    "a lone LF in a value": head(b"X: a\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "a lone LF at the end": HEAD + b"X: a\r\n\n",
    "lines that end in LF": b"GET / HTTP/1.1\nHost: a\n\n",
    # Chunks.
    "a chunk size with 0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "a signed chunk size": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "an empty chunk size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "a blank before a chunk size": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "a blank behind a chunk size": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a chunk size that ends in LF": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "an extension that ends in LF": CHUNKED + b"5;a\nhello\r\n0\r\n\r\n",
    "a NUL in an extension": CHUNKED + b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
    "a CR in an extension": CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"4\r\nhello\r\n0\r\n\r\n",
    "a chunk that ends in LF": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "a chunk that ends in CR": CHUNKED + b"5\r\nhello\rX0\r\n\r\n",
    "a trailer that ends in LF": CHUNKED + b"5\r\nhello\r\n0\r\nX: a\n\r\n",
    "a folded trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n",
    "an end of chunks in LF": CHUNKED + b"5\r\nhello\r\n0\r\n\n",
    # Hosts.
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two hosts in a line": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host with a user": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "a host with a blank": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    # Request lines.
    "a method in lower case": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "two blanks before the target": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two blanks behind the target": b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tab before the version": b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank behind the version": b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "a blank in the target": b"GET /_nodes /_local HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control in the target": b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a NUL in the target": b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version with more digits": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "a version in lower case": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "a response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


def refusal(wire):
    """The one answer, after which the connection ends."""
    answer = wire.read()
    assert answer.status in (400, 413, 501, 505), answer
    assert answer.headers["connection"] == "close"
    error = answer.json()
    assert error["status"] == answer.status and error["error"]
    assert wire.rest() == b""


@pytest.mark.parametrize("name", PROBES)
def test_probe_is_refused(berth, name):
    with Wire(berth) as wire:
        wire.send(PROBES[name] + NEXT)
        refusal(wire)


@pytest.mark.parametrize("name", PROBES)
def test_probe_is_refused_byte_by_byte(berth, name):
    """The same where each byte comes in a segment of its own, as far as the kernel lets it."""
    with Wire(berth) as wire:
        try:
            for byte in PROBES[name] + NEXT:
                wire.send(bytes([byte]))
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before its end
        refusal(wire)


def test_what_is_near_to_a_probe_is_taken(berth):
    """The table above must not pass because everything is refused."""
    with Wire(berth) as wire:
        wire.send(b"GET /_nodes HTTP/1.1\r\nHost: [::1]:9200\r\nX-Any:  a\tb \r\n\r\n" + NEXT)
        assert [wire.read().status, wire.read().status] == [200, 200]
        wire.send(CHUNKED + b"5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n" + NEXT)
        assert [wire.read().status, wire.read().status] == [405, 200]
