# SPDX-License-Identifier: Apache-2.0
"""Stands between nodes and a member of etcd: what nodes send there can be made late, or be held."""
import socket
import threading
from urllib.parse import urlsplit

PIECE = 65536


class EtcdProxy:
    """Passes on connections to a member. endpoints: what nodes are given in its place.

    late_s: by how many seconds each piece that a node sends is late. before: called with each of them before it
    is passed on, by the thread of its connection; it may wait.
    """

    def __init__(self, member):
        target = urlsplit(member.url)
        self.target = (target.hostname, target.port)
        self.late_s = 0
        self.before = lambda piece: None
        self._open = threading.Event()
        self._open.set()
        self._closed = threading.Event()
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoints = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self):
        """Nothing is passed on any more, connections stay."""
        self._open.clear()

    def let_go(self):
        self._open.set()

    def close(self):
        self._closed.set()
        self._open.set()
        for one in (self._listener, *self._sockets):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def _accept(self):
        while not self._closed.is_set():
            try:
                node, _ = self._listener.accept()
                member = socket.create_connection(self.target)
            except OSError:
                continue
            self._sockets += [node, member]
            for source, sink, is_node in ((node, member, True), (member, node, False)):
                threading.Thread(target=self._pass_on, args=(source, sink, is_node), daemon=True).start()

    def _pass_on(self, source, sink, is_node):
        try:
            while piece := source.recv(PIECE):
                if is_node:
                    self.before(piece)
                    if self.late_s:
                        self._closed.wait(self.late_s)
                self._open.wait()
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()
