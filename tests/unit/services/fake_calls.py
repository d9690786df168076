"""The fleet's calls in a list."""

from __future__ import annotations

from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.call_news import Snapshot
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.services.live_calls import EMERGENCY


class FakeCalls:
    """``emergency`` holds the linkedids of calls that are never hung up."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.emergency: set[str] = set()

    async def table(self, actor: Actor) -> Snapshot:
        return Snapshot(calls=list(self.rows))

    async def hang_up(self, actor: Actor, linkedid: str, server: str = "") -> None:
        if linkedid in self.emergency:
            raise EMERGENCY.refuse(linkedid=linkedid)
        self.rows = [row for row in self.rows if row["linkedid"] != linkedid]
