"""Named, owned tasks."""

from __future__ import annotations

import asyncio

import pytest

from asterisk_ext.tasks import Tasks


async def test_leaving_the_owner_ends_its_tasks() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Tasks() as tasks:
        tasks.start("waits", work())
        await asyncio.sleep(0)
        assert tasks.names() == ["waits"]
    assert ended.is_set()


async def test_kept_work_that_fails_is_logged_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []
    again = asyncio.Event()

    async def work() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ConnectionError("the registry is gone")
        again.set()
        await asyncio.Event().wait()

    async with Tasks() as tasks:
        tasks.keep("copy", work, pause=0)
        await asyncio.wait_for(again.wait(), 5)
    assert len(runs) == 2
    assert "task copy failed" in caplog.text


async def test_an_error_that_escapes_is_logged_under_the_tasks_name(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("no good")

    async with Tasks() as tasks:
        await tasks.start("beat", work())
    assert "task beat ended" in caplog.text
