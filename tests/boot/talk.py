#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Talks with a test machine, over unix sockets of its QEMU.

talk.py ready SOCKET SECONDS: waits until the guest's shell says that it is ready
talk.py run SOCKET SECONDS COMMAND: runs a command in the guest as root; stdout, stderr and
	the exit code are the command's. 124: it took too long; 125: no guest answers.
talk.py monitor SOCKET SECONDS JSON: has QEMU's monitor execute a command
"""
import json
import os
import socket
import sys
import time

# Beyond the guest's own limit, for a guest that is slow.
GRACE = 15


def fail(text):
    print(f"talk.py: {text}", file=sys.stderr)
    sys.exit(125)


def read_answer(stream, wanted):
    """The next line that begins so; what comes before it is an earlier command's."""
    while line := stream.readline():
        if line.startswith(wanted):
            return line
    fail("the machine is gone")


def ready(stream, seconds):
    read_answer(stream, b"ready")


def run(stream, seconds, command):
    ident = str(time.monotonic_ns())
    command = command.strip().replace("\\", "\\\\").replace("\n", "\\n")
    stream.write(f"run {ident} {seconds} {command}\n".encode())
    stream.flush()
    words = read_answer(stream, f"ran {ident} ".encode()).split()
    code, out, err = map(int, words[2:])
    sys.stdout.buffer.write(stream.read(out))
    sys.stderr.buffer.write(stream.read(err))
    sys.exit(code)


def monitor(stream, seconds, command):
    read_answer(stream, b'{"QMP"')
    for line in '{"execute": "qmp_capabilities"}', command:
        stream.write(line.encode() + b"\n")
        stream.flush()
        answer = json.loads(stream.readline())
        while "event" in answer:
            answer = json.loads(stream.readline())
        if "error" in answer:
            fail(answer["error"]["desc"])


def main():
    verb, path, seconds, *arguments = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(int(seconds) + GRACE)
    # A socket's path may not be long, unlike the way to the checkout.
    os.chdir(os.path.dirname(path) or ".")
    try:
        connection.connect(os.path.basename(path))
        {"ready": ready, "run": run, "monitor": monitor}[verb](
            connection.makefile("rwb"), int(seconds), *arguments)
    except TimeoutError:
        fail(f"no answer within {int(seconds) + GRACE} seconds")
    except OSError as error:
        fail(f"{path}: {error.strerror}")


main()
