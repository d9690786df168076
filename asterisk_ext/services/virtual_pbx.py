"""Virtual PBXs: the table, saving records, and setting and lifting blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from asterisk_ext.domain.access import Act, Actor, allows, require
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.pbx import Pbx, Status
from asterisk_ext.domain.pbx_rules import check, check_reason
from asterisk_ext.domain.server import Report
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.services import tenant_file
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.pbx_claims import TWICE, Claims
from asterisk_ext.services.records import encode, tenant_key
from asterisk_ext.services.times import iso

UNKNOWN = Problem("pbx.unknown", 404, "There is no virtual PBX {pbx}.", "Look at the list of virtual PBXs for its id.")
NO_HOST = Problem(
    "pbx.no_host",
    422,
    "The virtual PBX {pbx} was not saved: its home {server} is not a server that hosts virtual PBXs.",
    "Choose a CORE SERVER or a NODE.",
)
HAS_CALLS = Problem(
    "pbx.has_calls",
    409,
    "The virtual PBX {pbx} was not removed: it has {calls} calls in progress.",
    "Wait until they have ended, or hang them up first.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    pbx: Pbx
    server: str
    """Who serves it now."""
    visiting: bool
    """Served by another server than its home, because that is in maintenance."""
    revision: int = 0
    """Of the record; a change that names it is refused where somebody else was faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    changed: tuple[int, ...]
    unchanged: int = 0
    failed: Mapping[int, str] = field(default_factory=dict)
    """Those that were not written, with the refusal's ``error_id``."""
    passwords: Mapping[str, str] = field(default_factory=dict)
    """Those that were made up, by account; they are shown this once."""


Obeyed = Callable[[int], Awaitable[None]]


async def _at_once(revision: int) -> None:
    return None


