"""A program of the hoster's own, run as this service's user, and the file of what it was told."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from asterisk_ext.domain.maintenance import Map

MOST_SAID = 400
"""Characters of its standard error that are kept."""
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class OwnProgram:
    """``ports.Hook``: the program with its arguments, none of which a shell sees."""

    def __init__(self, program: Sequence[str], seconds: float) -> None:
        self._program = tuple(program)
        self._seconds = seconds

    async def __call__(self, *words: str) -> str:
        if not self._program:
            return ""
        try:
            process = await asyncio.create_subprocess_exec(
                *(*self._program, *words),
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=PIPE,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            return f"{self._program[0]}: {error.strerror}"
        try:
            async with asyncio.timeout(self._seconds):
                _, said = await process.communicate()
        except TimeoutError:
            return f"it did not end within {self._seconds:g} s"
        finally:
            # It, and whatever it has started.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        text = " ".join(said.decode(errors="replace").split())[:MOST_SAID]
        return "" if process.returncode == 0 else f"it ended with status {process.returncode}: {text}".rstrip(": ")


class ToldFile:
    """``Memory`` in a file; one that is missing or no use means that nothing was told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Map:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Map)
        except (FileNotFoundError, msgspec.DecodeError):
            return Map()

    def write(self, told: Map) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_bytes(msgspec.json.encode(told))
        fresh.replace(self._path)
