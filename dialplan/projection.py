"""Puts the wanted rows into Asterisk's realtime database: what is there is compared and only the difference written.

Asterisk has the file open and sees each commit at once (``batch = 0``, WAL), so a transaction is all it takes. What
was applied last is remembered for as long as nobody else has written to the file: of thousands of tenants only the one
that has changed is then compared and written, in milliseconds.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from asterisk_ext.domain.audio import Stems
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.ways import Way
from dialplan.difference import Difference, difference
from dialplan.realtime_schema import ENDPOINTS, PBXS, TABLES, VERSION, Row, Rows, Table, statements
from dialplan.reckoning import NO_WAYS, Reckoned, differing, reckon

REMOVES_TOO_MUCH = Problem(
    "projection.removes_too_much",
    409,
    "Asterisk was left as it is: {removed} of its {present} virtual PBXs would have vanished from it.",
    "Look why they are missing; if they really should go, confirm.",
)
FOREIGN_SCHEMA = Problem(
    "projection.foreign_schema",
    500,
    "{path} was not written: it is no realtime database of this version ({reason}).",
    "Rebuild it as a fresh file.",
)

FEW = 5
"""So many tenants may vanish at once without a question, whatever share of all they are."""
SHARE = 0.05
AT_ONCE = 200
"""Rows of one statement. Between two statements this thread asks for the interpreter again, which the event loop has
meanwhile: with a row each, thousands would wait for as many turns of the loop.
"""
LOG_PAGES = 20_000
"""Pages of the write-ahead log (80 MB) above which a change itself puts it into the file, which waits for the disk.
Before, ``KeptProjection`` does it when nobody waits.
"""
SOUNDS = "/var/lib/asterisk-ext/sounds"
"""Where audios lie, as Asterisk sees it."""


class Projection:
    """The realtime database at ``path``. Every method blocks on the file: call it in a thread; any thread will do."""

    def __init__(self, path: Path, timeout: float = 5.0, sounds: str = SOUNDS) -> None:
        self._path = path
        self._sounds = sounds
        self._timeout = timeout
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._reckoned = Reckoned()

    def apply(
        self,
        tenants: Iterable[Pbx],
        *,
        elsewhere: Collection[int] = (),
        audios: Mapping[int, Stems] | None = None,
        ways: Mapping[str, Way] = NO_WAYS,
        hurried: Collection[int] = (),
        confirmed: bool = False,
    ) -> Difference:
        """Make Asterisk serve exactly ``tenants``; applying the same again changes nothing.

        ``elsewhere`` are virtual PBXs that live on, on other servers: that they leave needs no explanation; ``hurried``
        those whose phones are to follow soon. Refuses ``projection.removes_too_much`` unless ``confirmed``, and
        ``projection.foreign_schema``. Raises sqlite3.Error where the file is locked, damaged or the disk is full;
        nothing has changed then.
        """
        with self._lock:
            wanted = self._reckon(tenants, audios, ways, hurried)
            try:
                return self._apply(self._opened(), wanted, elsewhere, confirmed)
            except BaseException:
                self._close()
                raise

    def compare(
        self,
        tenants: Iterable[Pbx],
        audios: Mapping[int, Stems] | None = None,
        ways: Mapping[str, Way] = NO_WAYS,
    ) -> Difference:
        """What ``apply`` would change; looks at the file itself, whatever is remembered."""
        with self._lock:
            wanted = self._reckon(tenants, audios, ways)
            self._close()
            opened = self._opened()
            if opened.is_older():
                raise FOREIGN_SCHEMA.refuse(path=self._path, reason="an older version's, replaced at the next change")
            return difference(*opened.differing(wanted))

    def replaced(self) -> bool:
        """Whether another file has taken the place of the one last written: it may lack what was written there."""
        opened = self._open
        if opened is None:
            return False
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return opened.inode != (there.st_dev, there.st_ino)

    def close(self) -> None:
        with self._lock:
            self._close()

    def _apply(self, opened: _Open, wanted: Reckoned, elsewhere: Collection[int], confirmed: bool) -> Difference:
        opened.database.execute("BEGIN IMMEDIATE")
        if opened.is_older():
            _start_over(opened.database, wanted, elsewhere, confirmed)
        present, becomes = opened.differing(wanted)
        found = difference(present, becomes)
        if not confirmed and PBXS.name in found.removed:
            _refuse_mass_removal(found, _count(opened.database, PBXS), elsewhere)
        _write(opened.database, found, becomes)
        opened.count(found)
        opened.database.execute("COMMIT")
        opened.remember(wanted)
        return found

    def _reckon(
        self,
        tenants: Iterable[Pbx],
        audios: Mapping[int, Stems] | None,
        ways: Mapping[str, Way],
        hurried: Collection[int] = (),
    ) -> Reckoned:
        self._reckoned = reckon(tenants, audios or {}, self._sounds, self._reckoned, ways, hurried)
        return self._reckoned

    def _opened(self) -> _Open:
        """The open file; anew where another file has taken its place."""
        create_private(self._path)
        there = self._path.stat()
        if self._open and self._open.inode != (there.st_dev, there.st_ino):
            self._close()
        if self._open is None:
            database = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
            self._open = _Open(database, (there.st_dev, there.st_ino))
            _prepare(database, self._path)
        return self._open

    def _close(self) -> None:
        if self._open is not None:
            self._open.database.close()
            self._open = None


class _Open:
    """An open database and what it was given, as long as no other connection writes (PRAGMA data_version)."""

    def __init__(self, database: sqlite3.Connection, inode: tuple[int, int]) -> None:
        self.database = database
        self.inode = inode
        self._version = -1
        self._given: Reckoned | None = None
        self._endpoints = 0
        """As many as are there; going through thousands for each change would take longer than the change."""

    def differing(self, wanted: Reckoned) -> tuple[Rows, Rows]:
        """The rows that are there and those that are wanted, without such as are surely the same."""
        given = self._given
        if given and self._version == self._data_version() and given.is_disjoint and wanted.is_disjoint:
            return differing(given, wanted)
        present = _read(self.database)
        self._endpoints = len(present[ENDPOINTS.name])
        return present, wanted.rows()

    def count(self, written: Difference) -> None:
        """Within the transaction: have the file itself say how many endpoints it was given."""
        if written.empty:
            return
        name = ENDPOINTS.name
        self._endpoints += len(written.added.get(name, ())) - len(written.removed.get(name, ()))
        self.database.execute(f"PRAGMA application_id = {self._endpoints}")

    def is_older(self) -> bool:
        """Whether an earlier version of this product wrote the file."""
        return 0 < int(self.database.execute("PRAGMA user_version").fetchone()[0]) < VERSION

    def remember(self, given: Reckoned) -> None:
        self._given, self._version = given, self._data_version()

    def _data_version(self) -> int:
        return int(self.database.execute("PRAGMA data_version").fetchone()[0])


def create_private(path: Path) -> None:
    """Make the file if it is missing, readable by its owner alone: it holds digests of every phone's password."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    """An empty file gets the tables; a file of a later version is refused."""
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if 0 < version <= VERSION:
        return
    if version or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise FOREIGN_SCHEMA.refuse(path=path, reason=f"version {version}, not {VERSION}")
    database.execute("BEGIN IMMEDIATE")
    for statement in statements():
        database.execute(statement)
    database.execute("COMMIT")


