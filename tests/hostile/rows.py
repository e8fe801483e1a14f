# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the hostile server does, and the exit code that is expected."""

import os
import ssl
import struct
from dataclasses import dataclass, field, replace
from typing import Callable

from behaviours import *
from server import *

DONE, USAGE, UNREACHED, REFUSED, TLS, PROTOCOL = 0, 2, 3, 4, 5, 6

NASTY = b"\x1b[2J\x1b]0;owned\x07\r\nroot# \x9b31m\xc2\x9b\xe2\x80\xae\x00\x7f"
NASTY_4K = (NASTY * 200)[:4096]
U31, U32 = 1 << 31, (1 << 32) - 1


@dataclass
class Row:
    name: str
    behaviour: Callable
    exit: int
    scheme: str = "nbd"
    options: list = field(default_factory=list)
    says: str = ""
    endless: bool = False  # UNREACHED is as good: time may run out first
    last: object = None  # what the client must say last inside TLS, before close_notify
    info_only: bool = False  # about what `attach` never asks or says


# Each has one fault only, so that it is not refused for another.
NO_HAS_FLAGS = EXPORT[:-1] + bytes([EXPORT[-1] & ~1])
TOO_LARGE = EXPORT[:2] + b"\xff" * 8 + EXPORT[-2:]

GOOD = reply(INFO, INFO_REPLY, EXPORT) + reply(INFO, ACK)
BROKEN_REPLIES = {  # to INFO, in plaintext and inside TLS
    "wrong reply magic": reply(INFO, ACK, magic=0x3E889045565AA),
    "reply to GO": reply(GO, ACK),
    "reply to option 0": reply(0, ACK),
    "unknown reply type": reply(INFO, 0x1234),
    "reply type 0": reply(INFO, 0),
    "REP_SERVER": reply(INFO, SERVER, entry(b"disk")),
    "ACK without export info": reply(INFO, ACK),
    "ACK with data": reply(INFO, INFO_REPLY, EXPORT) + reply(INFO, ACK, b"data"),
    "ACK of 2^31 bytes": reply(INFO, INFO_REPLY, EXPORT) + reply(INFO, ACK, size=U31),
    "ACK of 2^32-1 bytes": reply(INFO, INFO_REPLY, EXPORT) + reply(INFO, ACK, size=U32),
    "info of length 0": reply(INFO, INFO_REPLY),
    "info of 2^31 bytes": reply(INFO, INFO_REPLY, EXPORT, size=U31),
    "info of 2^32-1 bytes": reply(INFO, INFO_REPLY, EXPORT, size=U32),
    "error text of 2^31 bytes": reply(INFO, UNKNOWN, b"x" * 9000, size=U31),
    "error text of 2^32-1 bytes": reply(INFO, UNKNOWN, b"x" * 9000, size=U32),
    "short export info": reply(INFO, INFO_REPLY, EXPORT[:-1]) + reply(INFO, ACK),
    "long export info": reply(INFO, INFO_REPLY, EXPORT + b"x") + reply(INFO, ACK),
    "no HAS_FLAGS": reply(INFO, INFO_REPLY, NO_HAS_FLAGS) + reply(INFO, ACK),
    "size 2^64-1": reply(INFO, INFO_REPLY, TOO_LARGE) + reply(INFO, ACK),
    "description too long": reply(INFO, INFO_REPLY, b"\0\2" + b"x" * 4097) + GOOD,
}
BROKEN_BLOCKS = {
    "minimum 0": (0, 4096, 1 << 25),
    "minimum 3": (3, 4096, 1 << 25),
    "minimum 128 KiB": (1 << 17, 1 << 17, 1 << 25),
    "preferred 256": (1, 256, 1 << 25),
    "preferred below minimum": (4096, 512, 1 << 25),
    "preferred 5000": (512, 5000, 1 << 25),
    "maximum below preferred": (512, 4096, 512),
    "all of 2^32-1": (U32, U32, U32),
}
BROKEN_LISTS = {
    "name longer than its entry": reply(LIST, SERVER, entry(b"a", name_size=2)),
    "name of 2^32-1 bytes": reply(LIST, SERVER, entry(b"a", name_size=U32)),
    "name of 4097 bytes": reply(LIST, SERVER, entry(b"x" * 4097)),
    "entry of 2^31 bytes": reply(LIST, SERVER, size=U31),
    "entry of 2^32-1 bytes": reply(LIST, SERVER, size=U32),
    "ACK with data": reply(LIST, ACK, b"x"),
    "ACK of 2^32-1 bytes": reply(LIST, ACK, size=U32),
    "error text of 2^31 bytes": reply(LIST, POLICY, size=U31),
    "reply to INFO": reply(INFO, ACK),
    "unknown reply type": reply(LIST, 0x1234),
    "an info": reply(LIST, INFO_REPLY, EXPORT),
    "wrong reply magic": reply(LIST, ACK, magic=1),
}
ERRORS = dict(
    UNSUP=UNSUP, POLICY=POLICY, INVALID=INVALID, PLATFORM=PLATFORM, TLS_REQD=TLS_REQD,
    UNKNOWN=UNKNOWN, SHUTDOWN=SHUTDOWN, BLOCK_SIZE_REQD=BLOCK_SIZE_REQD, TOO_BIG=TOO_BIG,
    FUTURE=ERROR + 4711,
)
LIST_OPTION = ["--list"]


