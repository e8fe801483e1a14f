#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""stalling-fuse.py FOLDER: a file system of one file, "file", mounted there.

It answers until it is stopped, as a dead server's file system does; what it tells of the
file is not to be kept, so that each look asks it anew. (linux/fuse.h)
"""

import ctypes
import os
import stat
import struct
import sys

LOOKUP, GETATTR, SETATTR, OPEN, READ, WRITE, RELEASE, FLUSH, INIT, OPENDIR = (
    1, 3, 4, 14, 15, 16, 18, 25, 26, 27)
FORGET, BATCH_FORGET = 2, 42
ROOT, FILE, SIZE = 1, 2, 4096


def attributes(node):
    mode = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o644
    return struct.pack("<QQQQQQIIIIIIIIII", node, SIZE, 8, 0, 0, 0, 0, 0, 0, mode, 1,
                       0, 0, 0, SIZE, 0)


def reply(opcode, node, body):
    """The answer's body, or a negative errno."""
    if opcode == INIT:
        minor = min(struct.unpack_from("<II", body)[1], 31)
        return struct.pack("<IIIIHHIIHHI28x", 7, minor, 65536, 0, 12, 8, 65536, 1, 0,
                           0, 0)
    if opcode == LOOKUP:
        if body != b"file\0":
            return -2
        return struct.pack("<QQQQII", FILE, 0, 0, 0, 0, 0) + attributes(FILE)
    if opcode in (GETATTR, SETATTR):
        return struct.pack("<QII", 0, 0, 0) + attributes(node)
    if opcode in (OPEN, OPENDIR):
        return struct.pack("<QII", 0, 0, 0)
    if opcode == READ:
        return bytes(SIZE)
    if opcode == WRITE:
        return struct.pack("<II", struct.unpack_from("<QQI", body)[2], 0)
    if opcode in (RELEASE, FLUSH):
        return b""
    return -38


def main():
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"stalling", sys.argv[1].encode(), b"fuse", 0, options) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    while True:
        request = os.read(device, 1 << 20)
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        if opcode in (FORGET, BATCH_FORGET):
            continue
        answer = reply(opcode, node, request[40:])
        error = answer if isinstance(answer, int) else 0
        data = b"" if error else answer
        os.write(device, struct.pack("<IiQ", 16 + len(data), error, unique) + data)


main()
