"""Has a running Asterisk open its realtime database anew, when another file has taken the place of the one it reads.

Asterisk is told that it has no such database, and then that it has one: the first lets go of the file when the last
query on it has ended. Naming the file otherwise is one step less and not safe: Asterisk 22 then closes the file under a
query that is running, and hangs for good. Between the two, some tens of milliseconds, Asterisk finds no phone; that
is why this is done only where the file that it reads is lost anyway.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

RELOAD = "module reload res_config_sqlite3.so"
CLOSED = ";closed;"
"""Before every line while the database is closed, so that whoever was interrupted can be followed by another."""
_NAMED = re.compile(r"^dbfile\s*=>?\s*\S+$", re.MULTILINE)


def reopen(settings: Path, reload: Callable[[], object]) -> None:
    """``settings`` is our include file of ``res_config_sqlite3.conf``; ``reload`` runs RELOAD in Asterisk's console.

    Raises LookupError where the file names no database, OSError, and what ``reload`` raises; the file is as it was.
    """
    whole = settings.read_text().replace(CLOSED, "")
    if not _NAMED.search(whole):
        raise LookupError(f"{settings} names no database")
    try:
        _write(settings, "".join(f"{CLOSED}{line}" for line in whole.splitlines(keepends=True)))
        reload()
    finally:
        _write(settings, whole)
    reload()


def _write(path: Path, text: str) -> None:
    draft, owner = path.with_name(f"{path.name}.new"), path.stat()
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.chown(draft, owner.st_uid, owner.st_gid)
    draft.replace(path)
