"""The file of a node's own copy of the registry: written whole or not at all, and set aside where it is no use.

All that is in it is in the registry too, so a damaged one is begun anew; what Asterisk was given stays meanwhile.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from sqlite_utils import Database

from asterisk_ext.ports import Change, Item

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS item (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL, at REAL NOT NULL);
"""
PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""What says nothing against the file: somebody holds it, or the disk is full."""


class CopyFile:
    """Raises sqlite3.Error where the file is locked or the disk is full; nothing has changed then."""

    def __init__(self, path: Path, patience: float = 0.05) -> None:
        """``patience``: seconds that a write waits for somebody who holds the file; opening waits for five."""
        self._path = path
        self._patience = patience
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)

    def _open(self) -> None:
        self._path.touch(mode=0o600)
        self._database = Database(sqlite3.connect(self._path, timeout=5.0, isolation_level=None))
        self._connection = self._database.conn
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)
        row = self._connection.execute("SELECT revision, at FROM seen").fetchone()
        self.items = [Item(*row) for row in self._connection.execute("SELECT key, value, revision FROM item")]
        """As they were when the file was opened."""
        self._connection.execute(f"PRAGMA busy_timeout = {int(1000 * self._patience)}")
        # No registry is empty once it has been written to: such a copy has lost its items.
        self.revision: int = row[0] if row and self.items else 0
        self.at: float = row[1] if row and self.items else 0.0

    def replace(self, items: Iterable[Item], revision: int, at: float) -> None:
        """Hold exactly ``items``."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM item")
            connection.executemany("INSERT INTO item VALUES (?, ?, ?)", [(i.key, i.value, i.revision) for i in items])
            _remember(connection, revision, at)

        try:
            self._write(write)
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._write(write)

    def change(self, change: Change, at: float) -> None:
        def write(connection: sqlite3.Connection) -> None:
            if change.value is None:
                connection.execute("DELETE FROM item WHERE key = ?", (change.key,))
            else:
                row = (change.key, change.value, change.revision)
                connection.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", row)
            _remember(connection, change.revision, at)

        self._write(write)

    def close(self) -> None:
        self._database.close()

    def _write(self, write: Callable[[sqlite3.Connection], None]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            write(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Begin anew where the file itself is at fault; else raise."""
        if is_passing(error):
            raise error
        log.warning("%s is no use (%s): it was set aside, and is filled from the registry", self._path, error)
        self.close()
        for ending in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + ending)
            if part.exists():
                part.replace(self._path.with_name(f"{self._path.name}.faulty{ending}"))
        self._open()


def is_passing(error: sqlite3.DatabaseError) -> bool:
    """Whether the file may be sound all the same; the lower byte is the kind (sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in PASSING


def _remember(connection: sqlite3.Connection, revision: int, at: float) -> None:
    connection.execute("INSERT OR REPLACE INTO seen VALUES (1, ?, ?)", (revision, at))
