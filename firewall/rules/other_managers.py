"""Who else manages this machine's firewall: found by rules in force, units and files, named, never touched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from firewall.rules.foreign_rules import DOCKER, FIREWALLD, UFW, in_force

NFTABLES, PERSISTENT = "nftables.service", "netfilter-persistent"
UNITS = {
    UFW: "ufw.service",
    FIREWALLD: "firewalld.service",
    DOCKER: "docker.service",
    NFTABLES: "nftables.service",
    PERSISTENT: "netfilter-persistent.service",
}
RUNNING = {
    FIREWALLD: ("run/firewalld", "var/run/firewalld.pid"),
    DOCKER: ("run/docker.sock", "run/docker.pid"),
}
_ENABLED = re.compile(r"^ENABLED=yes\s*$", re.MULTILINE | re.IGNORECASE)


def found(root: Path = Path("/"), rules: Iterable[str] | None = None) -> list[str]:
    """The names of those that run, or will at the next boot, by files below ``root``; then those whose ``rules`` are in
    the kernel (None: as it is now), a stranger's table by its name."""
    present = {
        name: _is_wanted(root, unit) or any(_exists(root / path) for path in RUNNING.get(name, ()))
        for name, unit in UNITS.items()
    }
    # Its unit is enabled on every machine that has it; the switch is a line in its settings.
    present[UFW] = _is_enabled(root / "etc/ufw/ufw.conf")
    named = [name for name, there in present.items() if there]
    return list(dict.fromkeys([*named, *(in_force() if rules is None else rules)]))


def _is_wanted(root: Path, unit: str) -> bool:
    return any(_exists(wants / unit) for wants in (root / "etc/systemd/system").glob("*.wants"))


def _is_enabled(path: Path) -> bool:
    try:
        return _ENABLED.search(path.read_text(errors="replace")) is not None
    except OSError:
        return False


def _exists(path: Path) -> bool:
    # A link of systemd's may point to where the guard cannot look.
    return path.is_symlink() or path.exists()
