"""The console's way in: sockets that listen on the machine's loopback, piped into the lab.

The process lives on the operator's machine of the lab, so that the nodes' firewalls see the operator's address; the
sockets were opened before, outside. Run as ``python -m asterisk_ext.lab.relay FD=ADDRESS:PORT…``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable

CHUNK = 65536


async def serve(targets: dict[int, tuple[str, int]]) -> None:
    """Pipe every connection accepted on a listening descriptor to its target, for ever."""
    servers = []
    for fd, (address, port) in targets.items():
        listener = socket.socket(fileno=fd)
        listener.setblocking(False)
        servers.append(await asyncio.start_server(_pipe_to(address, port), sock=listener))
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _pipe_to(address: str, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            far_reader, far_writer = await asyncio.open_connection(address, port)
            with contextlib.closing(far_writer):
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    return accepted


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the reader's side says that nothing more comes."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def main(arguments: list[str]) -> None:
    targets = {}
    for argument in arguments:
        fd, _, target = argument.partition("=")
        address, _, port = target.rpartition(":")
        targets[int(fd)] = (address, int(port))
    asyncio.run(serve(targets))


if __name__ == "__main__":
    main(sys.argv[1:])
