#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""reconnect.py NBD-ATTACH PKI SERVER-PORT FOLDER: running attachments, whose server
is replaced by malicious ones.

To be called as root where there is the nbd driver. On SERVER-PORT is a good server, which
serves the files of FOLDER to those with and without TLS. Several attachments go to it
through a front (below), and share the rows of rows.py. Again and again the front cuts the
link and treats the next connections as so many rows say. Meanwhile a write waits; the
supervisor must have none of it: no link, no byte in plaintext that must not be, no word of
the server's that could do harm, no memory. Then it meets a server that it may use, and
everything is as it was.
"""

import concurrent.futures
import json
import mmap
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import time

import front
import rows
from run import DIRTY, plaintext_fault
from server import EXPORT

CUT = re.compile("the server (closed|cut) the connection")

CONNECT_TIMEOUT = 3  # seconds
SIZE = int.from_bytes(EXPORT[2:10])
BLOCK = 64 << 10
AT_ONCE = 4  # rows in one outage: the time between attempts doubles with each
PATIENCE = 60
STATE_LATE = 1  # seconds: on a busy machine the next attempt may be quicker than the file
MEMORY_MAX = 64 << 20  # address space
RSS_MAX = 2048  # kB, which nobody else has, once there is a link
# scheme, options, and how many attachments share the rows of that kind
KINDS = [("nbd", [], 3), ("nbds", [], 4), ("nbd", ["--tls", "prefer"], 1)]


class Wrong(Exception):
    """A check has failed."""


def eventually(what, condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"waited in vain: {what}")
        time.sleep(0.05)


class Device:
    """The device, and what must be on it. Every access goes past the cache."""

    def __init__(self, path, seed):
        self.fd = os.open(path, os.O_RDWR | os.O_DIRECT)
        self.model = bytearray(SIZE)
        self.random = random.Random(seed)
        self.thread = self.error = None

    def write(self):
        """Begins to write a block somewhere."""
        place = self.random.randrange(SIZE // BLOCK) * BLOCK
        block = mmap.mmap(-1, BLOCK)
        block[:] = self.model[place:place + BLOCK] = self.random.randbytes(BLOCK)
        self.thread = threading.Thread(target=self._write, args=(place, block), daemon=True)
        self.thread.start()

    def _write(self, place, block):
        try:
            if os.pwritev(self.fd, [block], place) != BLOCK:
                self.error = "a short write"
        except OSError as e:
            self.error = f"writing: {e}"

    def is_waiting(self):
        return self.thread.is_alive()

    def check(self, file):
        """Nothing has failed; the device and the server's file hold what was written."""
        if self.error:
            raise Wrong(self.error)
        whole = mmap.mmap(-1, SIZE)
        if os.preadv(self.fd, [whole], 0) != SIZE or whole[:] != self.model:
            raise Wrong("the device holds something else")
        if file.read_bytes() != self.model:
            raise Wrong("the server's file holds something else")

    def close(self):
        os.close(self.fd)


