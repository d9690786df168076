"""The lab's processes: started in their machine's namespaces, watched, and told of when one ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asterisk_ext.domain.errors import Problem
from asterisk_ext.tasks import Tasks

ENDED = Problem(
    "lab.service_ended",
    500,
    "{name} on {host} started and ended again with status {status}. Its last lines:\n{lines}",
    "Correct what they tell, then bring the lab up again.",
)
LATE = Problem(
    "lab.not_ready",
    500,
    "{name} on {host} was not ready within {seconds:.0f} seconds. Its last lines:\n{lines}",
    "See whether the machine is overloaded, then bring the lab up again.",
)
TAIL_LINES = 12
POLL = 0.1
"""Seconds between two looks at a service that is starting; more where a look is a process of its own."""


@dataclass(slots=True)
class Running:
    """A process of the lab; ``pid`` is its id among the lab's processes."""

    host: str
    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs."""
        return self.process.returncode


class Supervisor:
    """Starts processes inside the namespaces that ``holders`` keep; ``changed`` is called when one starts or ends."""

    def __init__(self, holders: dict[str, int], tasks: Tasks, changed: Callable[[], None]) -> None:
        self.holders = holders
        self._tasks = tasks
        self._changed = changed
        self.running: list[Running] = []

    async def start(
        self,
        host: str,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        directory: Path | None = None,
        fds: Sequence[int] = (),
    ) -> Running:
        """Run ``command`` on ``host``; what it prints goes to ``log``."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *self.entered(host, directory),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=fds,
            )
        running = Running(host, name, process, log)
        self.running.append(running)
        self._tasks.start(f"watch {name} on {host}", self._watch(running))
        self._changed()
        return running

    async def succeeds(self, host: str, command: Sequence[str]) -> bool:
        """Whether ``command``, run on ``host``, ends with status 0."""
        status, _ = await self.output(host, command)
        return status == 0

    async def output(self, host: str, command: Sequence[str]) -> tuple[int, str]:
        """The status of ``command`` run on ``host``, and what it printed."""
        process = await asyncio.create_subprocess_exec(
            *self.entered(host, None),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode(errors="replace")

    async def until(self, running: Running, ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait for ``ready``; refuses ``lab.service_ended`` or ``lab.not_ready`` with the service's last lines."""
        who = {"name": running.name, "host": running.host}
        try:
            async with asyncio.timeout(seconds):
                began = time.monotonic()
                while not await ready():
                    if running.status is not None:
                        raise ENDED.refuse(**who, status=running.status, lines=tail(running.log))
                    await asyncio.sleep(max(POLL, 4 * (time.monotonic() - began)))
                    began = time.monotonic()
        except TimeoutError:
            raise LATE.refuse(**who, seconds=seconds, lines=tail(running.log)) from None

    def entered(self, host: str, directory: Path | None) -> list[str]:
        """The command line that enters the machine's namespaces."""
        command = ["nsenter", f"--target={self.holders[host]}", "--net", "--mount", "--uts"]
        return [*command, "--", *(["env", f"--chdir={directory}"] if directory else [])]

    async def _watch(self, running: Running) -> None:
        await running.process.wait()
        self._changed()


def tail(log: Path) -> str:
    """The last lines of a log, for people."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if log.exists() else []
    return "\n".join(f"  {line}" for line in lines) or "  (none)"
