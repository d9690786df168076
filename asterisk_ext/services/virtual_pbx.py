"""Virtual PBXs: the table, saving records, and setting and lifting blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asterisk_ext.domain.access import Act, Actor, allows, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Pbx, Status, check
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.services import tenant_file
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import encode, tenant_key
from asterisk_ext.services.times import iso

UNKNOWN = Problem("pbx.unknown", 404, "There is no virtual PBX {pbx}.", "Look at the list of virtual PBXs for its id.")
NO_HOST = Problem(
    "pbx.no_host",
    422,
    "The virtual PBX {pbx} was not saved: its home {server} is not a server that hosts virtual PBXs.",
    "Choose a CORE SERVER or a NODE.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    pbx: Pbx
    server: str
    """Who serves it now."""
    visiting: bool
    """Served by another server than its home, because that is in maintenance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    changed: tuple[int, ...]
    passwords: Mapping[str, str] = field(default_factory=dict)
    """Those that were made up, by account; they are shown this once."""


class VirtualPbxs:
    def __init__(self, registry: Registry, fleet: Fleet, audit: Audit, clock: Clock) -> None:
        self._registry = registry
        self._fleet = fleet
        self._audit = audit
        self._clock = clock

    def table(self, actor: Actor, text: str = "", status: Status | None = None) -> list[Row]:
        """The virtual PBXs that ``actor`` may see, by id; ``text`` looks in name, domain and numbers."""
        if actor.pbx is None:
            require(actor, Act.SEE_PBX)
        wanted = text.casefold()
        return [
            self._row(pbx)
            for pbx in sorted(self._fleet.tenants(), key=lambda pbx: pbx.id)
            if allows(actor, Act.SEE_PBX, pbx.id)
            and (status is None or pbx.status is status)
            and (not wanted or _mentions(pbx, wanted))
        ]

    def one(self, actor: Actor, pbx: int) -> Row:
        require(actor, Act.SEE_PBX, pbx)
        return self._row(self._fleet.tenant(pbx))

    def _row(self, pbx: Pbx) -> Row:
        server = self._fleet.maintenance().follow(pbx.home)
        return Row(pbx=pbx, server=server, visiting=server != pbx.home)

    async def save(self, actor: Actor, pbx: Pbx) -> bool:
        """Create or replace a record; False when it already was so."""
        require(actor, Act.CHANGE_PBX)
        self._check(pbx)
        item = self._fleet.item(tenant_key(pbx.id))
        if item is None:
            await self._registry.create(tenant_key(pbx.id), encode(pbx))
        elif item.value == encode(pbx):
            return False
        else:
            await self._registry.compare_and_set(tenant_key(pbx.id), encode(pbx), item.revision)
        await self._note(actor, pbx, "", saved=pbx.name)
        return True

    async def import_file(self, actor: Actor, data: bytes, dry_run: bool = False) -> Imported:
        """Save every virtual PBX of a file; all records are checked before the first is written."""
        require(actor, Act.CHANGE_PBX)
        stored = {pbx.id: pbx for pbx in self._fleet.tenants()}
        since = iso(self._clock())
        wanted = [tenant_file.record(entry, stored.get(entry.id), since) for entry in tenant_file.read(data).tenants]
        for pbx, _ in wanted:
            self._check(pbx)
        if dry_run:
            return Imported(changed=tuple(pbx.id for pbx, _ in wanted if self._differs(pbx)))
        changed = tuple([pbx.id for pbx, _ in wanted if await self.save(actor, pbx)])
        passwords = {account: text for _, made in wanted for account, text in made.items()}
        return Imported(changed=changed, passwords=passwords)

    async def set_status(self, actor: Actor, pbx: int, status: Status, reason: str = "") -> Pbx:
        """Block or unblock; in force at the next call."""
        require(actor, Act.CHANGE_PBX)
        before = self._fleet.tenant(pbx)
        item = self._fleet.item(tenant_key(pbx))
        if item is None:
            raise UNKNOWN.refuse(pbx=pbx)
        if before.status is status and before.reason == reason:
            return before
        after = before.blocked(status, reason, iso(self._clock()))
        await self._registry.compare_and_set(tenant_key(pbx), encode(after), item.revision)
        undo = f"pbx/{pbx}/status/{before.status}"
        await self._note(actor, after, undo, before=before.status, after=status, reason=reason)
        return after

    def _check(self, pbx: Pbx) -> None:
        check(pbx)
        hosts = {server.name for server in self._fleet.servers() if server.technology.hosts}
        if pbx.home not in hosts:
            raise NO_HOST.refuse(field="home", pbx=pbx.id, server=pbx.home)

    def _differs(self, pbx: Pbx) -> bool:
        item = self._fleet.item(tenant_key(pbx.id))
        return item is None or item.value != encode(pbx)

    async def _note(self, actor: Actor, pbx: Pbx, undo: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.CHANGE_PBX, str(pbx.id), undo, **facts))


def _mentions(pbx: Pbx, text: str) -> bool:
    return any(text in value.casefold() for value in (pbx.name, pbx.domain, *(did.number for did in pbx.dids)))
