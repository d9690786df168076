"""A guard that has many callers at once keeps the next one waiting, and no longer than he is patient."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk_ext.domain.errors import Refusal
from firewall.node.guard import NodeGuard
from firewall.socket.client import UNREACHABLE, GuardClient

ANSWERED = 4
PATIENCE = 20.0


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[socket.socket]:
    """A guard's socket whose queue of callers is full."""
    with socket.socket(socket.AF_UNIX) as listening, contextlib.ExitStack() as callers:
        listening.bind(str(tmp_path / "guard.sock"))
        listening.listen(1)
        while True:
            caller = callers.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            try:
                caller.connect(listening.getsockname())
            except BlockingIOError:
                break
        listening.setblocking(False)
        yield listening


async def test_a_caller_whom_the_queue_does_not_take_comes_again_until_it_does(busy: socket.socket) -> None:
    asked = asyncio.create_task(GuardClient(Path(busy.getsockname())).metrics())
    await asyncio.sleep(0)
    assert not asked.done()
    answering = asyncio.create_task(answer(busy, "told"))
    assert await asyncio.wait_for(asked, PATIENCE) == "told"
    answering.cancel()
    await asyncio.wait([answering])


async def test_who_has_waited_long_enough_is_told_that_the_guard_does_not_answer(busy: socket.socket) -> None:
    with pytest.raises(Refusal) as refused:
        await GuardClient(Path(busy.getsockname()), patience=1).metrics()
    assert refused.value.problem == UNREACHABLE
    assert "temporarily unavailable" in refused.value.what


async def test_all_bans_with_their_attempts_are_asked_for_by_two_callers(tmp_path: Path) -> None:
    callers: list[asyncio.Event] = []
    bans = [{"source": f"192.0.2.{i}", "since": i, "until": i, "failures": 4, "origin": "log"} for i in range(ANSWERED)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(asyncio.Event())
        mine = callers[-1]
        while line := await reader.readline():
            result: object = bans if json.loads(line)["verb"] == "list" else {"attempts": []}
            writer.write(json.dumps({"ok": True, "result": result}).encode() + b"\n")
        writer.close()
        await writer.wait_closed()
        mine.set()

    async with await asyncio.start_unix_server(serve, tmp_path / "guard.sock"):
        told = await NodeGuard(GuardClient(tmp_path / "guard.sock"), 24).bans()
        for served in callers:
            await asyncio.wait_for(served.wait(), PATIENCE)
    assert (len(told), len(callers)) == (ANSWERED, 2)


async def answer(listening: socket.socket, result: str) -> None:
    """The same to everybody who comes, whether he asks or not."""
    loop, told = asyncio.get_running_loop(), json.dumps({"ok": True, "result": result}).encode() + b"\n"
    with contextlib.ExitStack() as accepted:
        while True:
            caller, _ = await loop.sock_accept(listening)
            await loop.sock_sendall(accepted.enter_context(caller), told)
