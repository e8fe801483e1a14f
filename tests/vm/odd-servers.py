#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""odd-servers.py SERVER PORT DISK: imitates another server, with its faults.

Old and uncommon servers that no package has, as far as their negotiation goes, byte for
byte: what they reply to each option, which data they leave unread, and when they hang up.
Each client gets a thread, and in the transmission phase the file DISK as it is.
"""

import os
import socket
import struct
import sys
import threading

EXPORT_NAME, ABORT, LIST, STARTTLS, INFO, GO = 1, 2, 3, 5, 6, 7
ACK, SERVER, INFO_REPLY = 1, 2, 3
UNSUP, INVALID, UNKNOWN = (1 << 31) + 1, (1 << 31) + 3, (1 << 31) + 6
READ, WRITE, DISC, ZERO = 0, 1, 2, 6
HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_TRIM, WRITE_ZEROES = 1, 4, 8, 32, 64
MULTI_CONN, SEND_CACHE, FAST_ZERO = 256, 1024, 2048


class Gone(Exception):
    pass


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.no_zeroes = False

    def send(self, data):
        self.sock.sendall(data)

    def take(self, size):
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise Gone
            data += piece
        return data

    def greet(self, flags):
        self.send(b"NBDMAGICIHAVEOPT" + struct.pack(">H", flags))
        self.no_zeroes = bool(struct.unpack(">I", self.take(4))[0] & flags & 2)

    def option(self):
        """The option's number; its length and data are left unread."""
        if self.take(8) != b"IHAVEOPT":
            raise Gone
        return struct.unpack(">I", self.take(4))[0]

    def data(self):
        return self.take(struct.unpack(">I", self.take(4))[0])

    def reply(self, option, kind, data=b""):
        self.send(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)

    def info(self, option, flags, disk):
        self.reply(option, INFO_REPLY,
                   struct.pack(">HQH", 0, os.fstat(disk).st_size, flags))

    def enter_by_name(self, flags, disk):
        self.send(struct.pack(">QH", os.fstat(disk).st_size, flags))
        if not self.no_zeroes:
            self.send(bytes(124))
        self.transmit(disk)

    def transmit(self, disk, most=1 << 32):
        """Ends at what is no request, or has more than `most` bytes of data."""
        while True:
            magic, _, command, cookie, offset, size = struct.unpack(">IHHQQI", self.take(28))
            data = b""
            if magic != 0x25609513 or command == DISC or \
                    command in (READ, WRITE) and size > most:
                raise Gone
            if command == READ:
                data = os.pread(disk, size, offset)
            elif command == WRITE:
                os.pwrite(disk, self.take(size), offset)
            elif command == ZERO:
                os.pwrite(disk, bytes(size), offset)
            self.send(struct.pack(">IIQ", 0x67446698, 0, cookie) + data)


def name_of(data):
    """The export's name in the data of INFO or GO."""
    return data[4:4 + struct.unpack(">I", data[:4])[0]]


def nbd_server_3_13(c, disk):
    """And those since 3.8: refuses unknown options without reading their data."""
    c.greet(3)
    while True:
        option = c.option()
        if option == EXPORT_NAME:
            if c.data() != b"disk":
                raise Gone
            c.enter_by_name(HAS_FLAGS | SEND_FLUSH, disk)
        elif option == LIST:
            c.data()
            c.reply(LIST, SERVER, b"\0\0\0\4disk")
            c.reply(LIST, ACK)
        elif option == ABORT:
            raise Gone
        else:
            c.reply(option, UNSUP)


def nbd_server_3_17(c, disk):
    """And 3.16: INFO crashes it in the middle of its reply."""
    c.greet(3)
    while True:
        option = c.option()
        data = c.data()
        if option == INFO:
            c.send(struct.pack(">QIII", 0x3E889045565A9, INFO, INFO_REPLY, 12) + b"\0\0")
            raise Gone
        if option == GO:
            c.info(GO, HAS_FLAGS | SEND_FLUSH, disk)
            c.reply(GO, ACK)
            c.transmit(disk)
        if option == EXPORT_NAME:
            c.enter_by_name(HAS_FLAGS | SEND_FLUSH, disk)
        if option == ABORT:
            raise Gone
        c.reply(option, UNSUP)


def xnbd_wrapper(c, disk):
    """Newstyle, but not fixed: has only EXPORT_NAME, and sends the zeroes."""
    c.greet(0)
    if c.option() != EXPORT_NAME or c.data() != b"disk":
        raise Gone
    c.enter_by_name(HAS_FLAGS | SEND_FLUSH, disk)


def go_nbd(c, disk, flags=HAS_FLAGS | MULTI_CONN):
    """All names in one reply, every info without a request, no EXPORT_NAME."""
    c.greet(1)
    while True:
        option = c.option()
        data = c.data()
        if option in (INFO, GO):
            if name_of(data) != b"disk":
                c.reply(option, UNKNOWN)
                continue
            c.info(option, flags, disk)
            c.reply(option, INFO_REPLY, b"\0\1disk")
            c.reply(option, INFO_REPLY, b"\0\2caf\xe9 \0")
            c.reply(option, INFO_REPLY, struct.pack(">HIII", 3, 1, 4096, 32 << 20))
            c.reply(option, ACK)
            if option == GO:
                c.transmit(disk)
        elif option == LIST:
            c.reply(LIST, SERVER, b"\0\0\0\4disk\0\0\0\5other")
            c.reply(LIST, ACK)
        elif option == ABORT:
            c.reply(ABORT, ACK)
            raise Gone
        else:
            c.reply(option, UNSUP)


