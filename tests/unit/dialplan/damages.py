"""What can befall a realtime database."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path


def truncated(path: Path) -> None:
    path.write_bytes(b"")


def garbled(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))


def emptied(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM ps_endpoints")


def of_another_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def without_a_column(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE pbx DROP COLUMN status")


def made_anew_by_asterisk(path: Path) -> None:
    """As Asterisk does at its start where no database is."""
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE foo (id)")


DAMAGES = [Path.unlink, truncated, garbled, emptied, of_another_schema, without_a_column, made_anew_by_asterisk]
