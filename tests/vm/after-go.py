#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""after-go.py PORT PKI byte|end|goodbye|later plain|tls: a server on 127.0.0.1 that agrees
to all, and sends a byte more, the end, or close_notify of TLS, in the packet of its last
reply; or it leaves a little later."""

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
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, way != "later")
    c.send(reply(INFO, INFO_REPLY, EXPORT) + reply(INFO, ACK))
    c.entered = True
    if way == "byte":
        c.send(b"!")
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        c.listen()
    if way == "goodbye":
        c.sock.settimeout(0)
        try:
            c.sock.unwrap()
        except ssl.SSLWantReadError:
            pass
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        time.sleep(5)
    if way == "later":
        time.sleep(0.5)


listener = socket.create_server(("127.0.0.1", int(port)))
with open("/dev/null") as disk:
    while True:
        Client(listener.accept()[0], pki, disk).suffer(behave)
