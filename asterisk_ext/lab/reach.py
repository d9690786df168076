"""Whether a port answers, asked from another machine of the lab."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

from asterisk_ext.lab.namespaces import CLONE_NEWNET, setns

SECONDS = 1.0


async def can_connect(holder: int, address: str, port: int) -> bool:
    """Try one TCP connection from the namespace that process ``holder`` keeps."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bool] = loop.create_future()

    def attempt() -> None:
        reached = _connects(holder, address, port)
        loop.call_soon_threadsafe(answer.set_result, reached)

    # A thread of its own: a thread that has entered a namespace must not serve anything else afterwards.
    threading.Thread(target=attempt, daemon=True).start()
    return await answer


def _connects(holder: int, address: str, port: int) -> bool:
    with Path(f"/proc/{holder}/ns/net").open() as space:
        setns(space.fileno(), CLONE_NEWNET)
    try:
        socket.create_connection((address, port), SECONDS).close()
    except OSError:
        return False
    return True
