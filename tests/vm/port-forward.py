#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# port-forward.py PORT SERVER-PORT [ends]: imitates `kubectl port-forward`, which cannot run
# without a cluster: it accepts at once, and tries to connect only at the other end of its tunnel.
# If the server there is away it closes the connection; since Kubernetes 1.23 it also loses its
# tunnel then, and ends ("lost connection to pod").

import asyncio
import sys

port, server_port = int(sys.argv[1]), int(sys.argv[2])
ends = "ends" in sys.argv[3:]
TUNNEL = 0.05


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def forward(lost, reader, writer):
    await asyncio.sleep(TUNNEL)
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server_port)
    except OSError as e:
        print(f"an error occurred forwarding {port} -> {server_port}: {e}", flush=True)
        writer.close()
        lost.set()
        return
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))


async def main():
    lost = asyncio.Event()

    async def handle(reader, writer):
        await forward(lost, reader, writer)

    await asyncio.start_server(handle, "127.0.0.1", port)
    await lost.wait()
    while not ends:
        await asyncio.sleep(3600)
    print("lost connection to pod", flush=True)


asyncio.run(main())
