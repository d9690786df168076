"""What Asterisk remembers of its realtime database for a moment (``sorcery.conf``), and how it is made to forget.

Of endpoints and passwords a row that is not there is never remembered, so what is added holds at once; the addresses of
carriers are remembered all together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from dialplan.difference import Difference
from dialplan.realtime_schema import AUTHS, ENDPOINTS, IDENTIFIES

log = logging.getLogger(__name__)

REMEMBERED = {"endpoint": ENDPOINTS.name, "auth": AUTHS.name}
"""Kind of object in ``sorcery.conf`` → its table."""
SECONDS = 1
"""For as long, should Asterisk not hear that it is to forget, or have been reading while a row was changed."""
TOGETHER = "identify"
SECONDS_TOGETHER = 10
"""The same for the addresses of carriers: reading those of 1,000 takes Asterisk 60 ms."""


def stale(found: Difference) -> Iterator[str]:
    """What Asterisk remembers and may be so no longer, by its names. Pure."""
    for kind, table in REMEMBERED.items():
        if table in found.changed or table in found.removed:
            yield f"res_pjsip/{kind}"
    if any(IDENTIFIES.name in rows for rows in (found.added, found.changed, found.removed)):
        yield f"res_pjsip/{TOGETHER}"


def forget(command: Callable[[str], str], found: Difference) -> None:
    """``command`` runs one of Asterisk's console. Where that does not answer, time does it."""
    try:
        for name in stale(found):
            command(f"sorcery memory cache expire {name}")
    except OSError as error:
        log.info("Asterisk remembers what was changed for %s s at most: %s", SECONDS_TOGETHER, error)