class VirtualPbxs:
    def __init__(
        self, registry: Registry, fleet: Fleet, audit: Audit, clock: Clock, obeyed: Obeyed | None = None
    ) -> None:
        """``obeyed``: waits a short while until this server's Asterisk does what a revision of the registry says."""
        self.obeyed = obeyed or _at_once
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
        return Row(pbx=pbx, server=server, visiting=server != pbx.home, revision=self.revision(pbx.id))

    def revision(self, pbx: int) -> int:
        """Of the record as this node knows it; 0 where there is none."""
        item = self._fleet.item(tenant_key(pbx))
        return item.revision if item else 0

    async def save(self, actor: Actor, pbx: Pbx, revision: int | None = None) -> bool:
        """Create or replace a record; False when it already was so.

        With ``revision`` only where the record still has it, 0 for one that must not exist: ``registry.conflict``.
        """
        require(actor, Act.CHANGE_PBX)
        pbx = pbx.after(next((one for one in self._fleet.tenants() if one.id == pbx.id), None))
        self._check([pbx], self._fleet.tenants())
        written = await self._write(pbx, revision)
        if written:
            await self._note(actor, pbx, "", saved=pbx.name)
            await self.obeyed(written)
        return bool(written)

    async def settle(self, actor: Actor, pbx: int) -> bool:
        """Have the former home of a virtual PBX forget it; False when there is none."""
        require(actor, Act.CHANGE_PBX)
        settled = replace(self._fleet.tenant(pbx), former="")
        written = await self._write(settled)
        if written:
            await self._note(actor, settled, "", saved=settled.name)
        return bool(written)

    async def import_file(self, actor: Actor, data: bytes, dry_run: bool = False) -> Imported:
        """Save every virtual PBX of a file; all records are checked before the first is written.

        Each is written whole or not at all; those that somebody else changed meanwhile are named in the answer.
        """
        require(actor, Act.CHANGE_PBX)
        differing, unchanged = await asyncio.to_thread(self._prepared, data, self._fleet.tenants())
        if dry_run:
            return Imported(changed=tuple(pbx.id for pbx, _ in differing), unchanged=unchanged)
        changed: list[Pbx] = []
        last = 0
        failed: dict[int, str] = {}
        passwords: dict[str, str] = {}
        for pbx, made in differing:
            try:
                last = max(last, await self._write(pbx))
            except Refusal as refusal:
                failed[pbx.id] = refusal.error_id
            else:
                changed.append(pbx)
                passwords |= made
        if changed:
            names = ", ".join(str(pbx.id) for pbx in changed[:50])
            await self._note(actor, changed[0], "", imported=len(changed), these=names)
            await self.obeyed(last)
        return Imported(
            changed=tuple(pbx.id for pbx in changed),
            unchanged=unchanged,
            failed=failed,
            passwords=passwords,
        )

    def _prepared(self, data: bytes, kept: list[Pbx]) -> tuple[list[tuple[Pbx, dict[str, str]]], int]:
        """The checked records that differ from what is kept, with passwords made up, and how many do not. Blocks."""
        stored = {pbx.id: pbx for pbx in kept}
        since = iso(self._clock())
        entries = tenant_file.read(data)
        made = [tenant_file.record(entry, stored.get(entry.pbx.id), since) for entry in entries]
        wanted = [(pbx.after(stored.get(pbx.id)), passwords) for pbx, passwords in made]
        self._check([pbx for pbx, _ in wanted], kept)
        differing = [(pbx, passwords) for pbx, passwords in wanted if stored.get(pbx.id) != pbx]
        return differing, len(wanted) - len(differing)

    async def export(self, actor: Actor, with_secrets: bool = False) -> dict[str, list[dict[str, Any]]]:
        """All virtual PBXs as a file for import holds them; digests and trunks' passwords only where asked for."""
        require(actor, Act.SEE_PBX)
        tenants = sorted(self._fleet.tenants(), key=lambda pbx: pbx.id)
        if with_secrets:
            require(actor, Act.EXPORT_SECRETS)
            await self._audit.note(actor, Act.EXPORT_SECRETS, str(len(tenants)))
        return await asyncio.to_thread(tenant_file.exported, tenants, with_secrets)

    async def remove(self, actor: Actor, pbx: int, calls: int = 0, revision: int | None = None) -> None:
        """Remove a record; refused while it has ``calls`` in progress, which its phones could not go on with."""
        require(actor, Act.CHANGE_PBX)
        tenant = self._fleet.tenant(pbx)
        if calls:
            raise HAS_CALLS.refuse(pbx=pbx, calls=calls)
        known = self.revision(pbx)
        removed = await self._registry.delete(tenant_key(pbx), known if revision is None else revision)
        await self._note(actor, tenant, "", removed=tenant.name)
        await self.obeyed(removed)

    async def _write(self, pbx: Pbx, revision: int | None = None) -> int:
        """The new revision; 0 where the record is so already."""
        item = self._fleet.item(tenant_key(pbx.id))
        known = item.revision if item else 0
        if revision in (None, known) and item is not None and item.value == encode(pbx):
            return 0
        revision = known if revision is None else revision
        if revision:
            return await self._registry.compare_and_set(tenant_key(pbx.id), encode(pbx), revision)
        return await self._registry.create(tenant_key(pbx.id), encode(pbx))

    async def set_status(self, actor: Actor, pbx: int, status: Status, reason: str = "") -> None:
        """Block or unblock; in force at the next call."""
        await self.obeyed(await self.order_status(actor, pbx, status, reason))

    async def order_status(self, actor: Actor, pbx: int, status: Status, reason: str = "") -> int:
        """The same without waiting until it is ``obeyed``; the revision that says so, 0 where it was so already."""
        require(actor, Act.CHANGE_PBX)
        check_reason(pbx, reason)
        before = self._fleet.tenant(pbx)
        item = self._fleet.item(tenant_key(pbx))
        if item is None:
            raise UNKNOWN.refuse(pbx=pbx)
        if before.status is status and before.reason == reason:
            return 0
        after = before.blocked(status, reason, iso(self._clock()))
        ordered = await self._registry.compare_and_set(tenant_key(pbx), encode(after), item.revision)
        undo = f"pbx/{pbx}/status/{before.status}"
        await self._note(actor, after, undo, before=before.status, after=status, reason=reason)
        return ordered

    def _check(self, coming: Sequence[Pbx], kept: Sequence[Pbx]) -> None:
        """Every record by itself, with its fellows and with what is there."""
        reports = self._fleet.reports()
        hosts = {
            server.name
            for server in self._fleet.servers()
            if server.technology.hosts and reports.get(server.name, Report()).hosts
        }
        seen: set[int] = set()
        for pbx in coming:
            check(pbx)
            if pbx.home not in hosts:
                raise NO_HOST.refuse(field="home", pbx=pbx.id, server=pbx.home)
            if pbx.id in seen:
                raise TWICE.refuse(field="id", pbx=pbx.id)
            seen.add(pbx.id)
        claims = Claims(kept, coming)
        for pbx in coming:
            claims.check(pbx)

    async def _note(self, actor: Actor, pbx: Pbx, undo: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.CHANGE_PBX, str(pbx.id), undo, **facts))


def _mentions(pbx: Pbx, text: str) -> bool:
    return any(text in value.casefold() for value in (pbx.name, pbx.domain, *(did.number for did in pbx.dids)))
