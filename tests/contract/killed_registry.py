"""A process that keeps an embedded registry and serves it to others: ``killed_registry FILE``; prints its port."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from aiohttp import web

from asterisk_ext.registry import wire
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.served import application


async def main(path: Path) -> None:
    root = web.Application()
    registry = EmbeddedRegistry(path, time.time)
    root.add_subapp(wire.PREFIX, application(registry, lambda request: "node1", lambda: ["node1"]))
    runner = web.AppRunner(root)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
