"""What the admin HTTP needs of the node; the composition root fills it in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Protocol

from asterisk_ext.domain.access import Actor
from asterisk_ext.ports import Clock, Fleet
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.bans import Bans
from asterisk_ext.services.maintenance import Maintenance
from asterisk_ext.services.servers import Servers
from asterisk_ext.services.users import Users
from asterisk_ext.services.virtual_pbx import VirtualPbxs


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The leg that called."""

    channel: str
    state: str
    """Asterisk's word: Down, Ring, Ringing, Up, Busy …"""
    caller: str
    name: str = ""
    dialled: str = ""
    codecs: Sequence[str] = ()
    """The offered list while it rings, the negotiated one once up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A leg that is called."""

    channel: str
    state: str
    codecs: Sequence[str] = ()
    answerer: str = ""
    """Filled on the leg that answered."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call in progress: one origin leg, zero or more destination legs, one linkedid."""

    linkedid: str
    pbx: str
    """Id of the virtual PBX, empty while unknown."""
    server: str
    started: float
    """Epoch seconds."""
    answered: float | None = None
    origin: Origin
    destinations: Sequence[Destination] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All calls; the first thing a watcher gets, and again after every resynchronisation."""

    calls: Sequence[Call]
    sure: bool = True
    """False while the tracker is out of touch with Asterisk: the rows are the last known."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A call that is new or different."""

    call: Call


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over."""

    linkedid: str


Difference = Snapshot | Changed | Ended


class LiveCalls(Protocol):
    """The calls in progress that an actor may see."""

    def table(self, actor: Actor) -> Snapshot:
        """Newest first."""
        ...

    def watch(self, actor: Actor) -> AsyncIterator[Difference]:
        """Differences as they happen, a snapshot first."""
        ...

    async def hang_up(self, actor: Actor, linkedid: str) -> None:
        """End every leg; refuses unknown calls and emergency calls."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BanPolicy:
    """The guard's policy, as the page of blocked IPs says it."""

    failures: int = 4
    window_hours: float = 6
    ban_hours: float = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the pages and the API call; nothing is reached by any other way."""

    servers: Servers
    maintenance: Maintenance
    virtual_pbxs: VirtualPbxs
    users: Users
    audit: Audit
    bans: Bans
    live_calls: LiveCalls
    fleet: Fleet
    clock: Clock
    node: str
    """Name of the server that this console runs on."""
    is_peer: Callable[[str], bool]
    """Whether a bearer token is the fleet's own secret, compared in constant time."""
    hoster: str = "asterisk-ext"
    """The name above the navigation."""
    zone: tzinfo = field(default=UTC)
    """Time zone in which pages say times."""
    ban_policy: BanPolicy = field(default_factory=BanPolicy)
    version: str = ""