def _start_over(database: sqlite3.Connection, wanted: Reckoned, elsewhere: Collection[int], confirmed: bool) -> None:
    """Within the transaction: the tables of an older version make way. Asterisk sees the new ones full, or the old."""
    there = dict.fromkeys(str(row[0]) for row in database.execute(f"SELECT id FROM {_quoted(PBXS.name)}"))  # noqa: S608
    gone = [key for key in there if int(key) not in wanted.parts]
    if not confirmed:
        _refuse_mass_removal(Difference({}, {}, {PBXS.name: gone}), len(there), elsewhere)
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in tables:
        database.execute(f"DROP TABLE {_quoted(name)}")
    for statement in statements():
        database.execute(statement)


def _refuse_mass_removal(found: Difference, present: int, elsewhere: Collection[int]) -> None:
    explained = {str(pbx) for pbx in elsewhere}
    removed = sum(key not in explained for key in found.removed.get(PBXS.name, ()))
    if removed > max(FEW, SHARE * present):
        raise REMOVES_TOO_MUCH.refuse(removed=removed, present=present)


def _read(database: sqlite3.Connection) -> dict[str, dict[str, Row]]:
    return {
        table.name: {row[0]: row for row in database.execute(f"SELECT {_columns(table)} FROM {_quoted(table.name)}")}  # noqa: S608 - names from our own schema
        for table in TABLES
    }


def _write(database: sqlite3.Connection, found: Difference, wanted: Rows) -> None:
    if found.empty:
        return
    for table in TABLES:
        name, key = _quoted(table.name), _quoted(table.columns[0])
        gone = found.removed.get(table.name, [])
        new = [*found.added.get(table.name, []), *found.changed.get(table.name, [])]
        database.executemany(f"DELETE FROM {name} WHERE {key} = ?", [(item,) for item in gone])  # noqa: S608
        places = f"({', '.join('?' * len(table.columns))})"
        for first in range(0, len(new), AT_ONCE):
            rows = [wanted[table.name][item] for item in new[first : first + AT_ONCE]]
            database.execute(
                f"INSERT OR REPLACE INTO {name} ({_columns(table)}) VALUES {', '.join([places] * len(rows))}",  # noqa: S608
                [value for row in rows for value in row],
            )


def _count(database: sqlite3.Connection, table: Table) -> int:
    return int(database.execute(f"SELECT count(*) FROM {_quoted(table.name)}").fetchone()[0])  # noqa: S608


def _columns(table: Table) -> str:
    return ", ".join(_quoted(column) for column in table.columns)


def _quoted(name: str) -> str:
    return f'"{name}"'
