"""Blocked calls, kept on the node: early media leaves no CDR of them.

The gate notes a call without waiting, when its announcement begins and again when it has ended; a task writes what has
gathered. Rows are personal data and leave after their time; there is a bound on their number too, so that a dialler
cannot fill the disk. Counts by day are kept as long, and count also what the bound has pushed out.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Self

import msgspec

from asterisk_ext.config import Audio
from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.gate import BlockedCall
from asterisk_ext.ports import Clock
from asterisk_ext.services.times import iso

DAY = 86_400.0
COLUMNS = tuple(field.name for field in fields(BlockedCall))
SCHEMA = """
CREATE TABLE IF NOT EXISTS blocked (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, pbx INTEGER NOT NULL, channel TEXT NOT NULL, caller TEXT NOT NULL,
    number TEXT NOT NULL, direction TEXT NOT NULL, audio TEXT NOT NULL, file TEXT NOT NULL, recording TEXT NOT NULL,
    heard REAL NOT NULL);
CREATE INDEX IF NOT EXISTS blocked_of_pbx ON blocked (pbx, id);
CREATE INDEX IF NOT EXISTS blocked_once ON blocked (at, channel);
CREATE TABLE IF NOT EXISTS tally (
    day TEXT NOT NULL, pbx INTEGER NOT NULL, audio TEXT NOT NULL, calls INTEGER NOT NULL, heard REAL NOT NULL,
    PRIMARY KEY (day, pbx, audio)) WITHOUT ROWID;
"""
LONGEST_TEXT = 80
"""Characters of what a caller chose: names and numbers."""


class BlockedCallLog:
    """``ports.audio.BlockedCallLog`` and the gate's observer, in a SQLite file."""

    def __init__(
        self, path: Path, clock: Clock, days: float = 90, most_rows: int = 500_000, most_waiting: int = 20_000
    ) -> None:
        self._path = path
        self._clock = clock
        self._days = days
        self._most_rows = most_rows
        self._waiting: deque[BlockedCall] = deque(maxlen=most_waiting)
        self._news = asyncio.Event()
        self._turn = threading.Lock()

    @classmethod
    def of(cls, path: Path, clock: Clock, settings: Audio) -> Self:
        return cls(path, clock, settings.blocked_calls_days, settings.blocked_calls_most)

    def note(self, call: BlockedCall) -> None:
        """What is said of the same call later takes the place of what was said before."""
        self._waiting.append(call)
        self._news.set()

    async def run(self) -> None:
        """Write what is noted, for ever; what could not be written waits for the next turn."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.write()

    async def write(self) -> None:
        """Write what has gathered; raises sqlite3.Error or OSError, and nothing is lost then."""
        calls, self._waiting = self._waiting, deque(maxlen=self._waiting.maxlen)
        try:
            await asyncio.to_thread(self._write, calls)
        except BaseException:
            self._waiting = deque([*calls, *self._waiting], maxlen=calls.maxlen)
            self._news.set()
            raise

    async def add(self, calls: Iterable[BlockedCall]) -> None:
        """Write these now; raises sqlite3.Error or OSError."""
        await asyncio.to_thread(self._write, calls)

    async def calls(self, wanted: Wanted) -> list[BlockedCall]:
        return await asyncio.to_thread(self._calls, wanted)

    async def counts(self, pbx: int | None = None) -> list[BlockedCount]:
        return await asyncio.to_thread(self._counts, pbx)

    async def forget(self, pbx: int) -> int:
        return await asyncio.to_thread(self._forget, pbx)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        # One at a time: SQLite waits for nobody while a new file's journal is set up, and says that it is locked.
        with self._turn:
            self._path.touch(mode=0o600)
            database = sqlite3.connect(self._path, timeout=5.0, isolation_level=None)
            try:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                database.execute("PRAGMA secure_delete = ON")
                database.executescript(SCHEMA)
                yield database
            finally:
                database.close()

    def _write(self, calls: Iterable[BlockedCall]) -> None:
        oldest = self._clock() - self._days * DAY
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            for call in calls:
                _put(database, call)
            newest = database.execute("SELECT coalesce(max(id), 0) FROM blocked").fetchone()[0]
            database.execute("DELETE FROM blocked WHERE id <= ? OR at < ?", (newest - self._most_rows, oldest))
            database.execute("DELETE FROM tally WHERE day < ?", (iso(oldest)[:10],))
            database.execute("COMMIT")

    def _calls(self, wanted: Wanted) -> list[BlockedCall]:
        with self._opened() as database:
            rows = database.execute(
                f"SELECT {', '.join(COLUMNS)} FROM blocked WHERE at >= ? AND at < ? AND (? IS NULL OR pbx = ?) "  # noqa: S608
                "ORDER BY id DESC LIMIT ?",
                (self._clock() - self._days * DAY, wanted.before, wanted.pbx, wanted.pbx, wanted.count),
            ).fetchall()
        return [_call(row) for row in rows]

    def _counts(self, pbx: int | None) -> list[BlockedCount]:
        with self._opened() as database:
            rows = database.execute(
                "SELECT day, pbx, audio, calls, heard FROM tally WHERE ? IS NULL OR pbx = ? ORDER BY day DESC, pbx",
                (pbx, pbx),
            ).fetchall()
        return [BlockedCount(*row) for row in rows]

    def _forget(self, pbx: int) -> int:
        with self._opened() as database:
            return database.execute("DELETE FROM blocked WHERE pbx = ?", (pbx,)).rowcount


def _put(database: sqlite3.Connection, call: BlockedCall) -> None:
    """One call, listed and counted once however often it is told of."""
    row = _row(call)
    same = dict(zip(COLUMNS, row, strict=True))
    found = database.execute(
        "SELECT id, heard FROM blocked WHERE at = :at AND channel = :channel AND pbx = :pbx AND number = :number", same
    ).fetchone()
    known, heard = found or (None, 0.0)
    database.execute(
        f"INSERT OR REPLACE INTO blocked (id, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})",  # noqa: S608
        (known, *row),
    )
    database.execute(
        "INSERT INTO tally VALUES (?, ?, ?, ?, ?) ON CONFLICT (day, pbx, audio) "
        "DO UPDATE SET calls = calls + excluded.calls, heard = heard + excluded.heard",
        (iso(call.at)[:10], call.pbx, call.audio.value, int(found is None), call.heard - heard),
    )


def _row(call: BlockedCall) -> tuple[object, ...]:
    return tuple(value[:LONGEST_TEXT] if type(value) is str else value for value in astuple(call))


def _call(row: tuple[object, ...]) -> BlockedCall:
    return msgspec.convert(dict(zip(COLUMNS, row, strict=True)), BlockedCall)
