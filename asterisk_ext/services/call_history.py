"""The fleet's calls over the last hour, as the console's chart shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.last_hour import LastHour, Minute
from asterisk_ext.domain.server import LATE_AFTER
from asterisk_ext.ports import Clock
from asterisk_ext.services.fleet_calls import Members

OLDEST = 300.0
"""Seconds: where nobody looks, a large fleet is listened to now and then only."""
EVERY = 10.0


class CallHistory:
    """Sums what the servers report of themselves; this node's own calls are counted afresh.

    A server that is late does not count: nobody knows its calls. Kept in memory, 60 numbers.
    """

    def __init__(self, node: str, own: Callable[[], int], fleet: Members, clock: Clock) -> None:
        self._node = node
        self._own = own
        self._fleet = fleet
        self._clock = clock
        self._hour = LastHour()

    def last_hour(self, actor: Actor) -> list[Minute]:
        """The whole fleet's; who may see one virtual PBX only is refused."""
        require(actor, Act.SEE_CALLS)
        return self._hour.minutes(self._clock())

    def look(self) -> None:
        now = self._clock()
        reports = self._fleet.reports()
        heard = max((report.at for report in reports.values()), default=now)
        others = sum(
            report.calls
            for name, report in reports.items()
            if name != self._node and heard - report.at <= LATE_AFTER and now - report.at <= OLDEST
        )
        self._hour.note(self._own() + others, now)

    async def run(self) -> None:
        """Look every ten seconds, for ever."""
        while True:
            self.look()
            await asyncio.sleep(EVERY)
