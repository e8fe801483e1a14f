#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# fd-store.py SOCKET COMMAND…: a service manager that keeps descriptors (FDSTORE=1), and
# starts the command again, with those, when it was killed.

import array
import os
import signal
import socket
import sys

path, command = sys.argv[1], sys.argv[2:]
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.bind(path)
inbox.settimeout(0.1)
store = {}


def start():
    pid = os.fork()
    if pid:
        return pid
    # out of the way of each other, then from 3 on
    high = [os.dup2(fd, 200 + i) for i, fd in enumerate(store.values())]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i)
        os.close(fd)
    os.environ.update(NOTIFY_SOCKET=path, LISTEN_PID=str(os.getpid()),
                      LISTEN_FDS=str(len(store)))
    os.execvp(command[0], command)


def take():
    try:
        text, control, _, _ = inbox.recvmsg(4096, socket.CMSG_SPACE(4))
    except socket.timeout:
        return
    lines = dict(line.split("=", 1) for line in text.decode().split("\n") if line)
    fds = array.array("i")
    for _, _, data in control:
        fds.frombytes(data)
    if "FDSTORE" in lines:
        print("stored", lines["FDNAME"], flush=True)
        store[lines["FDNAME"]] = fds[0]
    elif "FDSTOREREMOVE" in lines and lines["FDNAME"] in store:
        print("removed", lines["FDNAME"], flush=True)
        os.close(store.pop(lines["FDNAME"]))


child = start()
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
while True:
    take()
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid and not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    if pid:
        child = start()
