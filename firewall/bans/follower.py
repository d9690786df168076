"""Keeps reading the security log and hands its events to the ban engine, with the place to resume from."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from asterisk_ext.domain.errors import Refusal
from firewall.bans.engine import BanEngine
from firewall.log.notices import NoticeLogReader
from firewall.log.security_reader import SecurityLogReader
from firewall.log.tail import UNREADABLE, DirectoryWatch, LogFile, Position

Reader = SecurityLogReader | NoticeLogReader

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.5
"""Asterisk writes a record in one call; what has not been continued by then will not be."""
WARM_BYTES = 1 << 18
CHUNKS_A_TURN = 4
"""Some 15,000 lines; then the socket and the kernel's messages get their turn."""


class LogFollower:
    """Driven by the event loop alone: inotify says that there is something to read. Refuses ``log.unreadable``."""

    def __init__(
        self, path: Path, engine: BanEngine, position: Position | None, reader: type[Reader] = SecurityLogReader
    ) -> None:
        self._path = path
        self._engine = engine
        self._new_reader = reader
        self._reader: Reader = reader()
        try:
            self._watch = DirectoryWatch(path.parent, path.name)
        except OSError as error:
            raise UNREADABLE.refuse(path=path, reason=error.strerror) from error
        self._file = LogFile(path, position)
        self._base = self._file.offset
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None

    def start(self) -> None:
        """Read what is there, then wait for more. Must be called in the running loop. Refuses ``log.unreadable``."""
        warm = self._new_reader()
        before = self._file.before(self._base, WARM_BYTES)
        self._engine.warm(event for event, _ in [*warm.feed(before), *warm.settle()])
        asyncio.get_running_loop().add_reader(self._watch.fileno(), self._on_change)
        self._read()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._watch.fileno())
        for handle in (self._timer, self._soon):
            if handle is not None:
                handle.cancel()
        self._watch.close()
        self._file.close()

    @property
    def place(self) -> Position:
        return self._file.position(self._base + self._reader.taken)

    @property
    def behind(self) -> int:
        """Bytes of the log that are not done with."""
        try:
            return max(0, self._path.stat().st_size - self.place.offset)
        except OSError:
            return 0

    def _on_change(self) -> None:
        if self._watch.drain():
            self._read_on()

    def _read_on(self) -> None:
        try:
            self._read()
        except Refusal as refusal:
            log.error("%s", refusal)

    def _read(self) -> None:
        for count, (data, fresh) in enumerate(self._file.read()):
            if fresh:
                self._engine.take(self._reader.settle(), None)
                self._reader, self._base = self._new_reader(), 0
            self._engine.take(self._reader.feed(data), self.place)
            if count >= CHUNKS_A_TURN:
                self._soon = asyncio.get_running_loop().call_soon(self._read_on)
                break
        self._wait_to_settle()

    def _wait_to_settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reader.waiting:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settle)

    def _settle(self) -> None:
        self._engine.take(self._reader.settle(), self.place)
