"""Promotion: a console makes itself the registry's server from its own copy, where the former one is dead.

An operator's act, never automatic: two servers that both believed to be it would each acknowledge what the other
does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.ports import Clock, Fleet
from asterisk_ext.services import consoles
from asterisk_ext.services.audit import Audit

STILL_THERE = Problem(
    "registry.still_there",
    409,
    "{node} was not promoted: the registry's server answers.",
    "Switch that server's node service off first, or give --force where it must not be followed any more.",
)
IS_HERE = Problem(
    "registry.is_here",
    409,
    "{node} was not promoted: it keeps the fleet's registry already.",
    "There is nothing to do.",
)
NOT_EMBEDDED = Problem(
    "registry.not_embedded",
    409,
    "{node} was not promoted: the fleet's registry is in an etcd cluster, which needs no promotion.",
    "Bring a majority of the cluster's servers back.",
)
NEVER_FILLED = Problem(
    "registry.never_filled",
    409,
    "{node} was not promoted: its copy of the registry was never filled.",
    "Promote another console.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    epoch: int
    revision: int
    """Of the former registry up to which all is kept: what it acknowledged later is lost, and told when it returns."""
    age: float
    """Seconds since the copy was last known to be current."""
    records: int
    missing: Sequence[str]
    """Audios' contents that could not be taken over."""


class Seats(Protocol):
    """Where the registry is kept, as far as this node can change it."""

    @property
    def is_here(self) -> bool: ...

    async def answers(self) -> bool: ...

    async def take(self) -> tuple[int, Sequence[str]]:
        """Keep the registry here from now on: the epoch, and the contents of audios that are missing."""
        ...


class Promotion:
    def __init__(self, node: str, fleet: Fleet, seats: Seats | None, audit: Audit, clock: Clock) -> None:
        """Without ``seats`` the registry is not any node's."""
        self._node = node
        self._fleet = fleet
        self._seats = seats
        self._audit = audit
        self._clock = clock

    async def promote(self, actor: Actor, force: bool = False) -> Promoted:
        """Refuses ``registry.not_a_console`` and what would leave the fleet with two registries."""
        require(actor, Act.MANAGE_USERS)
        if self._seats is None:
            raise NOT_EMBEDDED.refuse(node=self._node)
        if self._seats.is_here:
            raise IS_HERE.refuse(node=self._node)
        if not self._fleet.revision:
            raise NEVER_FILLED.refuse(node=self._node)
        consoles.check(self._fleet, self._node, "the registry's server")
        if not force and await self._seats.answers():
            raise STILL_THERE.refuse(node=self._node)
        age, revision = self._fleet.age(self._clock()), self._fleet.revision
        records = len(self._fleet.items(""))
        epoch, missing = await self._seats.take()
        facts = {"done": "promoted", "epoch": epoch, "revision": revision}
        await self._audit.note(actor, Act.CHANGE_SERVER, self._node, "", **facts)
        return Promoted(epoch=epoch, revision=revision, age=age, records=records, missing=missing)
