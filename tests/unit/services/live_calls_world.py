"""What the live calls service needs of the world, in the smallest form."""

from __future__ import annotations

from collections.abc import Sequence

from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.call_media import RtpStatistics
from asterisk_ext.domain.emergency import MARK
from asterisk_ext.domain.pbx import Pbx


class FakeTenants:
    def __init__(self, *tenants: Pbx) -> None:
        self._tenants = list(tenants)

    def tenants(self) -> Sequence[Pbx]:
        return self._tenants


class FakeAudit:
    def __init__(self) -> None:
        self.noted: list[tuple[str, Act, str, dict[str, object]]] = []

    async def note(self, actor: Actor, act: Act, thing: str, undo: str = "", **facts: object) -> int:
        self.noted.append((actor.name, act, thing, facts))
        return len(self.noted)


class FakeChannels:
    def __init__(self) -> None:
        self.hung_up: list[str] = []
        self.marked: set[str] = set()
        """Those that carry the mark of an emergency."""
        self.statistics: dict[str, RtpStatistics] = {}

    async def variable(self, channel: str, name: str) -> str:
        return "1" if channel in self.marked and name == MARK else ""

    async def rtp_statistics(self, channel: str) -> RtpStatistics | None:
        return self.statistics.get(channel)

    async def hang_up(self, channel: str) -> None:
        self.hung_up.append(channel)
