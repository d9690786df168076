"""The embedded engine: SQLite on one node, one writer, one revision counter, one change log."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.ports import CONFLICT, DISK_FULL, MOVED, MOVED_MARK, Change, Clock, Gap, Item

T = TypeVar("T")
log = logging.getLogger(__name__)

LOG_LENGTH = 20_000
"""Changes kept for watchers that come back; who is further behind takes a snapshot."""
TAIL = 2_000
"""The newest of them, kept in memory too: a thousand watchers ask for the same."""
BEATS_KEPT = 30.0
"""Seconds between two times that beats are written to the file."""
LEAP = 1_000_000
"""Revisions left free above those known of a registry that this one follows: it may have given some more away."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS item (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (revision INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, value BLOB);
CREATE TABLE IF NOT EXISTS beat (node TEXT PRIMARY KEY, at REAL NOT NULL, report BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blob (sha256 TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""


class EmbeddedRegistry:
    """``ports.Registry`` on one SQLite file; all access runs on one thread of its own, writes are durable."""

    def __init__(self, path: Path, clock: Clock, ticks: Clock | None = None) -> None:
        """``ticks``: a clock that nobody sets, by which the age of beats is told; ``clock`` where there is none."""
        self._ticks = ticks or clock
        self._heard: dict[str, tuple[float, bytes]] = {}
        self._kept_at = self._ticks()
        self._tail: deque[Change] = deque(maxlen=min(TAIL, LOG_LENGTH))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")
        self._database = self._thread.submit(_open, path).result()
        self._changed = asyncio.Event()
        self._closed = False

    async def close(self) -> None:
        """Release the file; watchers end."""
        self._closed = True
        self._wake()
        await self._keep_beats()
        await self._on_thread(self._database.close)
        self._thread.shutdown()

    async def fill(self, items: Iterable[Item], revision: int, beats: Iterable[tuple[str, float, bytes]] = ()) -> None:
        """Hold exactly ``items`` with their revisions; what is written from now on has revisions far above.

        ``beats``: each node's last, with its time.
        """
        await self._on_thread(lambda: _fill(self._database.conn, items, revision + LEAP, beats))

    async def count_above(self, revision: int) -> None:
        """What is written from now on has revisions far above ``revision``."""
        await self._on_thread(lambda: _count_above(self._database.conn, revision + LEAP))

    async def keys_since(self, revision: int) -> list[str]:
        """What was written after ``revision``, sorted, as far as the log goes back."""
        sql = "SELECT DISTINCT key FROM change WHERE revision > ? ORDER BY key"
        return [key for (key,) in await self._rows(sql, revision)]

    async def get(self, key: str) -> Item | None:
        rows = await self._rows("SELECT key, value, revision FROM item WHERE key = ?", key)
        return Item(*rows[0]) if rows else None

    async def snapshot(self, prefix: str) -> tuple[list[Item], int]:
        def read() -> tuple[list[Item], int]:
            connection = self._database.conn
            connection.execute("BEGIN")
            try:
                rows = connection.execute(
                    "SELECT key, value, revision FROM item WHERE key >= ? AND key < ? ORDER BY key", _range(prefix)
                ).fetchall()
                return [Item(*row) for row in rows], _revision(connection)
            finally:
                connection.execute("COMMIT")

        return await self._on_thread(read)

    async def create(self, key: str, value: bytes) -> int:
        return await self._write(key, value, 0)

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        return await self._write(key, value, revision)

    async def delete(self, key: str, revision: int) -> int:
        return await self._write(key, None, revision)

    async def watch(self, prefix: str, from_revision: int) -> AsyncGenerator[Change | Gap]:
        while not self._closed:
            changed = self._changed
            if self._tail and self._tail[0].revision <= from_revision + 1 and from_revision <= self._tail[-1].revision:
                for change in self._after(from_revision):
                    from_revision = change.revision
                    if change.key.startswith(prefix):
                        yield change
                if changed is self._changed:
                    await changed.wait()
                continue
            oldest, newest, rows = await self._on_thread(partial(self._since, from_revision))
            if oldest > from_revision + 1 or newest < from_revision:
                yield Gap()
                return
            for key, value, revision in rows:
                from_revision = revision
                if key.startswith(prefix):
                    yield Change(key, value, revision)
            if not rows:
                await changed.wait()

    async def beat(self, node: str, ttl: float, report: bytes) -> None:
        """Kept in memory, and in the file now and then: a thousand nodes beat, and none of it is a truth for long."""
        self._heard[node] = (self._ticks(), report)
        if self._ticks() - self._kept_at > BEATS_KEPT:
            await self._keep_beats()

    async def beats(self) -> dict[str, tuple[float, bytes]]:
        now = self._clock()
        rows = await self._rows("SELECT node, at, report FROM beat")
        return {node: (min(at, now), report) for node, at, report in rows} | self._beats_heard()

    def _beats_heard(self) -> dict[str, tuple[float, bytes]]:
        now, ticks = self._clock(), self._ticks()
        return {node: (now - (ticks - heard), report) for node, (heard, report) in self._heard.items()}

    async def _keep_beats(self) -> None:
        self._kept_at = self._ticks()
        rows = [(node, at, report) for node, (at, report) in self._beats_heard().items()]

        def write() -> None:
            with _writing(self._database.conn) as connection:
                connection.executemany("INSERT OR REPLACE INTO beat VALUES (?, ?, ?)", rows)

        try:
            await self._on_thread(write)
        except Refusal as refusal:
            log.warning("signs of life are in memory only: %s", refusal)

    async def put_blob(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        await self._rows("INSERT INTO blob VALUES (?, ?) ON CONFLICT DO NOTHING", name, data)
        return name

    async def get_blob(self, sha256: str) -> bytes | None:
        rows = await self._rows("SELECT data FROM blob WHERE sha256 = ?", sha256)
        return bytes(rows[0][0]) if rows else None

    async def blobs(self) -> list[str]:
        return [name for (name,) in await self._rows("SELECT sha256 FROM blob ORDER BY sha256")]

    async def drop_blob(self, sha256: str) -> None:
        await self._rows("DELETE FROM blob WHERE sha256 = ?", sha256)

    async def _write(self, key: str, value: bytes | None, revision: int) -> int:
        new = await self._on_thread(lambda: _compare_and_write(self._database.conn, key, value, revision))
        if self._tail and self._tail[-1].revision != new - 1:
            # Another process has written too, or this answer overtook another: the file knows the order.
            self._tail.clear()
        self._tail.append(Change(key, value, new))
        self._wake()
        return new

    def _after(self, revision: int) -> list[Change]:
        """What the tail holds after ``revision``."""
        return list(islice(self._tail, revision + 1 - self._tail[0].revision, None))

    def _since(self, revision: int) -> tuple[int, int, list[tuple[str, bytes | None, int]]]:
        connection = self._database.conn
        oldest = connection.execute("SELECT coalesce(min(revision), 0) FROM change").fetchone()[0]
        rows = connection.execute(
            "SELECT key, value, revision FROM change WHERE revision > ? ORDER BY revision LIMIT 1000", (revision,)
        ).fetchall()
        return oldest, _revision(connection), rows

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _rows(self, sql: str, *values: object) -> list[Any]:
        return await self._on_thread(lambda: self._database.conn.execute(sql, values).fetchall())

    async def _on_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise DISK_FULL.refuse() from error
            raise


def _open(path: Path) -> Database:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(SCHEMA)
    return Database(connection)


def _revision(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'change'").fetchone()
    return row[0] if row else 0


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it is written, or nothing. Where the disk is full, SQLite may have taken it back by itself."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _compare_and_write(database: sqlite3.Connection, key: str, value: bytes | None, revision: int) -> int:
    with _writing(database) as connection:
        if key != MOVED_MARK and connection.execute("SELECT 1 FROM item WHERE key = ?", (MOVED_MARK,)).fetchone():
            raise MOVED.refuse()
        row = connection.execute("SELECT revision FROM item WHERE key = ?", (key,)).fetchone()
        if (row[0] if row else 0) != revision:
            raise CONFLICT.refuse(key=key)
        new = connection.execute("INSERT INTO change (key, value) VALUES (?, ?)", (key, value)).lastrowid or 0
        if value is None:
            connection.execute("DELETE FROM item WHERE key = ?", (key,))
        else:
            connection.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", (key, value, new))
        connection.execute("DELETE FROM change WHERE revision <= ?", (new - LOG_LENGTH,))
    return new


def _fill(
    database: sqlite3.Connection, items: Iterable[Item], revision: int, beats: Iterable[tuple[str, float, bytes]]
) -> None:
    with _writing(database) as connection:
        connection.execute("DELETE FROM item")
        connection.execute("DELETE FROM change")
        connection.executemany("INSERT INTO item VALUES (?, ?, ?)", [(i.key, i.value, i.revision) for i in items])
        connection.executemany("INSERT OR REPLACE INTO beat VALUES (?, ?, ?)", beats)
        _count_from(connection, revision)


def _count_above(database: sqlite3.Connection, revision: int) -> None:
    with _writing(database) as connection:
        _count_from(connection, max(revision, _revision(connection)))


def _count_from(connection: sqlite3.Connection, revision: int) -> None:
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'change'")
    connection.execute("INSERT INTO sqlite_sequence VALUES ('change', ?)", (revision,))


def _range(prefix: str) -> tuple[str, str]:
    return prefix, prefix + "\U0010ffff"
