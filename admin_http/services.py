"""What the admin HTTP needs of the node; the composition root fills it in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Protocol, Self

from aiohttp import web

from asterisk_ext.config import Guard
from asterisk_ext.domain.access import Actor
from asterisk_ext.domain.call_media import Detail
from asterisk_ext.domain.call_news import Difference, Snapshot
from asterisk_ext.ports import Clock, Fleet
from asterisk_ext.ports.audio import Shipped
from asterisk_ext.services.audios import Audios
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.bans import Bans
from asterisk_ext.services.blocked_calls import BlockedCalls
from asterisk_ext.services.call_history import CallHistory
from asterisk_ext.services.countries import Countries
from asterisk_ext.services.firewall import Firewalls
from asterisk_ext.services.fleet_bans import FleetBans
from asterisk_ext.services.joining import Joining
from asterisk_ext.services.maintenance import Maintenance
from asterisk_ext.services.pbx_blocks import PbxBlocks
from asterisk_ext.services.pbx_move import PbxMove
from asterisk_ext.services.pbx_parts import PbxParts
from asterisk_ext.services.promotion import Promotion
from asterisk_ext.services.servers import Servers
from asterisk_ext.services.users import Users
from asterisk_ext.services.virtual_pbx import VirtualPbxs


class LiveCalls(Protocol):
    """The calls in progress that an actor may see; another node, who asks as a peer, gets this server's alone."""

    def here(self, actor: Actor) -> Snapshot:
        """Those of this server, newest first."""
        ...

    async def table(self, actor: Actor) -> Snapshot:
        """Those of the whole fleet, newest first."""
        ...

    def watch(self, actor: Actor) -> AsyncGenerator[Difference]:
        """Differences as they happen, a snapshot first."""
        ...

    async def detail(self, actor: Actor, linkedid: str, server: str = "") -> Detail:
        """One call with how its audio fares; refuses unknown calls."""
        ...

    async def hang_up(self, actor: Actor, linkedid: str, server: str = "") -> None:
        """End every leg, of the call on ``server`` where that is given; refuses unknown calls and emergency calls."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BanPolicy:
    """The guard's policy, as the page of blocked IPs says it."""

    failures: int = 4
    window_hours: float = 6
    ban_hours: float = 24

    @classmethod
    def of(cls, settings: Guard) -> Self:
        return cls(failures=settings.failures, window_hours=settings.window_hours, ban_hours=settings.ban_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the pages and the API call; nothing is reached by any other way."""

    servers: Servers
    joining: Joining
    maintenance: Maintenance
    virtual_pbxs: VirtualPbxs
    pbx_move: PbxMove
    pbx_parts: PbxParts
    pbx_blocks: PbxBlocks
    users: Users
    promotion: Promotion
    audit: Audit
    bans: Bans
    fleet_bans: FleetBans
    firewall: Firewalls
    countries: Countries
    live_calls: LiveCalls
    call_history: CallHistory
    blocked_calls: BlockedCalls
    audios: Audios
    shipped: Mapping[str, Shipped]
    """The announcements that ship with the product, by ``Place.key``."""
    blocked_calls_days: float = 90
    """How long blocked calls are kept."""
    fleet: Fleet
    clock: Clock
    node: str
    """Name of the server that this console runs on."""
    peer_of: Callable[[web.Request], str]
    """Name of the node of the fleet that asks, by its certificate; empty for everybody else."""
    hoster: str = "asterisk-ext"
    """The name above the navigation."""
    zone: tzinfo = field(default=UTC)
    """Time zone in which pages say times."""
    ban_policy: BanPolicy = field(default_factory=BanPolicy)
    version: str = ""
