"""Which Asterisk the lab runs: the machine's own where it is good enough, else the one that set-up keeps apart."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from asterisk_ext.domain.errors import Problem

OLDEST = 20
CACHE_VARIABLE = "ASTERISK_EXT_CACHE"
ROOT_VARIABLE = "ASTERISK_EXT_ASTERISK_ROOT"
"""Names the one tree to use, whatever else there is."""
DEFAULT_CACHE = "/var/cache/asterisk-ext"

ABSENT = Problem(
    "lab.asterisk_absent",
    500,
    "There is no usable Asterisk: {reason}.",
    "Run `make setup`; it installs one beside this machine's system.",
)


@dataclass(frozen=True, slots=True)
class Install:
    """An Asterisk: ``root`` is the tree it lives in, ``/`` for the machine's own."""

    root: Path
    version: str
    uid: int
    gid: int

    @property
    def own_tree(self) -> bool:
        return self.root != Path("/")

    @property
    def modules(self) -> Path:
        """Where its modules lie, as it sees them."""
        return Path("/") / next(_module_directories(self.root)).relative_to(self.root)


def find() -> Install:
    """The Asterisk to use; refuses ``lab.asterisk_absent`` with what is missing."""
    reasons = []
    for root in _candidates():
        try:
            return _examine(root)
        except (OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
            reasons.append(f"{root}: {error}")
    raise ABSENT.refuse(reason="; ".join(reasons))


def _candidates() -> tuple[Path, ...]:
    if ROOT_VARIABLE in os.environ:
        return (Path(os.environ[ROOT_VARIABLE]),)
    return (Path("/"), Path(os.environ.get(CACHE_VARIABLE, DEFAULT_CACHE)) / "asterisk-root")


def required_modules() -> tuple[str, ...]:
    return tuple(files(__package__).joinpath("setup/asterisk-modules.txt").read_text().split())


def _examine(root: Path) -> Install:
    directories = list(_module_directories(root))
    if not directories:
        raise LookupError("no Asterisk is installed there")
    missing = [name for name in required_modules() if not (directories[0] / f"{name}.so").exists()]
    if missing:
        raise LookupError(f"its Asterisk lacks {', '.join(missing)}")
    command = ["/usr/sbin/asterisk", "-V"] if root == Path("/") else ["chroot", str(root), "/usr/sbin/asterisk", "-V"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    found = re.search(r"(\d+)\.\d+", answer)
    if found is None or int(found[1]) < OLDEST:
        raise ValueError(f"its Asterisk is {answer.strip()!r}, older than {OLDEST}")
    uid, gid = _user(root / "etc/passwd")
    return Install(root, answer.strip(), uid, gid)


def _module_directories(root: Path) -> Iterator[Path]:
    for pattern in ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules"):
        yield from root.glob(pattern)


def _user(passwd: Path) -> tuple[int, int]:
    for line in passwd.read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == "asterisk":
            return int(uid), int(gid)
    raise LookupError("it has no user named asterisk")