def greetings():
    yield Row("nobody listens", None, UNREACHED)
    yield Row("nobody listens", None, UNREACHED, "nbds")
    old = b"NBDMAGIC" + bytes.fromhex("00420281861253") + struct.pack(">QI", 1 << 20, 1)
    old = old[:8] + b"\0" + old[8:] + bytes(124)
    for name, data in {
        "wrong magic": b"NBDMAGIKIHAVEOPT\0\3",
        "wrong second magic": b"NBDMAGICIHAVEOPS\0\3",
        "old style": old,
        "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
        "a TLS alert": bytes.fromhex("15 0303 0002 0228") * 4,
        "escape sequences": NASTY * 10,
        "1 MiB of noise": os.urandom(1 << 20),
    }.items():
        for scheme in "nbd", "nbds":
            yield Row(f"greeting: {name}", says(data), PROTOCOL, scheme)
    for scheme in "nbd", "nbds":
        yield Row("greeting: silence", listen, UNREACHED, scheme)
        yield Row("greeting: closed", close, UNREACHED, scheme)
        yield Row("greeting: reset", reset, UNREACHED, scheme)
        yield Row("greeting: half, silence", says(b"NBDMAGICIHAV"), UNREACHED, scheme)
        yield Row("greeting: half, closed", says_and_closes(b"NBDMAGICI"), UNREACHED,
            scheme)
        yield Row("greeting: drips", drips(b"NBDMAGICIHAVEOPT", 0.4), UNREACHED, scheme)
    yield Row("greeting: no fixed newstyle", not_fixed(0), DONE)
    yield Row("greeting: unknown flags", lambda c: (c.greet(0xFFFF), c.serve()), DONE)
    yield Row("byte by byte", byte_by_byte, DONE, options=["--connect-timeout=5"])


def plain():
    for name, data in BROKEN_REPLIES.items():
        yield Row(f"INFO: {name}", answers(INFO, data), PROTOCOL)
    for name, sizes in BROKEN_BLOCKS.items():
        data = reply(INFO, INFO_REPLY, block_sizes(*sizes)) + GOOD
        yield Row(f"INFO: block sizes: {name}", answers(INFO, data), PROTOCOL)
    for name, number in ERRORS.items():
        data = reply(INFO, number, NASTY_4K)
        expected = DONE if number == UNSUP else REFUSED
        yield Row(f"INFO: error {name}", answers(INFO, data), expected)
    yield Row("INFO: 4 KiB of escape sequences as description", answers(
        INFO, reply(INFO, INFO_REPLY, b"\0\2" + b"\x1b[31m\r\n\x07 " * 400) + GOOD), DONE)
    yield Row("INFO: a description of any bytes", answers(
        INFO, reply(INFO, INFO_REPLY, b"\0\2\xff\xfe a\0b\0") + GOOD), DONE)
    yield Row("INFO: silence", after(INFO, listen), UNREACHED)
    yield Row("INFO: closed", after(INFO, close), PROTOCOL)
    yield Row("INFO: reset", after(INFO, reset), PROTOCOL)
    yield Row("INFO: half a reply", after(INFO, send(GOOD[:25])), UNREACHED)
    yield Row("INFO: half a reply, closed", after(INFO, says_and_closes(GOOD[:25])),
        PROTOCOL)
    yield Row("INFO: drips", after(INFO, drips(GOOD, 0.3)), UNREACHED)
    yield Row("INFO: endless", after(INFO, for_ever(reply(INFO, INFO_REPLY, EXPORT))),
        PROTOCOL, endless=True)
    yield Row("INFO: endless and long", after(INFO, for_ever(
        reply(INFO, INFO_REPLY, b"\x12\x34" + b"x" * 60000))), PROTOCOL, endless=True)
    yield Row("FORCEDTLS", lambda c: (c.greet(), c.serve(
        {INFO: reply(INFO, TLS_REQD), LIST: reply(LIST, TLS_REQD)})), REFUSED,
        says="nbds://")
    yield Row("EXPORT_NAME: closed", lambda c: (c.greet(), c.serve(
        {INFO: reply(INFO, UNSUP)}, until=EXPORT_NAME), c.close()), REFUSED)
    yield Row("EXPORT_NAME: silence", at_export_name(listen), UNREACHED)
    yield Row("EXPORT_NAME: half a reply", at_export_name(send(EXPORT[2:7])), UNREACHED)
    yield Row("EXPORT_NAME: drips", at_export_name(drips(EXPORT[2:], 0.6)), UNREACHED)
    yield Row("EXPORT_NAME: no HAS_FLAGS", at_export_name(send(NO_HAS_FLAGS[2:])), PROTOCOL)
    yield Row("EXPORT_NAME: size 2^64-1", at_export_name(send(TOO_LARGE[2:])), PROTOCOL)


