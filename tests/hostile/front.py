# SPDX-License-Identifier: LGPL-2.1-or-later
"""A proxy in front of a good server, which mostly passes connections on."""

import queue
import select
import socket
import threading

from server import Client


def pump(one, other):
    """Both directions, until one side ends or somebody cuts it."""
    sinks = {one: other, other: one}
    while True:
        for source in select.select(list(sinks), [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            sinks[source].sendall(data)


class Front:
    """On a port of its own. Of the rows of `plan` each makes the behaviour of one
    connection, in turn; None, and an empty plan, stand for the good server. `before` is
    called with the row of the last connection when the next one comes.
    """

    def __init__(self, server_port, pki, file, before):
        self.server_port, self.pki, self.before = server_port, pki, before
        self.disk = open(file, "r+b")
        self.plan = []
        self.link = None  # shuts the running one
        self.gate = threading.Lock()  # while it is held, nobody comes in
        self.met = queue.SimpleQueue()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, plan):
        """The link is lost, and the next connections meet the plan."""
        self.plan = plan
        try:
            socket.socket.shutdown(self.link(), socket.SHUT_RDWR)
        except OSError:
            pass  # it was lost already

    def take_met(self):
        """The rows that were met since the last time, each with its client."""
        while not self.met.empty():
            yield self.met.get()

    def _accept(self):
        last = None
        while True:
            sock, _ = self.listener.accept()
            with self.gate:
                self.before(last)
                last, self.plan = self.plan[0] if self.plan else None, self.plan[1:]
                serve = self._misbehave if last else self._forward
                threading.Thread(target=serve, args=(sock, last), daemon=True).start()

    def _forward(self, sock, _):
        self.link = lambda: sock
        with sock, socket.create_connection(("127.0.0.1", self.server_port)) as server:
            try:
                pump(sock, server)
            except OSError:
                pass

    def _misbehave(self, sock, row):
        client = Client(sock, self.pki, self.disk)
        self.link = lambda: client.sock  # which is another within TLS
        self.met.put((row, client))
        client.suffer(row.behaviour)
