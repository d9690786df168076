"""Recordings where Asterisk finds them: ``library/STEM/audio.alaw`` and its sisters, below the folder of sounds.

One directory a recording, so that the same files serve an announcement (``Playback``) and a class of music on hold.
The stem follows from the content: nothing is ever overwritten, and a call that plays a file goes on with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from asterisk_ext.domain.audio import Recording

LIBRARY = "library"
FILE = "audio"
UNUSED = 86_400.0
"""Seconds after which a recording that nothing asks for is removed."""

_Seen = tuple[int, int, int]


def directory(sounds: str, stem: str) -> str:
    """Where Asterisk finds a recording, which is also its directory as a class of music on hold."""
    return f"{sounds}/{LIBRARY}/{stem}"


def playable(sounds: str, stem: str) -> str:
    """What ``Playback`` is given: Asterisk chooses the ending that the caller needs."""
    return f"{directory(sounds, stem)}/{FILE}"


class SoundsOnDisk:
    """``ports.SoundFolder`` below ``sounds``."""

    def __init__(self, sounds: Path) -> None:
        self._library = sounds / LIBRARY
        self._checked: dict[Path, _Seen] = {}
        """Files whose content was compared with its name, and what stat(2) said of them then."""

    def holds(self, recording: Recording) -> bool:
        there = all(
            self._is_whole(self._library / recording.stem / f"{FILE}.{ending}", sha256)
            for ending, sha256 in recording.files.items()
        )
        if not there:
            shutil.rmtree(self._library / recording.stem, ignore_errors=True)
        return there

    def put(self, recording: Recording, files: Mapping[str, bytes]) -> None:
        place = self._library / recording.stem
        fresh = place.with_name(f".{recording.stem}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)
        fresh.mkdir(parents=True)
        for ending, data in files.items():
            with (fresh / f"{FILE}.{ending}").open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            (fresh / f"{FILE}.{ending}").chmod(0o644)
        fresh.chmod(0o755)
        fresh.rename(place)

    def sweep(self, keep: Collection[str], now: float) -> list[str]:
        """The directory's own time is when it was last asked for."""
        removed = []
        for place in self._library.iterdir() if self._library.exists() else ():
            if place.name in keep:
                os.utime(place, (now, now))
            elif now - place.stat().st_mtime > UNUSED:
                shutil.rmtree(place, ignore_errors=True)
                removed.append(place.name)
        return removed

    def _is_whole(self, path: Path, sha256: str) -> bool:
        try:
            found = path.stat()
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
            if self._checked.get(path) != seen:
                if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                    return False
                self._checked[path] = seen
        except OSError:
            self._checked.pop(path, None)
            return False
        return True
