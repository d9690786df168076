"""What Asterisk remembers of its realtime database for a moment (``sorcery.conf``), and how it is made to forget.

A row that is not there is never remembered, so what is added holds at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from dialplan.difference import Difference
from dialplan.realtime_schema import AUTHS, ENDPOINTS

log = logging.getLogger(__name__)

REMEMBERED = {"endpoint": ENDPOINTS.name, "auth": AUTHS.name}
"""Kind of object in ``sorcery.conf`` → its table."""
SECONDS = 1
"""For as long, should Asterisk not hear that it is to forget, or have been reading while a row was changed."""


def stale(found: Difference) -> Iterator[str]:
    """The kinds of objects of which Asterisk may remember something that is so no longer. Pure."""
    for kind, table in REMEMBERED.items():
        if table in found.changed or table in found.removed:
            yield kind


def forget(command: Callable[[str], str], found: Difference) -> None:
    """``command`` runs one of Asterisk's console. Where that does not answer, time does it."""
    try:
        for kind in stale(found):
            command(f"sorcery memory cache expire res_pjsip/{kind}")
    except OSError as error:
        log.info("Asterisk remembers what was changed for %s s: %s", SECONDS, error)
