"""What the services need of the world. Implementations and fakes live elsewhere; nothing here does anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from asterisk_ext.domain.blocked_calls import BlockedCount, Wanted
from asterisk_ext.domain.call_media import Detail
from asterisk_ext.domain.call_news import Difference
from asterisk_ext.domain.call_rows import Row
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.gate import BlockedCall
from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.server import Report, Server
from asterisk_ext.ports.guard import Banned, Spared


class Item(msgspec.Struct, frozen=True, gc=False):
    """One record of the registry; ``revision`` is that of its last change, 0 for a record that does not exist."""

    key: str
    value: bytes
    revision: int


class Change(msgspec.Struct, frozen=True, gc=False):
    """A record written (``value``) or deleted (None) at ``revision``."""

    key: str
    value: bytes | None
    revision: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The change log does not hold where the watcher was (too long ago, or it comes from another life of the
    registry): take a snapshot again.
    """


CONFLICT = Problem(
    "registry.conflict",
    409,
    "{key} was changed by someone else in the meantime; nothing was saved.",
    "Look at what it is now, then decide again.",
)
UNREACHABLE = Problem(
    "registry.unreachable",
    503,
    "The fleet's registry does not answer; nothing was changed. Calls and bans go on.",
    "Try again when the registry is back.",
)
MOVED = Problem(
    "registry.moved",
    409,
    "Nothing was changed: the fleet's registry was moved to another engine and this one only remembers.",
    "Set `registry.engine` on this server to where it was moved and start the node service again.",
)
STRANGER = Problem(
    "registry.stranger",
    403,
    "Nothing was changed: the fleet does not admit this server; it was removed, or its certificate is void.",
    "To have it back, add it on a console of the fleet and run `asterisk-ext node join` here.",
)
UNSURE = Problem(
    "registry.unsure",
    503,
    "The fleet's registry did not answer in time; whether the change was made is not known.",
    "Look at what it is now before you try again.",
)
FULL = Problem(
    "registry.full",
    507,
    "The registry's cluster has no room left; nothing was changed. Calls and bans go on.",
    "If a server wrote too much, remove it; then `asterisk-ext registry make-room` on the server with serve = true.",
)
DISK_FULL = Problem(
    "registry.disk_full",
    507,
    "The disk that the fleet's registry lies on has no room left; nothing was changed. Calls and bans go on.",
    "Make room on the server that keeps the registry, then try again.",
)
SILENT = Problem(
    "server.silent",
    503,
    "{server} does not answer; nothing was changed there.",
    "Look at its state in the list of servers and try again.",
)

ONLY_LOOKS = Problem(
    "server.only_looks",
    403,
    "{server} did nothing: this server is no console of the fleet, so it may only look at the others.",
    "Do it on a console of the fleet.",
)


MOVED_MARK = "registry/moved"
"""While this record exists a registry refuses every write but that of the record itself."""


class Registry(Protocol):
    """The fleet's truth. Single-key writes only; every write gets a new revision, ascending over all keys."""

    async def close(self) -> None: ...

    async def get(self, key: str) -> Item | None: ...

    async def snapshot(self, prefix: str) -> tuple[list[Item], int]:
        """All records below ``prefix``, by key, and the revision at which this was true."""
        ...

    async def create(self, key: str, value: bytes) -> int:
        """Write a record that must not exist yet; ``registry.conflict`` where it does."""
        ...

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        """Write a record whose revision must still be ``revision``; ``registry.conflict`` where it is not."""
        ...

    async def delete(self, key: str, revision: int) -> int: ...

    def watch(self, prefix: str, from_revision: int) -> AsyncGenerator[Change | Gap]:
        """Every change after ``from_revision``, in order, for as long as it is listened to."""
        ...

    async def beat(self, node: str, ttl: float, report: bytes) -> None:
        """Say that ``node`` lives, for ``ttl`` seconds, with what it reports of itself. Advisory, never logged."""
        ...

    async def beats(self) -> dict[str, tuple[float, bytes]]:
        """Each node's last beat: when (epoch seconds) and its report; silent ones too."""
        ...

    async def put_blob(self, data: bytes) -> str:
        """Keep ``data``; returns its SHA-256 in hexadecimal."""
        ...

    async def get_blob(self, sha256: str) -> bytes | None: ...

    async def blobs(self) -> list[str]:
        """The names of all that are kept, sorted."""
        ...

    async def drop_blob(self, sha256: str) -> None:
        """Keep it no longer; nothing happens where it is not kept."""
        ...


