"""The audit journal: who did what, when, and the way back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

import msgspec

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.node_rights import writer_of
from asterisk_ext.ports import Clock, Fleet, Item, Registry
from asterisk_ext.services import consoles
from asterisk_ext.services.records import AUDIT, decode, encode
from asterisk_ext.services.times import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    at: str
    who: str
    act: Act
    thing: str
    """The name of what was acted on: a server, a virtual PBX, an address."""
    facts: Mapping[str, str] = field(default_factory=dict)
    undo: str = ""
    """Path below ``/api/v1`` that undoes it by POST, where it can be undone."""


class Audit:
    def __init__(self, registry: Registry, fleet: Fleet, clock: Clock, node: str = "") -> None:
        """Entries are kept by the ``node`` that wrote them: it can speak for no other."""
        self._node = node
        self._registry = registry
        self._fleet = fleet
        self._clock = clock

    async def note(self, actor: Actor, act: Act, thing: str, undo: str = "", **facts: object) -> int:
        """Write one entry; returns the registry's revision."""
        now = self._clock()
        texts = {name: str(value) for name, value in facts.items()}
        entry = Entry(at=iso(now), who=actor.name, act=act, thing=thing, facts=texts, undo=undo)
        key = f"{AUDIT}{self._node}/{int(now * 1000):015d}-{secrets.token_hex(4)}"
        return await self._registry.create(key, encode(entry))

    def latest(self, actor: Actor, count: int = 50) -> list[Entry]:
        """The newest entries first; what another server wrote that is no console bears its name, and undoes nothing.

        Whoever has stolen a server may write there what he likes: what cannot be read, or is of a time to come, hides
        no other entry.
        """
        require(actor, Act.SEE_AUDIT)
        now = f"{int(self._clock() * 1000):015d}"
        items = sorted(self._fleet.items(AUDIT), key=lambda item: (min(_stamp(item), now), item.revision), reverse=True)
        return list(islice((entry for item in items if (entry := self._read(item))), count))

    def _read(self, item: Item) -> Entry | None:
        try:
            entry = decode(item.value, Entry)
        except (msgspec.MsgspecError, ValueError):
            return None
        node = writer_of(item.key) or ""
        if node == self._node or consoles.may(self._fleet, node):
            return entry
        return replace(entry, who=f"{entry.who} ({node})", undo="")


def _stamp(item: Item) -> str:
    """By the writers' clocks, to the millisecond: revisions are another registry's once it was moved."""
    return item.key.rpartition("/")[2].partition("-")[0]
