"""Stands in for pveproxy: passes each connection to port 8006 on to a socket that the test has put into the machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

SOCKET = "/run/shared-with-test/api"
ADDRESS = Path("/run/shared-with-test/address")  # of this machine, where it shares a network with others


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until one side ends."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # one side has gone; the other is told by the close
    finally:
        writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Join one connection with one of its own to the test."""
    try:
        far_reader, far_writer = await asyncio.open_unix_connection(SOCKET)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def main() -> None:
    """Listen where pveproxy does. A machine that has no network but its own loopback has the other nodes' addresses as well; those that
    share one also share 127.0.0.1, where it does not matter which of them answers."""
    shared = ADDRESS.exists()
    server = await asyncio.start_server(serve, [ADDRESS.read_text(), "127.0.0.1"] if shared else "0.0.0.0", 8006, reuse_port=shared)
    await server.serve_forever()


asyncio.run(main())