def lists():
    """What only `info --list` asks."""
    for name, data in BROKEN_LISTS.items():
        yield Row(f"LIST: {name}", answers(LIST, data), PROTOCOL, options=LIST_OPTION)
    for name, number in ERRORS.items():
        yield Row(f"LIST: error {name}", answers(LIST, reply(LIST, number, NASTY_4K)),
            REFUSED, options=LIST_OPTION, says="nbds://" if number == TLS_REQD else "")
    yield Row("LIST: escape sequences", answers(LIST, reply(
        LIST, SERVER, entry(b"\x1b[2J\r\n", b"\x1b]0;x\x07 \xc2\x9b")) + reply(LIST, ACK)),
        DONE, options=LIST_OPTION)
    yield Row("LIST: names of any bytes", answers(LIST, reply(
        LIST, SERVER, entry(b"\xff\xfe a\0b\0", b"\xc3")) + reply(LIST, ACK)), DONE,
        options=LIST_OPTION)
    yield Row("LIST: 9 MB of names", answers(LIST, 1100 * reply(
        LIST, SERVER, entry(b"x" * 4096, b"y" * 4096)) + reply(LIST, ACK)), PROTOCOL,
        options=[*LIST_OPTION, "--connect-timeout=5"])
    yield Row("LIST: endless", after(LIST, for_ever(reply(LIST, SERVER, entry(b"disk")))),
        PROTOCOL, options=LIST_OPTION, endless=True)
    yield Row("LIST: endless and long", after(LIST, for_ever(
        reply(LIST, SERVER, entry(b"x" * 4096, b"y" * 4096)))), PROTOCOL,
        options=LIST_OPTION, endless=True)
    yield Row("LIST: silence", after(LIST, listen), UNREACHED, options=LIST_OPTION)
    for name, data in BROKEN_LISTS.items():
        yield Row(f"inside TLS: LIST: {name}", in_tls(LIST, data), PROTOCOL, "nbds",
            LIST_OPTION)
    yield Row("inside TLS: LIST: TLS_REQD", in_tls(LIST, reply(LIST, TLS_REQD)), PROTOCOL,
        "nbds", LIST_OPTION)
    yield Row("inside TLS: LIST: silence", tls_then(
        lambda c: (c.serve(until=LIST), c.listen())), UNREACHED, "nbds", LIST_OPTION)


def modes():
    """What only `info` does: it finds out the server's TLS mode, and sends ABORT."""
    yield Row("mode: STARTTLS closed", after(STARTTLS, close), DONE)
    yield Row("mode: STARTTLS unanswered", after(STARTTLS, listen), DONE)
    yield Row("mode: STARTTLS gets nonsense", after(STARTTLS, send(bytes(20))), PROTOCOL)
    yield Row("mode: garbage for a handshake that the user has not asked for", after(
        STARTTLS, send(reply(STARTTLS, ACK) + b"x" * 100)), DONE)
    yield Row("ABORT: unanswered", after(ABORT, listen), DONE)
    yield Row("ABORT: nonsense", after(ABORT, send(NASTY * 50)), DONE)
    yield Row("ABORT: reset", after(ABORT, reset), DONE)


