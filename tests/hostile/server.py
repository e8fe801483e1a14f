# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scripted NBD server: the words of the protocol, for behaviours to be made of."""

import os
import re
import socket
import ssl
import struct
import time

EXPORT_NAME, ABORT, LIST, STARTTLS, INFO, GO = 1, 2, 3, 5, 6, 7
ACK, SERVER, INFO_REPLY = 1, 2, 3
ERROR = 1 << 31
UNSUP, POLICY, INVALID, PLATFORM, TLS_REQD, UNKNOWN, SHUTDOWN, BLOCK_SIZE_REQD, TOO_BIG = (
    ERROR + n for n in range(1, 10)
)

READ, WRITE, DISC, WRITE_ZEROES = 0, 1, 2, 6

# 1 MiB, and the flags that nbdkit has for a file: HAS_FLAGS, SEND_FLUSH, SEND_FUA,
# SEND_TRIM, SEND_WRITE_ZEROES, CAN_MULTI_CONN
EXPORT = struct.pack(">HQH", 0, 1 << 20, 0x16D)

REPLY_MAGIC = 0x3E889045565A9

FAREWELL = struct.pack(">IHHQQI", 0x25609513, 0, DISC, 0, 0, 0)

PATIENCE = 15  # seconds; longer than any client of these tests lives


def reply(option, kind, data=b"", size=None, magic=REPLY_MAGIC):
    """One option reply; its size may lie."""
    size = len(data) if size is None else size
    return struct.pack(">QIII", magic, option, kind, size) + data


def entry(name, description=b"", name_size=None):
    """The data of one REP_SERVER."""
    name_size = len(name) if name_size is None else name_size
    return struct.pack(">I", name_size) + name + description


def block_sizes(minimum, preferred, maximum):
    return struct.pack(">HIII", 3, minimum, preferred, maximum)


class Gone(Exception):
    """The client has closed."""


EXCHANGED = {INFO: GO, GO: INFO}
REPLY_TO_EITHER = re.compile(struct.pack(">Q", REPLY_MAGIC) + b"\0\0\0[\6\7]")


def exchange(data):
    """The same replies, but to GO where they were to INFO, and the reverse."""

    def other(match):
        return match[0][:-1] + bytes([EXCHANGED[match[0][-1]]])

    return REPLY_TO_EITHER.sub(other, data)


class Client:
    """One client, from the server's side. What it sends in plaintext is kept.

    Behaviours are written for a client that asks with INFO. With `disk`, an open file, it
    asks with GO: then the two are exchanged in both directions, and whoever is served well
    is served that disk.
    """

    def __init__(self, sock, pki, disk=None):
        self.sock = sock
        self.pki = pki
        self.disk = disk
        self.pause = None  # between the bytes that are sent; None: they are sent at once
        self.entered = False
        self.plain = b""  # up to the ACK of STARTTLS
        self.after_ack = b""  # TLS records, as they came
        self.acked = False
        self.inside = []  # the options that came inside TLS; "DISC" may be the last
        self.farewell = None  # how it ended the connection: "close_notify", "cut"
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        if self.disk and not self.entered:
            data = exchange(data)
        if self.pause is None:
            self._send(data)
            return
        for byte in data:
            self._send(bytes([byte]))
            time.sleep(self.pause)

    def _send(self, data):
        try:
            self.sock.sendall(data)
        except (OSError, ssl.SSLError) as e:
            raise Gone from e

    def receive(self, size):
        data = b""
        while len(data) < size:
            try:
                piece = self.sock.recv(size - len(data))
            except (OSError, ssl.SSLError) as e:
                self.farewell = "cut"
                raise Gone from e
            if not piece:
                self.farewell = "close_notify" if self._in_tls() else "cut"
                raise Gone
            self._keep(piece)
            data += piece
        return data

    def _in_tls(self):
        return isinstance(self.sock, ssl.SSLSocket)

    def _keep(self, piece):
        if self._in_tls():
            return
        if self.acked:
            self.after_ack += piece
        else:
            self.plain += piece

    def suffer(self, behaviour):
        """Is treated so until it leaves."""
        try:
            behaviour(self)
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()

    def greet(self, flags=3):
        self.send(b"NBDMAGICIHAVEOPT" + struct.pack(">H", flags))
        return self.receive(4)

    def option(self):
        _, option, size = struct.unpack(">QII", self.receive(16))
        self.receive(size)
        if self._in_tls():
            self.inside.append(option)
        return EXCHANGED.get(option, option) if self.disk else option

    def disconnection(self):
        """A request of the transmission phase, NBD_CMD_DISC."""
        if self.receive(28) == FAREWELL:
            self.inside.append("DISC")

    def drip(self, data, pause):
        self.pause = pause
        self.send(data)
        self.pause = None

    def listen(self):
        """Hears the client out, without a word."""
        while True:
            self.receive(1)

    def close(self):
        """Ends our direction, then hears the client out."""
        self.sock.shutdown(socket.SHUT_WR)
        self.listen()

    def reset(self):
        time.sleep(0.1)  # so that it comes after the connection, not instead of it
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def ack_starttls(self, extra=b""):
        if self.option() != STARTTLS:
            raise Gone
        self.acked = True
        self.send(reply(STARTTLS, ACK) + extra)

    def tls_context(self, folder):
        """TLS, with the certificate of a folder of the test's PKI."""
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(
            f"{self.pki}/{folder}/server-cert.pem", f"{self.pki}/{folder}/server-key.pem"
        )
        return c

    def upgrade(self, folder="server", ciphers=None, **context):
        c = self.tls_context(folder)
        if ciphers:
            c.set_ciphers(ciphers)
        for name, value in context.items():
            setattr(c, name, value)
        if c.verify_mode == ssl.CERT_REQUIRED:
            c.load_verify_locations(f"{self.pki}/ca/ca-cert.pem")
        try:
            self.sock = c.wrap_socket(
                self.sock, server_side=True, suppress_ragged_eofs=False
            )
        except (OSError, ssl.SSLError) as e:
            raise Gone from e

    def go_under_tls(self):
        """From here on the naked socket below TLS is spoken to."""
        self.sock = socket.socket(fileno=self.sock.detach())
        self.sock.settimeout(PATIENCE)

    def serve(self, answers=None, export=EXPORT, until=None):
        """A good server; `answers` maps options to what is said to them instead. Returns
        when the option `until` has come."""
        good = {
            INFO: reply(INFO, INFO_REPLY, export) + reply(INFO, ACK),
            LIST: reply(LIST, SERVER, entry(b"disk")) + reply(LIST, ACK),
            EXPORT_NAME: export[2:],
            ABORT: reply(ABORT, ACK),
        } | (answers or {})
        while (option := self.option()) != until:
            answer = good.get(option, reply(option, UNSUP))
            self.send(answer)
            agreed = option == INFO and answer.endswith(reply(INFO, ACK))
            if self.disk and (agreed or option == EXPORT_NAME):
                self.transmit()

    def transmit(self):
        """Serves the disk, until the client takes its leave."""
        self.entered = True
        self.pause = None
        self.sock.settimeout(None)
        while True:
            _, _, command, cookie, offset, size = struct.unpack(
                ">IHHQQI", self.receive(28))
            if command == DISC:
                raise Gone
            data = b""
            if command == READ:
                data = os.pread(self.disk.fileno(), size, offset)
            elif command == WRITE:
                os.pwrite(self.disk.fileno(), self.receive(size), offset)
            elif command == WRITE_ZEROES:
                os.pwrite(self.disk.fileno(), bytes(size), offset)
            self.send(struct.pack(">IIQ", 0x67446698, 0, cookie) + data)
