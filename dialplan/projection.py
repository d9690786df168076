"""Puts the wanted rows into Asterisk's realtime database: what is there is compared and only the difference written.

Asterisk has the file open and sees each commit at once (``batch = 0``, WAL), so a transaction is all it takes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Pbx
from dialplan.realtime_schema import PBXS, TABLES, VERSION, Row, Rows, Table, statements
from dialplan.rows import rows

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


@dataclass(frozen=True, slots=True)
class Difference:
    """What an apply changed, or a comparison found: table → keys."""

    added: dict[str, list[str]]
    changed: dict[str, list[str]]
    removed: dict[str, list[str]]

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.removed)

    @property
    def size(self) -> int:
        """Rows in all."""
        return sum(len(keys) for part in (self.added, self.changed, self.removed) for keys in part.values())


def difference(present: Rows, wanted: Rows) -> Difference:
    """What leads from ``present`` to ``wanted``. Pure."""
    added: dict[str, list[str]] = {}
    changed: dict[str, list[str]] = {}
    removed: dict[str, list[str]] = {}
    for table in TABLES:
        old, new = present[table.name], wanted[table.name]
        for found, keys in (
            (added, sorted(new.keys() - old.keys())),
            (changed, sorted(key for key in new.keys() & old.keys() if new[key] != old[key])),
            (removed, sorted(old.keys() - new.keys())),
        ):
            if keys:
                found[table.name] = keys
    return Difference(added, changed, removed)


class Projection:
    """The realtime database at ``path``. Every method blocks on the file: call it in a thread."""

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        self._path = path
        self._timeout = timeout

    def apply(self, tenants: Iterable[Pbx], *, elsewhere: Collection[int] = (), confirmed: bool = False) -> Difference:
        """Make Asterisk serve exactly ``tenants``; applying the same again changes nothing.

        ``elsewhere`` are virtual PBXs that live on, on other servers: that they leave needs no explanation. Refuses
        ``projection.removes_too_much`` unless ``confirmed``, and ``projection.foreign_schema``. Raises
        sqlite3.Error where the file is locked, damaged or the disk is full; nothing has changed then.
        """
        wanted = rows(tenants)
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            found = difference(_read(database), wanted)
            if not confirmed:
                _refuse_mass_removal(found, len(_keys(database, PBXS)), elsewhere)
            _write(database, found, wanted)
            database.execute("COMMIT")
        return found

    def compare(self, tenants: Iterable[Pbx]) -> Difference:
        """What ``apply`` would change."""
        with self._open() as database:
            return difference(_read(database), rows(tenants))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        create_private(self._path)
        database = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None)
        try:
            _prepare(database, self._path)
            yield database
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")
            database.close()


def create_private(path: Path) -> None:
    """Make the file if it is missing, readable by its owner alone: it holds digests of every phone's password."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    """An empty file gets the tables; a file of another version is refused."""
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    if version or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise FOREIGN_SCHEMA.refuse(path=path, reason=f"version {version}, not {VERSION}")
    database.execute("BEGIN IMMEDIATE")
    for statement in statements():
        database.execute(statement)
    database.execute("COMMIT")


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


def _keys(database: sqlite3.Connection, table: Table) -> list[str]:
    query = f"SELECT {_quoted(table.columns[0])} FROM {_quoted(table.name)}"  # noqa: S608 - names from our own schema
    return [key for (key,) in database.execute(query)]


def _write(database: sqlite3.Connection, found: Difference, wanted: Rows) -> None:
    for table in TABLES:
        name, key = _quoted(table.name), _quoted(table.columns[0])
        gone = found.removed.get(table.name, [])
        new = [*found.added.get(table.name, []), *found.changed.get(table.name, [])]
        places = ", ".join("?" * len(table.columns))
        database.executemany(f"DELETE FROM {name} WHERE {key} = ?", [(item,) for item in gone])  # noqa: S608
        database.executemany(
            f"INSERT OR REPLACE INTO {name} ({_columns(table)}) VALUES ({places})",  # noqa: S608
            [wanted[table.name][item] for item in new],
        )


def _columns(table: Table) -> str:
    return ", ".join(_quoted(column) for column in table.columns)


def _quoted(name: str) -> str:
    return f'"{name}"'
