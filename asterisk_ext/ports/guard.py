"""What the services need of the guard, a process of its own: bans, who is spared, what happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Attempt:
    """A failed attempt as the guard counted it; account and log line hold text that the sender chose."""

    at: float
    service: str
    transport: str
    account: str
    event: str
    line: str


@dataclass(frozen=True, slots=True)
class Banned:
    """A ban as the guard tells it; ``origin``: ``log``, ``operator`` or ``fleet``."""

    address: str
    since: float
    until: float
    failures: int
    reason: str
    origin: str = ""
    attempts: Sequence[Attempt] = ()
    """Those that decided it, the oldest first."""
    servers: Sequence[str] = ()
    """The servers that it holds on."""


@dataclass(frozen=True, slots=True)
class Spared:
    """An address that is slowed down (``reason``: ``slowed``), or whose ban was held back, for that reason."""

    address: str
    since: float
    until: float
    failures: int
    reason: str
    accounts: Sequence[str] = ()
    """Those that failed last in its name."""
    attempts: Sequence[Attempt] = ()
    servers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class GuardEvent:
    """What has happened: ``banned``, ``slowed``, ``held``, ``lifted``, ``suspended``, ``resumed`` or ``repaired``."""

    event: str
    source: str = ""
    until: float = 0.0
    failures: int = 0
    reason: str = ""
    accounts: Sequence[str] = ()
    origin: str = ""
    rules: bool = False
    """Of ``repaired``: rules were missing, not bans alone."""
    lists: Sequence[str] = ()
    """Of ``repaired``: the address lists that had been changed, by the kernel's names of them."""


class Guard(Protocol):
    """The on-node guard, a process of its own behind a Unix socket."""

    async def bans(self) -> list[Banned]: ...

    async def spared(self) -> list[Spared]: ...

    async def metrics(self) -> str:
        """Counts in Prometheus' text format; no address and no account among them."""
        ...

    def events(self) -> AsyncGenerator[GuardEvent]:
        """What happens from now on; ends when the guard does."""
        ...

    async def ban(self, address: str, reason: str, by: str) -> Banned: ...

    async def ban_for_fleet(self, address: str, seconds: float, node: str) -> None:
        """Ban on another node's word; refuses ``ban.held_back`` by this node's own lists and protected addresses."""
        ...

    async def lift(self, address: str, by: str) -> None: ...

    async def set_fleet(self, addresses: Sequence[str]) -> None:
        """The derived never-ban list: the fleet's nodes, its trunks and its administrators."""
        ...
