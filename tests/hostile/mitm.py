#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""mitm.py ATTACK PORT SERVER-PORT PLAIN-PORT PKI FOLDER: a man in the middle.

On PORT he passes connections on to SERVER-PORT, a server that has TLS and would do without,
too. On PLAIN-PORT the same disks are served by one that has none. As long as the file
FOLDER/attack is there, he does what ATTACK says (at the end of this file) to those who
come. What the clients say first is kept in FOLDER/passed-N and FOLDER/attacked-N. SIGUSR1
cuts all connections.
"""

import itertools
import pathlib
import select
import signal
import socket
import struct
import sys
import threading

from server import *

KEPT = 16 << 10  # bytes of each direction

links = set()
history = []  # of the last connection passed on: what the server said, answer by answer


class Link:
    """One client's connection, and what is behind it."""

    def __init__(self, client, record):
        self.client, self.server, self.record = client, None, record
        self.kept = {"client": 0, "server": 0}
        self.said = []
        self.listens = True

    def reach(self, port):
        self.server = socket.create_connection(("127.0.0.1", port))

    def cut(self):
        for sock in self.client, self.server:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except (OSError, AttributeError):
                pass  # it has ended, or never was

    def _keep(self, who, data):
        if self.kept[who] > KEPT:
            return
        self.kept[who] += len(data)
        if who == "client":
            self.record.write(data)
            self.listens = True
        elif self.listens:
            self.said.append(data)
            self.listens = False
        else:
            self.said[-1] += data

    def _receive(self, who, size):
        data = (self.client if who == "client" else self.server).recv(size)
        if not data:
            raise Gone
        self._keep(who, data)
        return data

    def _exactly(self, who, size):
        data = b""
        while len(data) < size:
            data += self._receive(who, size - len(data))
        return data

    def hear(self, size):
        return self._exactly("client", size)

    def hear_something(self):
        return self._receive("client", 65536)

    def from_server(self, size):
        return self._exactly("server", size)

    def say(self, data):
        self.client.sendall(data)

    def pass_on(self):
        """Both directions, until one side ends."""
        names = {self.client: "client", self.server: "server"}
        while True:
            for source in select.select(list(names), [], [])[0]:
                data = self._receive(names[source], 65536)
                (self.server if source is self.client else self.client).sendall(data)


def greeting(link, change):
    """Passes the greeting on, with other flags."""
    magic, flags = link.from_server(16), link.from_server(2)
    link.say(magic + struct.pack(">H", change(struct.unpack(">H", flags)[0])))


def to_starttls(link):
    """Passes all on until the client asks for TLS; its request stays here."""
    greeting(link, lambda flags: flags)
    link.server.sendall(link.hear(4))
    request = link.hear(16)
    if struct.unpack(">QII", request)[1:] != (STARTTLS, 0):
        link.server.sendall(request)
        link.pass_on()
    return request


# ---- attacks ----


def strip(error):
    """Refuses STARTTLS in the server's place, which would talk in plaintext."""

    def attack(link):
        link.reach(SERVER)
        to_starttls(link)
        link.say(reply(STARTTLS, error))
        link.pass_on()

    return attack


def flags(port, change):
    def attack(link):
        link.reach(port)
        greeting(link, change)
        link.pass_on()

    return attack


def plaintext(link):
    """Leads to the server without TLS."""
    link.reach(PLAIN)
    link.pass_on()


def inject(link):
    """Leads to the good server, but has the export's data follow the ACK of STARTTLS."""
    link.reach(SERVER)
    link.server.sendall(to_starttls(link))
    link.say(link.from_server(20) + reply(GO, INFO_REPLY, EXPORT) + reply(GO, ACK))
    link.pass_on()


def replay(link):
    """Says what the good server said the last time."""
    for data in list(history):
        link.say(data)
        link.hear_something()
    while True:
        link.hear_something()


def impostor(link):
    link.reach(IMPOSTOR)
    link.pass_on()


def be_impostor(sock):
    """Terminates TLS itself, and reads and writes what is inside."""
    client = Client(sock, PKI)
    client.greet()
    client.ack_starttls()
    client.upgrade("foreign")
    with socket.create_connection(("127.0.0.1", PLAIN)) as server:
        server.recv(18)
        server.sendall(b"\0\0\0\3")
        threading.Thread(target=copy, args=(server, client.sock), daemon=True).start()
        copy(client.sock, server)


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


# ---- clients ----


def serve(link, attack):
    try:
        if attack:
            ATTACKS[sys.argv[1]](link)
        else:
            link.reach(SERVER)
            history[:] = []
            link.said = history
            link.pass_on()
    except (Gone, OSError):
        pass
    finally:
        links.discard(link)
        link.cut()
        link.record.close()


def accept(listener, serve):
    for n in itertools.count():
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock, n), daemon=True).start()


def take(sock, n):
    attack = (FOLDER / "attack").exists()
    record = open(FOLDER / f"{'attacked' if attack else 'passed'}-{n}", "wb", buffering=0)
    link = Link(sock, record)
    links.add(link)
    serve(link, attack)


def take_impostor(sock, _):
    try:
        be_impostor(sock)
    except (Gone, OSError):
        pass
    finally:
        sock.close()


def cut_all(*_):
    for link in list(links):
        link.cut()


PORT, SERVER, PLAIN = map(int, sys.argv[2:5])
PKI, FOLDER = sys.argv[5], pathlib.Path(sys.argv[6])
ATTACKS = {
    "unsup": strip(UNSUP),
    "policy": strip(POLICY),
    "invalid": strip(INVALID),
    "unfixed": flags(PLAIN, lambda flags: flags & ~1),
    "plaintext": plaintext,
    "injected": inject,
    "replayed": replay,
    "impostor": impostor,
    # These leave TLS alone, and so do no harm.
    "unknown": flags(SERVER, lambda flags: flags | 0xFFFC),
    "zeroes": flags(SERVER, lambda flags: flags & ~2),
}
signal.signal(signal.SIGUSR1, cut_all)
if sys.argv[1] == "impostor":
    behind = socket.create_server(("127.0.0.1", 0))
    IMPOSTOR = behind.getsockname()[1]
    threading.Thread(target=accept, args=(behind, take_impostor), daemon=True).start()
accept(socket.create_server(("127.0.0.1", PORT)), take)
