"""Looks after the realtime database while Asterisk runs: ``python -m dialplan.watch DATABASE COPY SETTINGS PROGRAM…``.

A process of its own that needs nothing of ours but two files: a missing or damaged database must not be why 190 fails,
whatever has become of the node service. A look is four stat calls as long as nobody has written.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dialplan.last_good import fault, restore
from dialplan.reopen import RELOAD, reopen

log = logging.getLogger(__name__)

PERIOD = 0.5
"""Seconds between two looks. A fault seen twice is mended: a writer may be making the file right now."""
PATIENCE = 10.0

_Seen = tuple[tuple[int, int, int, int], ...]


class Watch:
    """``settings`` is our include file of ``res_config_sqlite3.conf``; ``reload`` has Asterisk read it again."""

    def __init__(self, database: Path, copy: Path, settings: Path, reload: Callable[[], None]) -> None:
        self._database = database
        self._copy = copy
        self._settings = settings
        self._reload = reload
        self._sound: _Seen | None = None
        self._opened = 0
        """The file that Asterisk was last told to open; 0 before, so that it is told once at the beginning."""
        self._fault = ""
        self._told = ""

    def look(self) -> str:
        """One look; the fault that was mended, empty where there was none or it cannot be mended.

        Raises OSError where a file cannot be written; the next look tries again.
        """
        seen = _state(self._database)
        if seen == self._sound:
            return ""
        found = fault(self._database)
        before, self._fault = self._fault, found
        mended = ""
        if found:
            if not before:
                return ""
            restore(self._database, self._copy)
            if remaining := fault(self._database):
                self._tell(f"{self._database} is no use to Asterisk and cannot be put back: {remaining}")
                return ""
            mended, seen = found, _state(self._database)
            self._tell(f"{self._database} was no use to Asterisk: {found}; the copy took its place")
        self._fault = ""
        if mended or seen[0][1] != self._opened:
            reopen(self._settings, self._reload)
            self._opened = seen[0][1]
        self._sound = seen
        return mended

    def _tell(self, words: str) -> None:
        """Once, not twice a second."""
        if words != self._told:
            log.warning("%s", words)
        self._told = words


def _state(path: Path) -> _Seen:
    """What changes with every write: of the file and of its write-ahead log; empty where there is no file."""
    found = []
    for part in (path, path.with_name(f"{path.name}-wal")):
        if part.exists():
            there = part.stat()
            found.append((there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns))
    return tuple(found)


def main(arguments: list[str]) -> None:
    """Look for ever."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    database, copy, settings = (Path(argument) for argument in arguments[:3])
    command = [*(arguments[3:] or ["asterisk"]), "-rx", RELOAD]

    def reload() -> None:
        """An Asterisk that is down opens the file when it starts."""
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)

    watch = Watch(database, copy, settings, reload)
    while True:
        try:
            watch.look()
        except (OSError, LookupError, subprocess.SubprocessError) as error:
            log.warning("%s could not be looked after: %s", database, error)
        time.sleep(PERIOD)


if __name__ == "__main__":
    main(sys.argv[1:])
