#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# resetting-proxy.py PORT SERVER-PORT [ADDRESS]: between client and server on 127.0.0.1 or that
# address. While there is a file "resets" in its folder, it resets each connection at the
# client's next request.

import os
import socket
import struct
import sys
import threading

REQUEST = b"\x25\x60\x95\x13"
port, server_port = map(int, sys.argv[1:3])
address = (sys.argv + ["127.0.0.1"])[3]


def pump(source, sink):
    while data := source.recv(65536):
        if data[:4] == REQUEST and os.path.exists("resets"):
            for sock in source, sink:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RD)
            source.close()
            sink.close()
            print("reset", flush=True)
            return
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)


def run(source, sink):
    try:
        pump(source, sink)
    except OSError:
        pass


listener = socket.create_server((address, port))
while True:
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = socket.create_connection((address, server_port))
    for source, sink in (client, server), (server, client):
        threading.Thread(target=run, args=(source, sink), daemon=True).start()
