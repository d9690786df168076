"""Files with secrets, for one user of the lab's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write(place: Path, texts: Mapping[str, str], uid: int, gid: int) -> None:
    """Make ``place`` where it is missing; it and the files are readable by their user alone."""
    place.mkdir(mode=0o700, exist_ok=True)
    os.chown(place, uid, gid)
    for name, text in texts.items():
        path = place / name
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(text)
        os.chown(path, uid, gid)
