"""A fresh realtime database under a new name, taken up by a running Asterisk.

Asterisk reopens the file only when its name in ``res_config_sqlite3.conf`` has changed and the module is reloaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from asterisk_ext.domain.pbx import Pbx
from dialplan.projection import Projection

_NAME = re.compile(r"realtime-(\d{1,9})\.sqlite3")
_FILE = re.compile(r"^(dbfile\s*=>?\s*)(\S+)$", re.MULTILINE)


def current(settings: Path) -> Path:
    """The database that the include file of ``res_config_sqlite3.conf`` names; raises LookupError without one."""
    found = _FILE.search(settings.read_text())
    if found is None:
        raise LookupError(f"{settings} names no database")
    return Path(found[2])


def rebuild(settings: Path, directory: Path, tenants: Iterable[Pbx], reload: Callable[[], None]) -> Path:
    """Build the database anew in ``directory``, beside the current one, and have Asterisk take it up; returns its path.

    ``directory`` may bear another name here than where Asterisk sees it. ``reload`` runs ``module reload
    res_config_sqlite3.so``. Files older than the one replaced are removed. Raises OSError and sqlite3.Error; Asterisk
    then goes on with what it has.
    """
    before = current(settings)
    there = [(int(found[1]), path) for path in directory.iterdir() if (found := _NAME.fullmatch(path.name))]
    fresh = directory / f"realtime-{max((number for number, _ in there), default=0) + 1}.sqlite3"
    with closing(Projection(fresh)) as projection:
        projection.apply(tenants, confirmed=True)
    draft = settings.with_name(f"{settings.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(_FILE.sub(lambda found: f"{found[1]}{before.with_name(fresh.name)}", settings.read_text()))
    draft.replace(settings)
    reload()
    for _, path in there:
        if path.name != before.name:
            for ending in ("", "-wal", "-shm"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
    return fresh
