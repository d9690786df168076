"""Who else manages this machine's firewall: found by what is there, named, never touched."""

from __future__ import annotations

import re
from pathlib import Path

UFW, FIREWALLD, DOCKER, NFTABLES = "ufw", "firewalld", "Docker", "nftables.service"
_ENABLED = re.compile(r"^ENABLED=yes\s*$", re.MULTILINE | re.IGNORECASE)


def found(root: Path = Path("/")) -> list[str]:
    """The names of those that are active, by their own files below ``root``."""
    present = {
        UFW: _is_enabled(root / "etc/ufw/ufw.conf"),
        FIREWALLD: _exists(root / "run/firewalld") or _exists(root / "var/run/firewalld.pid"),
        DOCKER: _exists(root / "run/docker.sock") or _exists(root / "run/docker.pid"),
        NFTABLES: any(
            _exists(root / "etc/systemd/system" / target / "nftables.service")
            for target in ("sysinit.target.wants", "multi-user.target.wants")
        ),
    }
    return [name for name, there in present.items() if there]


def _is_enabled(path: Path) -> bool:
    try:
        return _ENABLED.search(path.read_text(errors="replace")) is not None
    except OSError:
        return False


def _exists(path: Path) -> bool:
    # A link of systemd's may point to where the guard cannot look.
    return path.is_symlink() or path.exists()
