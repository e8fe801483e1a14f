#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# set-timeout.py INDEX SECONDS BACKEND: NBD_ATTR_TIMEOUT of a device that is connected.

import socket
import struct
import sys

NETLINK_GENERIC, GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2
NBD_CMD_RECONFIGURE = 3
NBD_ATTR_INDEX, NBD_ATTR_TIMEOUT, NBD_ATTR_BACKEND_IDENTIFIER = 1, 4, 10
NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 1, 4, 2

index, seconds, backend = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)


def attribute(kind, data):
    return struct.pack("HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def ask(family, command, flags, attributes):
    body = struct.pack("BBH", command, 1, 0) + attributes
    kernel.send(struct.pack("IHHII", 16 + len(body), family, flags, 1, 0) + body)
    answer = kernel.recv(65536)
    kind, = struct.unpack_from("H", answer, 4)
    if kind == NLMSG_ERROR and (error := struct.unpack_from("i", answer, 16)[0]):
        sys.exit(f"the kernel's answer: {error}")
    return answer[20:]


def family_id(answer):
    while answer:
        size, kind = struct.unpack_from("HH", answer)
        if kind == CTRL_ATTR_FAMILY_ID:
            return struct.unpack_from("H", answer, 4)[0]
        answer = answer[(size + 3) & ~3:]


nbd = family_id(ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_REQUEST,
                    attribute(CTRL_ATTR_FAMILY_NAME, b"nbd\0")))
ask(nbd, NBD_CMD_RECONFIGURE, NLM_F_REQUEST | NLM_F_ACK,
    attribute(NBD_ATTR_INDEX, struct.pack("I", index))
    + attribute(NBD_ATTR_TIMEOUT, struct.pack("Q", seconds))
    + attribute(NBD_ATTR_BACKEND_IDENTIFIER, backend.encode() + b"\0"))
