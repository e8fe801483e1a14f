#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""after-go.py PORT PKI byte|end plain|tls: a server on 127.0.0.1 that agrees to all, and
has sent a byte more, or closed the connection, when the client comes to use it."""

import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hostile"))
from server import *

port, pki, way, transport = sys.argv[1:]


def behave(c):
    c.greet()
    if transport == "tls":
        c.ack_starttls()
        c.upgrade()
    c.serve(until=INFO)
    c.send(reply(INFO, INFO_REPLY, EXPORT) + reply(INFO, ACK))
    if way == "end":
        c.sock.close()
        return
    c.entered = True
    c.send(b"!")
    c.listen()


listener = socket.create_server(("127.0.0.1", int(port)))
with open("/dev/null") as disk:
    while True:
        Client(listener.accept()[0], pki, disk).suffer(behave)
