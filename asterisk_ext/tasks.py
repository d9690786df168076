"""Named, owned tasks: whoever starts one holds it, and closing the owner ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)


class Tasks:
    """An owner of tasks, used as ``async with Tasks() as tasks``; leaving the block cancels and awaits them all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run ``work`` once; an exception that escapes is logged under ``name``."""
        task = asyncio.create_task(self._logged(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def keep(self, name: str, work: Callable[[], Awaitable[None]], pause: float = 1.0) -> asyncio.Task[None]:
        """Run ``work`` for as long as the owner lives: again after ``pause`` seconds when it returns or fails."""

        async def loop() -> None:
            while True:
                try:
                    await work()
                except Exception:
                    log.exception("task %s failed; again in %s s", name, pause)
                await asyncio.sleep(pause)

        return self.start(name, loop())

    def names(self) -> list[str]:
        """The names of what runs now, sorted."""
        return sorted(task.get_name() for task in self._tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @staticmethod
    async def _logged(name: str, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("task %s ended by an error", name)