def starttls():
    """nbds: up to the ACK of STARTTLS."""
    for flags in 0, 2:
        yield Row(f"greeting: flags {flags}, TLS required", not_fixed(flags), TLS, "nbds")
    for name, number in ERRORS.items():
        yield Row(f"STARTTLS: error {name}", answers(
            STARTTLS, reply(STARTTLS, number, NASTY_4K)), TLS, "nbds")
    for name, data in {
        "ACK with data": reply(STARTTLS, ACK, b"data"),
        "ACK of 2^31 bytes": reply(STARTTLS, ACK, size=U31),
        "ACK of 2^32-1 bytes": reply(STARTTLS, ACK, size=U32),
        "ACK to INFO": reply(INFO, ACK),
        "an info": reply(STARTTLS, INFO_REPLY, EXPORT),
        "wrong magic": reply(STARTTLS, ACK, magic=1),
        "error text of 2^31 bytes": reply(STARTTLS, POLICY, size=U31),
        "error text of 2^32-1 bytes": reply(STARTTLS, POLICY, size=U32),
        "unknown reply type": reply(STARTTLS, 0x1234),
        "reply type 0": reply(STARTTLS, 0),
        "ACK to GO, ahead of time": reply(GO, INFO_REPLY, EXPORT) + reply(GO, ACK),
    }.items():
        yield Row(f"STARTTLS: {name}", answers(STARTTLS, data), PROTOCOL, "nbds")
        yield Row(f"STARTTLS: {name}, TLS preferred", answers(STARTTLS, data), PROTOCOL,
            options=["--tls", "prefer"])
    yield Row("STARTTLS: silence", after(STARTTLS, listen), UNREACHED, "nbds")
    yield Row("STARTTLS: closed", after(STARTTLS, close), PROTOCOL, "nbds")
    yield Row("STARTTLS: reset", after(STARTTLS, reset), PROTOCOL, "nbds")
    yield Row("STARTTLS: half a reply", after(STARTTLS, send(reply(STARTTLS, ACK)[:9])),
        UNREACHED, "nbds")
    yield Row("STARTTLS: drips", after(STARTTLS, drips(reply(STARTTLS, ACK), 0.3)),
        UNREACHED, "nbds")


def handshakes():
    """nbds: from the ACK of STARTTLS to the end of the handshake."""
    hello = bytes.fromhex("16 0303 4000 02 003ffc 0303")
    for name, then, expected in [
        ("silence", listen, UNREACHED),
        ("closed", close, TLS),
        ("reset", reset, TLS),
        ("noise", send(os.urandom(4096)), TLS),
        ("zeroes", send(bytes(4096)), TLS),
        ("escape sequences", send(NASTY * 20), TLS),
        ("option replies in plaintext", send(GOOD), TLS),
        ("an alert", send(bytes.fromhex("15 0303 0002 0228")), TLS),
        ("warnings without end", for_ever(bytes.fromhex("15 0303 0002 016e")), TLS),
        ("application data", send(bytes.fromhex("17 0303 0010") + bytes(16)), TLS),
        ("drips", drips(hello + bytes(100), 0.05), UNREACHED),
        ("empty records without end", for_ever(bytes.fromhex("16 0303 0000")), TLS),
    ]:
        yield Row(f"handshake: {name}", handshake(then), expected, "nbds")
    yield Row("handshake: half a record, silence", handshake(send(hello)), UNREACHED,
        "nbds")
    yield Row("handshake: half of it, silence", half_a_handshake, UNREACHED, "nbds")
    yield Row("handshake: noise, TLS preferred", handshake(send(os.urandom(4096))), TLS,
        options=["--tls", "prefer"])
    yield Row("handshake: INFO's reply injected behind the ACK", injected(GOOD), TLS,
        "nbds")
    yield Row("handshake: STARTTLS' ACK twice", injected(reply(STARTTLS, ACK)), TLS, "nbds")
    yield Row("handshake: one byte injected", injected(b"\0"), TLS, "nbds")
    # HelloRequest: ignored, because our handshake has begun already
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        yield Row(f"handshake: {version.name}, the server asks for it", tls_then(
            serve, extra=bytes.fromhex("16 0303 0004 00000000"), maximum_version=version),
            DONE, "nbds")
    yield Row("handshake: TLS 1.1 is not offered", tls_then(
        serve, ciphers="ALL:@SECLEVEL=0", minimum_version=ssl.TLSVersion.TLSv1_1,
        maximum_version=ssl.TLSVersion.TLSv1_1), TLS, "nbds", says="alert")
    yield Row("handshake: TLS 1.1 is refused, whatever the priorities are", None, USAGE,
        "nbds", ["--tls-priority", "NORMAL:-VERS-ALL:+VERS-TLS1.1"],
        "leaves neither TLS 1.3 nor TLS 1.2")
    yield Row("certificate: self-signed", tls_then(
        serve, folder="self-signed"), TLS, "nbds")
    yield Row("certificate: of another name", tls_then(serve, folder="other"), TLS, "nbds")
    yield Row("certificate: expired", tls_then(serve, folder="expired"), TLS, "nbds")
    yield Row("certificate: the client's is required", tls_then(
        serve, verify_mode=ssl.CERT_REQUIRED), TLS, "nbds")
    yield Row("certificate: the client's is required, TLS 1.2", tls_then(
        serve, verify_mode=ssl.CERT_REQUIRED, maximum_version=ssl.TLSVersion.TLSv1_2),
        TLS, "nbds")