class Attachment:
    def __init__(self, name, scheme, options, table):
        self.name, self.scheme, self.options, self.table = name, scheme, options, table
        self.file = FOLDER / name
        with open(self.file, "wb") as file:
            file.truncate(SIZE)
        self.front = front.Front(PORT, PKI, self.file, self.before)
        self.wrong = []

    # ---- setting up ----

    def link(self):
        state = json.loads(pathlib.Path("/run/nbd-attach", self.name,
                                        "state.json").read_bytes())
        return state["links"][0]

    def status(self, field, path="status"):
        text = pathlib.Path("/proc", str(self.pid), path).read_text()
        return next(line[len(field):].split() for line in text.splitlines()
                    if line.startswith(field))

    def attach(self):
        tls = self.scheme == "nbds" or self.options
        trust = ["--tls-ca", f"{PKI}/ca/ca-cert.pem"] if tls else []
        command = [PROGRAM, "attach", "--name", self.name,
                   f"--connect-timeout={CONNECT_TIMEOUT}", *self.options, *trust,
                   f"{self.scheme}://127.0.0.1:{self.front.port}/{self.name}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              check=True, text=True)
        self.device = Device(done.stdout.strip(), self.name)
        text = subprocess.check_output([PROGRAM, "status", "--json", self.name])
        self.pid = json.loads(text)["supervisor"]
        # only now: a supervisor resets its caller's limits
        subprocess.run(["prlimit", f"--pid={self.pid}", f"--as={MEMORY_MAX}"], check=True)
        if self.status("Max address space", "limits")[0] != str(MEMORY_MAX):
            raise Wrong("the supervisor's memory is without a limit")

    # ---- one outage ----

    def before(self, row):
        """Another connection comes: checks how the one before has ended."""
        if row is None or row.exit == rows.DONE:
            return
        refused = row.exit != rows.UNREACHED
        states = {"refused"} if refused else {"reconnecting"}
        if row.endless:
            states = {"refused", "reconnecting"}
        link = self.link()
        end = time.monotonic() + STATE_LATE
        while link["state"] not in states and time.monotonic() < end:
            time.sleep(0.05)
            link = self.link()
        # that a connection just ends is no answer: the server may be about to stop
        if CUT.search(link["error"]):
            states |= {"reconnecting"}
        if link["state"] not in states:
            self.blame(row, f"the link is {link['state']}: {link['error']}")
        if not link["error"] or DIRTY.search(link["error"]):
            self.blame(row, f"the reason is {link['error']!r}")
        if row.says not in link["error"]:
            self.blame(row, f"does not say {row.says}")
        if "link worker" in link["error"]:
            self.blame(row, link["error"])
        if link["reconnects"] != self.reconnects:
            self.blame(row, "a link was made of it")
        if not self.device.is_waiting():
            self.blame(row, f"I/O went on: {self.device.error}")

    def blame(self, row, what):
        self.wrong.append(f"{self.name}: {row.name}: {what}")

    def outage(self, bad, healer):
        """The link is cut; the attempts meet the bad rows, and then the one that heals."""
        self.reconnects = self.link()["reconnects"]
        with self.front.gate:
            self.front.cut(bad + [healer])
            self.device.write()
        eventually(f"{self.front.plan[:1]}", lambda: not self.front.plan)
        eventually("the write", lambda: not self.device.is_waiting())
        self.device.check(self.file)
        for row, client in self.front.take_met():
            fault = row.scheme == "nbds" and plaintext_fault(client)
            if fault:
                self.blame(row, fault)
        # the kernel has the link before the state file says so
        eventually("the state says so", lambda: self.link()["state"] == "up", 5)
        if self.link()["reconnects"] != self.reconnects + 1:
            raise Wrong("other links came and went")
        if int(self.status("RssAnon:")[0]) > RSS_MAX:
            raise Wrong(f"the supervisor has {self.status('RssAnon:')[0]} kB of memory")

    def outages(self):
        """What may be used heals, as long as there is some; then the good server does."""
        healers = [row for row in self.table if row.exit == rows.DONE]
        bad = [row for row in self.table if row.exit != rows.DONE]
        while bad or healers:
            now, bad = bad[:AT_ONCE], bad[AT_ONCE:]
            healer = healers.pop() if healers else None
            start = time.monotonic()
            try:
                self.outage(now, healer)
            except Wrong as e:
                names = [row.name for row in [*now, healer] if row]
                self.wrong.append(f"{self.name}: {e}; after {names}")
                return
            print(f"{time.monotonic() - start:5.1f} s {self.name}:",
                  "; ".join(row.name for row in [*now, healer] if row), flush=True)

    def run(self):
        self.outages()
        self.device.close()
        done = subprocess.run([PROGRAM, "detach", self.name])
        if done.returncode:
            self.wrong.append(f"{self.name}: detach: {done.returncode}")
        return self.wrong


def attachments():
    """Rows are dealt like cards, for those that cost time stand together."""
    table = [row for row in rows.rows() if row.behaviour and not row.info_only]
    for scheme, options, n in KINDS:
        prefer = "--tls" in options
        ours = [row for row in table
                if row.scheme == scheme and ("--tls" in row.options) == prefer]
        for i in range(n):
            name = f"{scheme}{'-prefer' if prefer else ''}-{i}"
            yield Attachment(name, scheme, options, ours[i::n])


def main():
    all_of_them = list(attachments())
    wrong = []
    for attachment in all_of_them:
        attachment.attach()
    with concurrent.futures.ThreadPoolExecutor(len(all_of_them)) as pool:
        for these in pool.map(Attachment.run, all_of_them):
            wrong += these
    print(*wrong, sep="\n")
    print(f"{sum(len(a.table) for a in all_of_them)} rows, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    PROGRAM, PKI, PORT, FOLDER = sys.argv[1:]
    PORT, FOLDER = int(PORT), pathlib.Path(FOLDER)
    sys.exit(main())
