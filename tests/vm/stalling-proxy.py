#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# stalling-proxy.py PORT SERVER-PORT BYTES: between client and server on 127.0.0.1; of the
# first connection it passes that many bytes of the server's on, and no more. The others
# are passed on whole.

import socket
import sys
import threading

port, server_port, limit = (int(arg) for arg in sys.argv[1:])


def pump(source, sink, left):
    while left and (data := source.recv(left if 0 < left < 65536 else 65536)):
        sink.sendall(data)
        if left > 0:
            left -= len(data)
    if left:
        sink.shutdown(socket.SHUT_WR)


listener = socket.create_server(("127.0.0.1", port))
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", server_port))
    for source, sink, left in (client, server, -1), (server, client, limit):
        threading.Thread(target=pump, args=(source, sink, left), daemon=True).start()
    limit = -1
