"""What runs before everything else on the machine: calls, bans, phones."""

from __future__ import annotations

import os
import subprocess
from functools import cache

VARIABLE = "ASTERISK_EXT_LAB_PRECEDENCE"
"""Says ``nice`` where many labs share a machine: in real time the Asterisks of some would take the rest of the others'
processors."""

REAL_TIME = ("chrt", "--rr", "10")
"""As ``asterisk -p``, which the packaged unit of Asterisk says: audio waits for nobody. Neither does a ban: beside an
Asterisk like that a guard that only were nice would wait for what an attacker gives it to do."""
NICE = ("nice", "--adjustment=-10")
"""Where the machine gives nobody real time, as a container may not: as far before the others as it lets us."""


@cache
def before_others() -> tuple[str, ...]:
    """What a command line begins with."""
    if os.environ.get(VARIABLE) == "nice":
        return NICE
    allowed = subprocess.run([*REAL_TIME, "true"], capture_output=True, check=False).returncode == 0
    return REAL_TIME if allowed else NICE