def inside_tls():
    yield Row("byte by byte up to TLS", byte_by_byte_to_tls, DONE, "nbds",
        ["--connect-timeout=5"])
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        yield Row(f"inside {version.name}: a good server", tls_then(
            serve, maximum_version=version), DONE, "nbds", last=ABORT)
        yield Row(f"inside {version.name}: refused: ABORT, then close_notify", tls_then(
            lambda c: c.serve({INFO: reply(INFO, UNKNOWN)}), maximum_version=version),
            REFUSED, "nbds", last=ABORT)
        yield Row(f"inside {version.name}: entered: DISC, then close_notify", tls_then(
            entered, maximum_version=version), DONE, "nbds", last="DISC", info_only=True)
        yield Row(f"inside {version.name}: byte by byte", tls_then(
            byte_by_byte_tls, maximum_version=version), DONE, "nbds")
    for name, data in BROKEN_REPLIES.items():
        yield Row(f"inside TLS: INFO: {name}", in_tls(INFO, data), PROTOCOL, "nbds")
    for name, number in ERRORS.items():
        expected = {UNSUP: DONE, TLS_REQD: PROTOCOL}.get(number, REFUSED)
        yield Row(f"inside TLS: INFO: error {name}", in_tls(
            INFO, reply(INFO, number, NASTY_4K)), expected, "nbds",
            last=ABORT if expected == REFUSED else None)
    yield Row("inside TLS: LIST", tls_then(serve), DONE, "nbds", LIST_OPTION, last=ABORT,
        info_only=True)
    yield Row("inside TLS: ABORT is answered by closing", tls_then(
        lambda c: (c.serve(until=ABORT), c.sock.unwrap())), DONE, "nbds", info_only=True)
    yield Row("inside TLS: ABORT is answered by closing TCP", tls_then(
        lambda c: (c.serve(until=ABORT), c.go_under_tls(), c.close())), DONE, "nbds",
        info_only=True)
    # a man in the middle can change the greeting's flag for zeroes, which GO does not have
    yield Row("inside TLS: the greeting has lost NO_ZEROES", tls_then(serve, flags=1), DONE,
        "nbds", last=ABORT)
    yield Row("inside TLS: silence", tls_then(listen), UNREACHED, "nbds")
    yield Row("inside TLS: half a reply", in_tls(INFO, GOOD[:25]), UNREACHED, "nbds")
    yield Row("inside TLS: drips", tls_then(lambda c: (c.option(), c.drip(GOOD, 0.3))),
        UNREACHED, "nbds")
    for name, leave in ("cut", torn), ("ended", ended):
        # as in TLS 1.3 a server that rejects the client's certificate
        yield Row(f"inside TLS: {name} before the first reply", leave(b""), TLS, "nbds")
        yield Row(f"inside TLS: {name} within a reply", leave(GOOD[:25]), PROTOCOL, "nbds")
        yield Row(f"inside TLS: {name} between replies", leave(GOOD[:32]), PROTOCOL,
            "nbds")
    yield Row("inside TLS: EXPORT_NAME is closed", tls_then(refuse_export_name), REFUSED,
        "nbds")
    yield Row("inside TLS: endless", tls_then(for_ever(reply(INFO, INFO_REPLY, EXPORT))),
        PROTOCOL, "nbds", endless=True)
    yield Row("below TLS: replies in plaintext", raw_under_tls(GOOD), TLS, "nbds")
    yield Row("below TLS: a record that does not decrypt", raw_under_tls(
        bytes.fromhex("17 0303 0040") + os.urandom(64)), TLS, "nbds")
    yield Row("below TLS: a record too long", raw_under_tls(
        bytes.fromhex("17 0303 ffff") + os.urandom(65535)), TLS, "nbds")


def rows():
    both = [*greetings(), *plain(), *starttls(), *handshakes(), *inside_tls()]
    return both + [replace(row, info_only=True) for row in [*lists(), *modes()]]
