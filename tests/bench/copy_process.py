"""A node's copy of the registry filled or opened in a process of its own, whose time and memory are its alone.

python -m tests.bench.copy_process DIRECTORY URL TENANTS
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import uvloop

from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks


async def run(place: Path, url: str, tenants: int) -> None:
    started = time.monotonic()
    registry = RemoteRegistry(url)
    copy = LocalCopy(place / "copy.sqlite3", time.time)
    if not copy.tenants():
        async with Tasks() as tasks:
            tasks.start("copy", copy.follow(registry))
            await copy.after(0)
    took = time.monotonic() - started
    assert len(copy.tenants()) == tenants
    print(json.dumps([took, _peak()]))
    await registry.close()
    copy.close()


def _peak() -> float:
    """Megabytes of memory that this program has had at most; getrusage(2) counts who started it, too."""
    told = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert told
    return int(told[1]) / 1024


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
