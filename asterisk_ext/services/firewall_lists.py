"""The hoster's own address lists, which rules name as ``list:name``; the same on every server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.firewall_origin import LIST, UNKNOWN_LIST, checked_list
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import FIREWALL_DRAFTS, FIREWALL_LISTS, FIREWALL_RULES, decode, encode
from asterisk_ext.services.times import iso

IN_USE = Problem(
    "firewall.list_in_use",
    409,
    "The list {name} was not removed: rules of {server} name it.",
    "Change those rules first.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnList:
    entries: tuple[str, ...]
    by: str = ""
    at: str = ""


class Lists:
    """A changed list takes effect on a server with its next plan and apply."""

    def __init__(self, registry: Registry, fleet: Fleet, audit: Audit, clock: Clock) -> None:
        self._registry = registry
        self._fleet = fleet
        self._audit = audit
        self._clock = clock

    def all(self) -> dict[str, tuple[str, ...]]:
        items = self._fleet.items(FIREWALL_LISTS)
        return {item.key.removeprefix(FIREWALL_LISTS): decode(item.value, OwnList).entries for item in items}

    def table(self, actor: Actor) -> dict[str, OwnList]:
        require(actor, Act.SEE_FIREWALL)
        items = self._fleet.items(FIREWALL_LISTS)
        return {item.key.removeprefix(FIREWALL_LISTS): decode(item.value, OwnList) for item in items}

    async def save(self, actor: Actor, name: str, entries: Sequence[str]) -> OwnList:
        """Make these the list's addresses, networks and ranges."""
        require(actor, Act.CHANGE_FIREWALL)
        made = OwnList(entries=checked_list(name, entries), by=actor.name, at=iso(self._clock()))
        item = await self._registry.get(FIREWALL_LISTS + name)
        if item is None:
            await self._registry.create(FIREWALL_LISTS + name, encode(made))
        else:
            await self._registry.compare_and_set(item.key, encode(made), item.revision)
        await self._note(actor, name, done="list", entries=len(made.entries))
        return made

    async def remove(self, actor: Actor, name: str) -> None:
        """Refused while rules of any server name it."""
        require(actor, Act.CHANGE_FIREWALL)
        item = self._fleet.item(FIREWALL_LISTS + name)
        if item is None:
            raise UNKNOWN_LIST.refuse(field="name", name=name)
        for place in (FIREWALL_RULES, FIREWALL_DRAFTS):
            for other in self._fleet.items(place):
                if f'"{LIST}{name}"'.encode() in other.value:
                    raise IN_USE.refuse(field="name", name=name, server=other.key.removeprefix(place))
        await self._registry.delete(item.key, item.revision)
        await self._note(actor, name, done="list_removed")

    async def _note(self, actor: Actor, name: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.CHANGE_FIREWALL, f"{LIST}{name}", "", **facts))
