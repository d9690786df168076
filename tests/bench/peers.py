"""Others' programs that ours are measured beside. `make setup` unpacks them; they are never installed."""

from __future__ import annotations

import os
from pathlib import Path

PLACE = Path(os.environ.get("ASTERISK_EXT_CACHE", "/var/cache/asterisk-ext")) / "peers"
FAIL2BAN = PLACE / "etc/fail2ban"
"""Its configuration as Debian ships it."""


def peer(program: str) -> tuple[str, ...]:
    """The command that runs a program of a peer with its own libraries."""
    libraries = PLACE / "usr/lib/python3/dist-packages"
    return ("/usr/bin/env", f"PYTHONPATH={libraries}", "/usr/bin/python3", str(PLACE / "usr/bin" / program))
