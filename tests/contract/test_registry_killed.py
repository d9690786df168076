"""The server of an embedded registry is killed with SIGKILL while others write to it."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.remote import RemoteRegistry

WRITERS, ENOUGH = 4, 50


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    line = [sys.executable, "-m", "tests.contract.killed_registry", str(tmp_path / "registry.sqlite3")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


async def test_nothing_acknowledged_is_lost_when_the_registrys_server_is_killed_under_writes(
    tmp_path: Path, server: subprocess.Popen[str]
) -> None:
    written: dict[str, int] = {}
    enough = asyncio.Event()

    async def write(writer: int) -> None:
        for number in itertools.count():
            key = f"pbx/{writer}-{number}"
            try:
                written[key] = await remote.create(key, key.encode())
            except Refusal as refusal:
                assert refusal.error_id in ("registry.unreachable", "registry.unsure")
                return
            if len(written) == ENOUGH:
                enough.set()

    assert server.stdout is not None
    port = int(await asyncio.to_thread(server.stdout.readline))
    remote = RemoteRegistry(f"http://127.0.0.1:{port}")
    writing = asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    async with asyncio.timeout(60):
        await enough.wait()
        server.kill()
        await writing
    await remote.close()
    again = EmbeddedRegistry(tmp_path / "registry.sqlite3", time.time)
    there = {item.key: (item.value, item.revision) for item in (await again.snapshot("pbx/"))[0]}
    await again.close()
    assert len(written) >= ENOUGH
    assert {key: there.get(key) for key in written} == {key: (key.encode(), at) for key, at in written.items()}