def go_nbd_single(c, disk):
    """Sets HAS_FLAGS only with SupportsMultiConn."""
    go_nbd(c, disk, 0)


def zerofs(c, disk):
    """No info but the export's, whatever is asked for; offers all that there is."""
    flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA | SEND_TRIM | WRITE_ZEROES | \
        MULTI_CONN | SEND_CACHE | FAST_ZERO
    c.greet(3)
    while True:
        option = c.option()
        data = c.data()
        if option in (INFO, GO):
            if name_of(data) != b"disk":
                c.reply(option, UNKNOWN)
                continue
            c.info(option, flags, disk)
            c.reply(option, ACK)
            if option == GO:
                c.transmit(disk)
        elif option == LIST:
            c.reply(LIST, SERVER, b"\0\0\0\4disk")
            c.reply(LIST, ACK)
        elif option == EXPORT_NAME:
            if data != b"disk":
                raise Gone
            c.enter_by_name(flags, disk)
        elif option == ABORT:
            c.reply(ABORT, ACK)
            raise Gone
        else:
            c.reply(option, UNSUP)


def benji(c, disk):
    """And backy2, swift-nbd-server: an export that is not there gets an option reply."""
    c.greet(3)
    while True:
        option = c.option()
        data = c.data()
        if option == EXPORT_NAME and data == b"disk":
            c.enter_by_name(HAS_FLAGS | SEND_FLUSH, disk)
        elif option == EXPORT_NAME and not data:
            raise Gone
        elif option == LIST:
            c.reply(LIST, SERVER, b"\0\0\0\4disk")
            c.reply(LIST, ACK)
        elif option == ABORT:
            c.reply(ABORT, ACK)
            raise Gone
        else:
            c.reply(option, UNSUP)


def rust_nbd_tchajed(c, disk):
    """Refuses INFO and GO for a description, but enters all the same; ignores names."""
    flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA
    most = 256 * 1024
    c.greet(3)
    while True:
        option = c.option()
        data = c.data()
        if option in (INFO, GO):
            requests = data[6 + len(name_of(data)):]
            for kind in struct.unpack(f">{len(requests) // 2}H", requests) + (0,):
                if kind == 0:
                    c.info(option, flags, disk)
                elif kind == 3:
                    c.reply(option, INFO_REPLY, struct.pack(">HIII", 3, 1, 4096, most // 2))
                else:
                    c.reply(option, UNSUP)
                    break
            else:
                c.reply(option, ACK)
            if option == GO:
                c.transmit(disk, most)
        elif option == LIST:
            c.reply(LIST, SERVER, b"\0\0\0\7default")
            c.reply(LIST, ACK)
        elif option == EXPORT_NAME:
            c.enter_by_name(flags, disk)
        elif option == ABORT:
            raise Gone
        else:
            c.reply(option, UNSUP)


def rust_nbd_vi(c, disk):
    """STARTTLS ends the session. One name is listed, all are the same export."""
    c.greet(3)
    while True:
        option = c.option()
        c.data()
        if option == EXPORT_NAME:
            c.enter_by_name(HAS_FLAGS | SEND_FLUSH, disk)
        elif option == LIST:
            c.reply(LIST, SERVER, b"\0\0\0\7rustnbd")
            c.reply(LIST, ACK)
        elif option in (INFO, GO):
            c.reply(option, UNSUP)
        else:
            if option == ABORT:
                c.reply(ABORT, ACK)
            raise Gone


def tokio_nbd(c, disk):
    """STARTTLS ends the session, and EXPORT_NAME gets no answer."""
    c.greet(3)
    while True:
        option = c.option()
        data = c.data()
        if option in (INFO, GO):
            if name_of(data) != b"disk":
                c.reply(option, UNKNOWN, b"unknown export")
                continue
            c.info(option, HAS_FLAGS | SEND_FLUSH, disk)
            c.reply(option, INFO_REPLY, b"\0\1disk")
            c.reply(option, INFO_REPLY, b"\0\2a disk")
            c.reply(option, INFO_REPLY, struct.pack(">HIII", 3, 1, 4096, 1 << 20))
            c.reply(option, ACK)
            if option == GO:
                c.transmit(disk)
        elif option == LIST:
            c.reply(LIST, SERVER, b"\0\0\0\4disk")
            c.reply(LIST, ACK)
        elif option == EXPORT_NAME:
            c.transmit(disk)
        else:
            if option == ABORT:
                c.reply(ABORT, ACK)
            raise Gone


def lwnbd(c, disk):
    """Ends the session unless the client's flags are its own. Lists descriptions, too."""
    c.greet(3)
    if not c.no_zeroes:
        raise Gone
    while True:
        option = c.option()
        data = c.data()
        if option == EXPORT_NAME:
            if data != b"disk":
                raise Gone
            c.enter_by_name(HAS_FLAGS | SEND_FLUSH, disk)
        elif option == LIST:
            c.reply(LIST, SERVER, b"\0\0\0\4diska memory card")
            c.reply(LIST, ACK)
        elif option == ABORT:
            c.reply(ABORT, ACK)
            raise Gone
        else:
            c.reply(option, UNSUP)


def serve(sock, server, disk):
    try:
        server(Client(sock), disk)
    except (Gone, OSError):
        pass
    finally:
        sock.close()


def main():
    name, port, path = sys.argv[1:]
    server = globals()[name]
    disk = os.open(path, os.O_RDWR)
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(sock, server, disk), daemon=True).start()


main()
