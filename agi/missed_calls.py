"""Calls that Asterisk blocked by itself, since this service was dead or they were to hear nothing: the dialplan notes
them in a file, a line each.

The lines hold what callers chose, so what is not exactly a line of the dialplan's is dropped. A file is set aside in
one turn and read in the next, when no writer can have it open any more; a crash between reading and removing it reads
it again, which the list of blocked calls takes as the same calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from asterisk_ext.domain.gate import Audio, BlockedCall, Direction

log = logging.getLogger(__name__)

PAUSE = 2.0
"""Seconds between two turns."""
MOST_AT_ONCE = 10_000
"""Lines read before they are written to the list."""

LINE = re.compile(
    rb"(?P<at>[0-9]{10,12})\|(?P<pbx>[0-9]{1,12})\|(?P<channel>[A-Za-z0-9/_@.;-]{1,80})\|(?P<caller>[0-9+*#]{0,40})\|"
    rb"(?P<number>[0-9]{0,40})\|(?P<direction>outbound|inbound|internal)\|"
    rb"(?P<audio>partial_block|total_block|neutral)\|(?P<file>[A-Za-z0-9/_.-]{0,400})\|(?P<heard>[0-9]{1,4})"
)


class List(Protocol):
    """The list of blocked calls."""

    async def add(self, calls: Iterable[BlockedCall]) -> None:
        """Write them now; the same call a second time changes nothing. Raises sqlite3.Error or OSError."""
        ...


class MissedCalls:
    """``path``: the file that the dialplan writes to; Asterisk and this service run as the same user.

    ``recordings`` tells the library's names of files as Asterisk plays them.
    """

    def __init__(self, path: Path, listed: List, recordings: Callable[[], Mapping[str, str]]) -> None:
        self._path = path
        self._recordings = recordings
        self._aside = path.with_name(path.name + ".read")
        self._listed = listed

    async def run(self) -> None:
        """Take what is noted, for ever; also while the service lives, since Asterisk may have found it too slow."""
        while True:
            await self.take()
            await asyncio.sleep(PAUSE)

    async def take(self) -> None:
        """One turn: list what was set aside in the last one, set aside what is there now."""
        if self._aside.exists():
            await self._read()
        await asyncio.to_thread(self._set_aside)

    async def _read(self) -> None:
        foreign, recordings = 0, self._recordings()
        with self._aside.open("rb") as file:
            while lines := file.readlines(MOST_AT_ONCE * 100):
                calls = list(parsed(lines, recordings))
                foreign += len(lines) - len(calls)
                await self._listed.add(calls)
        if foreign:
            log.warning("%s lines of %s were passed over: they are not the dialplan's", foreign, self._path)
        self._aside.unlink()

    def _set_aside(self) -> None:
        """A fresh file takes the old one's place; it names callers, so only Asterisk's user may read it."""
        try:
            if self._path.stat().st_size:
                self._path.rename(self._aside)
        except FileNotFoundError:
            pass
        self._ready()

    def _ready(self) -> None:
        """Have a private file there; whole from the first moment, since Asterisk may be about to write."""
        try:
            self._path.chmod(0o600)
        except FileNotFoundError:
            draft, directory = self._path.with_name(f"{self._path.name}.new"), self._path.parent.stat()
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600))
            if os.geteuid() == 0:  # The directory is Asterisk's, to whom root's file would be closed.
                os.chown(draft, directory.st_uid, directory.st_gid)
            with contextlib.suppress(FileExistsError):
                os.link(draft, self._path)
            draft.unlink()
            self._path.chmod(0o600)


def parsed(lines: Iterable[bytes], recordings: Mapping[str, str]) -> Iterator[BlockedCall]:
    """The calls that these lines tell of."""
    for line in lines:
        if (found := LINE.fullmatch(line.rstrip(b"\n"))) is None:
            continue
        told = {name: value.decode("ascii") for name, value in found.groupdict().items()}
        yield BlockedCall(
            at=float(told["at"]),
            pbx=int(told["pbx"]),
            channel=told["channel"],
            caller=told["caller"],
            number=told["number"],
            direction=Direction(told["direction"]),
            audio=Audio(told["audio"]),
            file=told["file"],
            recording=recordings.get(told["file"], ""),
            heard=float(told["heard"]),
        )