class Fleet(Protocol):
    """The node's own copy of the registry, typed; reading never waits."""

    @property
    def revision(self) -> int: ...

    @property
    def map_revision(self) -> int:
        """Revision of the maintenance map; 0 while there is none."""
        ...

    def age(self, now: float) -> float:
        """Seconds since the copy was last known to be current."""
        ...

    def servers(self) -> list[Server]: ...

    def server(self, name: str) -> Server:
        """Refuses ``server.unknown``."""
        ...

    def tenants(self) -> list[Pbx]: ...

    def tenant(self, pbx: int) -> Pbx:
        """Refuses ``pbx.unknown``."""
        ...

    def homes(self) -> Mapping[str, int]:
        """How many virtual PBXs live on each server that has any; counted once, not whenever somebody looks."""
        ...

    def maintenance(self) -> Map: ...

    def reports(self) -> dict[str, Report]:
        """What each node last said; a large fleet's are some minutes old where nobody has looked."""
        ...

    async def look(self) -> None:
        """Before reading reports: have them as they are now; gives up after a second."""
        ...

    def item(self, key: str) -> Item | None:
        """The raw record, for a compare-and-set."""
        ...

    def items(self, prefix: str) -> list[Item]: ...

    async def after(self, revision: int) -> None:
        """Wait until the copy is newer than ``revision``, or of a registry that counts lower."""
        ...

    def touched(self, *kinds: str) -> int:
        """Revision of the last change of any record of these kinds (``pbx/``, ``maintenance``)."""
        ...

    async def after_touch(self, revision: int, *kinds: str) -> None: ...

    async def reached(self, revision: int) -> None:
        """Wait until the copy holds ``revision``, so that who wrote it can read it; gives up after a second."""
        ...


class Clock(Protocol):
    def __call__(self) -> float:
        """Epoch seconds."""
        ...


class Peers(Protocol):
    """The other nodes of the fleet, each asked for what is its own; all refuse ``server.silent`` within seconds."""

    async def calls(self, server: Server) -> list[Row]: ...

    def call_stream(self, server: Server) -> AsyncGenerator[Difference | None]:
        """A snapshot, then every difference, for as long as it is listened to; None says that nothing is new."""
        ...

    async def call(self, server: Server, linkedid: str) -> Detail:
        """One call there with its audio; refuses ``call.unknown``."""
        ...

    async def hang_up(self, server: Server, linkedid: str, by: str) -> None:
        """End a call there for the user ``by``, whom that node notes in the audit; refuses as that node does, and
        ``server.only_looks``."""
        ...

    async def bans(self, server: Server) -> list[Banned]: ...

    async def blocked_calls(self, server: Server, wanted: Wanted) -> list[BlockedCall]: ...

    async def blocked_counts(self, server: Server, pbx: int | None) -> list[BlockedCount]: ...

    async def spared(self, server: Server) -> list[Spared]: ...

    async def lift(self, server: Server, address: str, by: str) -> bool:
        """Lift a ban there; whether there was one. Refuses ``server.only_looks``."""
        ...


class Hook(Protocol):
    """Something of the hoster's own that is told of what happens."""

    async def __call__(self, *words: str) -> str:
        """What went wrong; empty where it has heard. Ends within its time."""
        ...
