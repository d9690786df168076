"""Files that only the node service may read, replaced whole."""

from __future__ import annotations

import os
from pathlib import Path


def private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, owned by whoever owns the state's directory: root may write for the service."""
    owner = path.parent
    while not owner.exists():
        owner = owner.parent
    found = owner.stat()
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
        os.chown(path.parent, found.st_uid, found.st_gid)
    new = path.with_suffix(path.suffix + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        os.fchown(file.fileno(), found.st_uid, found.st_gid)
        os.fsync(file.fileno())
    new.replace(path)
