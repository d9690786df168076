"""The hoster's own address lists, which rules name as ``list:name``; the same on every server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.firewall_origin import LIST, UNKNOWN_LIST, checked_list
from asterisk_ext.ports import CONFLICT, Clock, Fleet, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import FIREWALL_DRAFTS, FIREWALL_LISTS, FIREWALL_RULES, decode, encode
from asterisk_ext.services.times import iso

IN_USE = Problem(
    "firewall.list_in_use",
    409,
    "The list {name} was not removed: rules of {server} name it.",
    "Change those rules first.",
)
LIST_CHANGED = Problem(
    "firewall.list_changed_meanwhile",
    409,
    "{who} changed the list {name} at {at}: it has {count} entries now; yours was not saved.",
    "Look at the list as it is now, then decide again.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnList:
    """A list as it lies in the registry."""

    entries: tuple[str, ...] = ()
    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list as it is shown; whoever changes it says which ``revision`` he saw (0: there was none)."""

    entries: Sequence[str]
    by: str
    at: str
    revision: int
    servers: Sequence[str]
    """Those whose confirmed rules or draft name it."""


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

    def table(self, actor: Actor) -> dict[str, Listed]:
        require(actor, Act.SEE_FIREWALL)
        shown = {}
        for item in self._fleet.items(FIREWALL_LISTS):
            name, kept = item.key.removeprefix(FIREWALL_LISTS), decode(item.value, OwnList)
            shown[name] = Listed(
                entries=kept.entries, by=kept.by, at=kept.at, revision=item.revision, servers=self._naming(name)
            )
        return shown

    async def save(self, actor: Actor, name: str, entries: Sequence[str], revision: int | None = None) -> Listed:
        """Make these the list's addresses, networks and ranges; ``revision`` None: whatever it was before."""
        require(actor, Act.CHANGE_FIREWALL)
        made = OwnList(entries=checked_list(name, entries), by=actor.name, at=iso(self._clock()))
        key = FIREWALL_LISTS + name
        item = await self._registry.get(key)
        before = item.revision if item else 0
        if revision is not None and revision != before:
            await self._refuse_changed(name)
        try:
            if before:
                written = await self._registry.compare_and_set(key, encode(made), before)
            else:
                written = await self._registry.create(key, encode(made))
        except Refusal as refusal:
            if refusal.error_id != CONFLICT.error_id:
                raise
            await self._refuse_changed(name)
            raise
        await self._note(actor, name, done="list", entries=len(made.entries))
        return Listed(entries=made.entries, by=made.by, at=made.at, revision=written, servers=self._naming(name))

    async def remove(self, actor: Actor, name: str, revision: int | None = None) -> None:
        """Refused while rules of any server name it."""
        require(actor, Act.CHANGE_FIREWALL)
        item = await self._registry.get(FIREWALL_LISTS + name)
        if item is None:
            raise UNKNOWN_LIST.refuse(field="name", name=name)
        if revision is not None and revision != item.revision:
            await self._refuse_changed(name)
        for server in self._naming(name):
            raise IN_USE.refuse(field="name", name=name, server=server)
        await self._registry.delete(item.key, item.revision)
        await self._note(actor, name, done="list_removed")

    def _naming(self, name: str) -> list[str]:
        named = f'"{LIST}{name}"'.encode()
        return sorted(
            {
                item.key.removeprefix(place)
                for place in (FIREWALL_RULES, FIREWALL_DRAFTS)
                for item in self._fleet.items(place)
                if named in item.value
            }
        )

    async def _refuse_changed(self, name: str) -> None:
        item = await self._registry.get(FIREWALL_LISTS + name)
        now = decode(item.value, OwnList) if item else OwnList(by="?", at="?")
        raise LIST_CHANGED.refuse(field="revision", who=now.by, name=name, at=now.at, count=len(now.entries))

    async def _note(self, actor: Actor, name: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.CHANGE_FIREWALL, f"{LIST}{name}", "", **facts))
