"""A checked copy of the realtime database, and putting it back: a missing file must not be why 190 fails.

Asterisk silently makes a missing database anew, empty, and every phone is then a stranger. ``restore`` runs before
Asterisk starts, as ``python -m dialplan.last_good DATABASE COPY``; it needs nothing but the two files.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from dialplan.projection import create_private
from dialplan.realtime_schema import ENDPOINTS, TABLES, VERSION


def fault(path: Path) -> str:
    """What is wrong with the database at ``path``; empty where Asterisk can work with it. Changes nothing."""
    if not path.exists():
        return "it is missing"
    if not path.stat().st_size:
        return "it has no content"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as database:
            return _fault(database)
    except sqlite3.Error as error:
        return str(error)


def keep(path: Path, copy: Path) -> bool:
    """Copy the database to ``copy`` if it is sound; False (and the older copy stays) where it is not, or has no phones.

    Raises OSError and sqlite3.Error, as when the disk is full; the older copy stays then too.
    """
    if fault(path):
        return False
    _put_in(path)
    fresh = copy.with_name(f"{copy.name}.new")
    fresh.unlink(missing_ok=True)
    create_private(fresh)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(fresh)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    if fault(fresh) or not _endpoints(fresh):
        return False
    _put(fresh, copy, like=path)
    return True


def restore(path: Path, copy: Path) -> str:
    """Put the copy in the place of a faulty database; returns the fault, empty where nothing was done.

    A running Asterisk has the file open and goes on with what it opened, until ``reopen``. The faulty file is kept
    beside it. Where the copy is faulty too, nothing is touched. On a full disk, where not even a sound database can be
    opened that needs its write-ahead log, the copy itself is moved there, which needs no room.
    """
    found = fault(path)
    if not found or fault(copy):
        return found
    fresh = path.with_name(f"{path.name}.new")
    try:
        shutil.copyfile(copy, fresh)
        with closing(sqlite3.connect(fresh)) as database:
            # Without a write-ahead log a writer would keep Asterisk from reading.
            database.execute("PRAGMA journal_mode = WAL")
    except (OSError, sqlite3.Error):
        for part in _parts(fresh):
            part.unlink(missing_ok=True)
        fresh = copy
    for part in _parts(path):
        if part.exists():
            part.replace(part.with_name(part.name.replace(path.name, f"{path.name}.faulty", 1)))
    _put(fresh, path, like=copy)
    return found


def _put_in(path: Path) -> None:
    """What stands in the write-ahead log into the file itself, as far as no reader is in the way."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _parts(path: Path) -> list[Path]:
    """A database and what SQLite keeps beside it."""
    return [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm")]


def _fault(database: sqlite3.Connection) -> str:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        return f"its version is {version}, not {VERSION}"
    check = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if check != "ok":
        return str(check)
    for table in TABLES:
        there = tuple(row[1] for row in database.execute(f'PRAGMA table_info("{table.name}")'))
        if there != table.columns:
            return f"its table {table.name} is another"
    count, given = _count(database), database.execute("PRAGMA application_id").fetchone()[0]
    return "" if count == given else f"it has {count} endpoints, not {given}"


def _endpoints(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return _count(database)


def _count(database: sqlite3.Connection) -> int:
    return int(database.execute(f'SELECT count(*) FROM "{ENDPOINTS.name}"').fetchone()[0])  # noqa: S608 - our own name


def _put(fresh: Path, target: Path, like: Path) -> None:
    """Let ``fresh`` take the place of ``target``, owned as ``like`` is: root may do this for Asterisk's user."""
    owner = like.stat()
    os.chown(fresh, owner.st_uid, owner.st_gid)
    fresh.chmod(0o600)
    handle = os.open(fresh, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    fresh.replace(target)


def main(arguments: list[str]) -> int:
    """Restore where needed; 0 where Asterisk can work with what is there now."""
    path, copy = (Path(argument) for argument in arguments)
    found = restore(path, copy)
    if not found:
        return 0
    remaining = fault(path)
    outcome = f"no good copy at {copy}" if remaining else f"the copy {copy} took its place"
    print(f"{path} was no use to Asterisk: {found}; {outcome}", file=sys.stderr)
    return 1 if remaining else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
