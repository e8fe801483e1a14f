#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# translate-connect.py SERVICE PORT SERVER-PORT CGROUP: from now on, whoever connects to that
# IPv4 address and port, from that folder of cgroup2, gets to SERVER-PORT of 127.0.0.1, and
# getpeername(2) says so. A load balancer does it like that where it works at connect(2): by
# a program for BPF_CGROUP_INET4_CONNECT. It stays when this process has ended.

import ctypes
import os
import socket
import struct
import sys

BPF_PROG_LOAD, BPF_PROG_ATTACH = 5, 8
CGROUP_SOCK_ADDR, INET4_CONNECT = 18, 10  # enum bpf_prog_type, enum bpf_attach_type
SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
IP, PORT = 4, 24  # in struct bpf_sock_addr, both in network order

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    r = libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if r < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return r


def insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhI", code, src << 4 | dst, off, imm)


def network32(address):
    return struct.unpack("=I", socket.inet_aton(address))[0]


service, port, server_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
program = b"".join([
    insn(0x61, 2, 1, IP),                                        # r2 = user_ip4
    insn(0x56, 2, off=6, imm=network32(service)),                # another one: let it be
    insn(0x61, 2, 1, PORT),                                      # r2 = user_port
    insn(0x56, 2, off=4, imm=socket.htons(port)),
    insn(0xB4, 2, imm=network32("127.0.0.1")),
    insn(0x63, 1, 2, IP),                                        # user_ip4 = r2
    insn(0xB4, 2, imm=socket.htons(server_port)),
    insn(0x63, 1, 2, PORT),
    insn(0xB4, 0, imm=1),                                        # allowed
    insn(0x95),
])
code, license = ctypes.create_string_buffer(program), ctypes.create_string_buffer(b"GPL")
loaded = bpf(BPF_PROG_LOAD, struct.pack(
    "=IIQQIIQII16sII", CGROUP_SOCK_ADDR, len(program) // 8, ctypes.addressof(code),
    ctypes.addressof(license), 0, 0, 0, 0, 0, b"", 0, INET4_CONNECT))
folder = os.open(sys.argv[4], os.O_RDONLY | os.O_DIRECTORY)
bpf(BPF_PROG_ATTACH, struct.pack("=IIII", folder, loaded, INET4_CONNECT, 0))
