#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run.py NBD-ATTACH [WORD…]: `nbd-attach info` against malicious servers.

Each row of rows.py is a server of its own and one run of the program. Whatever the server
does, the program must end in time with the exit code of the row, say why in one clean
line, stay small, and with nbds:// send nothing but STARTTLS and ABORT in plaintext. With
words, only the rows whose names hold one of them are run, and each tells what it said.
"""

import concurrent.futures
import os
import pathlib
import re
import shlex
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import rows
from server import ABORT, PATIENCE, STARTTLS, Client

HERE = pathlib.Path(__file__).resolve().parent
CONNECT_TIMEOUT = 2  # seconds
GRACE = 4
AT_ONCE = 24
MEMORY_MAX = 64 << 20  # address space; a sanitizer needs more, for its own ends

# C0 but newline, C1, what turns the direction of text, and the line separators
DIRTY = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def serve(listener, row, clients):
    """One connection, treated as the row says."""
    try:
        sock, _ = listener.accept()
    except OSError:
        return
    client = Client(sock, PKI)
    clients.append(client)
    client.suffer(row.behaviour)


def run(row, port, output):
    """The program's exit status and duration."""
    tls = row.scheme == "nbds" or "--tls" in row.options
    trust = ["--tls-ca", f"{PKI}/ca/ca-cert.pem"] if tls else []
    # A wrapper for a foreign program, as meson's, needs memory for its own ends, too.
    limit = [] if SANITIZED or WRAPPER else ["prlimit", f"--as={MEMORY_MAX}"]
    command = [*limit, *WRAPPER, PROGRAM, "info", f"--connect-timeout={CONNECT_TIMEOUT}",
               *row.options, *trust, f"{row.scheme}://127.0.0.1:{port}/disk"]
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output[0],
                               stderr=output[1])
    killer = threading.Timer(PATIENCE, process.kill)
    killer.start()
    code = process.wait()
    killer.cancel()
    return code, time.monotonic() - start


def options_in(plain):
    """The options that a client sent after its four bytes of flags."""
    plain = plain[4:]
    while plain:
        if len(plain) < 16:
            yield "bytes that are no option"
            return
        _, option, size = struct.unpack(">QII", plain[:16])
        yield option if size == 0 else "data"
        plain = plain[16 + size:]


def no_record(data):
    """The first of what a client sent that is no TLS record, or nothing."""
    while data and data[0] in (20, 21, 22, 23) and data[1:2] in (b"", b"\3"):
        data = data[5 + int.from_bytes(data[3:5], "big"):]
    return data


def plaintext_fault(client):
    """nbds: what was sent in plaintext that must not be, or None."""
    options = list(options_in(client.plain))
    if options[:1] not in ([], [STARTTLS]) or set(options) - {STARTTLS, ABORT}:
        return f"plaintext options {options}"
    rest = no_record(client.after_ack)
    if rest:
        return f"plaintext after the ACK: {rest[:16].hex()}"
    return None


def tls_fault(client, row):
    """What was said inside TLS that must not be, or the wrong end of it, or None."""
    if STARTTLS in client.inside:
        return "STARTTLS inside TLS"
    if row.last and (client.inside[-1:], client.farewell) != ([row.last], "close_notify"):
        return f"left with {client.inside[-1:]} and {client.farewell}"
    return None


def faults(row, result, clients, out, err):
    code, seconds = result
    if code != row.exit and not (row.endless and code == rows.UNREACHED):
        yield f"exit code {code} instead of {row.exit}"
    if seconds > CONNECT_TIMEOUT + GRACE:
        yield f"took {seconds:.1f} s"
    if DIRTY.search(err) or DIRTY.search(out.replace("\t", "")):
        yield "control characters in the output"
    lines = [line for line in err.splitlines() if ": warning: " not in line]
    if len(lines) != (code != 0) or (lines and not lines[0].startswith("nbd-attach: ")):
        yield f"{len(lines)} lines on stderr"
    if code != 0 and out:
        yield "failed, but has a result"
    if row.says not in err:
        yield f"does not say {row.says}"
    if re.search("link worker|Sanitizer|runtime error", err):
        yield "the worker died, or gave a bad report"
    if row.scheme == "nbds" and row.behaviour:
        if not clients:
            yield "never came"
        for client in clients:
            yield from filter(None, (plaintext_fault(client), tls_fault(client, row)))


def play(row):
    """What is wrong with a row, its time, and what the program said."""
    clients = []
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=serve, args=(listener, row, clients))
        if row.behaviour:
            thread.start()
        else:
            listener.close()
        result = run(row, port, (out, err))
        if row.behaviour:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
        texts = []
        for file in out, err:
            file.seek(0)
            texts.append(file.read().decode(errors="surrogateescape"))
    return list(faults(row, result, clients, *texts)), result, texts[1]


def is_able():
    """Whether the program can use any server: QEMU's user mode has no system call filters."""
    row = rows.Row("a good server", lambda c: (c.greet(), c.serve()), rows.DONE)
    return play(row)[1][0] == rows.DONE


def main():
    table = [r for r in rows.rows() if not WORDS or any(w in r.name for w in WORDS)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for row, (wrong, result, said) in zip(table, pool.map(play, table)):
            failed += bool(wrong)
            if wrong or WORDS:
                print(f"{'FAILED' if wrong else 'ok'} {row.scheme}: {row.name}:",
                      "; ".join(wrong), f"({result[1]:.1f} s)\n   ",
                      ascii(said.strip()))
    print(f"{len(table) - failed} rows hold, {failed} do not")
    return 1 if failed or not table else 0


if __name__ == "__main__":
    PROGRAM, WORDS = os.path.realpath(sys.argv[1]), sys.argv[2:]
    WRAPPER = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
    SANITIZED = b"__asan_init" in pathlib.Path(PROGRAM).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        PKI = f"{folder}/pki"
        os.chmod(folder, 0o755)
        subprocess.run([HERE.parent / "vm/make-pki", PKI], check=True)
        if WRAPPER and not is_able():
            print("the program cannot use any server under", *WRAPPER)
            sys.exit(77)
        sys.exit(main())
