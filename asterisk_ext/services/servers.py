"""SIP servers: the table, and adding, editing and removing records."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from asterisk_ext.domain import maintenance
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import (
    EXISTS,
    HOSTS_TENANTS,
    IS_DESTINATION,
    UNKNOWN,
    Report,
    Server,
    State,
    check,
    state,
)
from asterisk_ext.ports import FULL, Clock, Fleet, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import certificate_key, encode, join_key, server_key, withdrawn_key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table of servers."""

    server: Server
    state: State
    report: Report | None
    """What the node last said; its age tells how true it is."""
    silent_for: float
    """Seconds since that report; 0 when it never reported."""
    home: int
    """Virtual PBXs that live here."""
    served: int
    """Virtual PBXs that it should serve now."""
    destination: str = ""
    """Who serves its virtual PBXs while it is in maintenance."""
    since: str = ""
    visitors_from: tuple[str, ...] = ()


class Servers:
    def __init__(self, registry: Registry, fleet: Fleet, audit: Audit, clock: Clock) -> None:
        self._registry = registry
        self._fleet = fleet
        self._audit = audit
        self._clock = clock

    def table(self, actor: Actor) -> list[Row]:
        """All servers by id."""
        require(actor, Act.SEE_FLEET)
        return [self._row(server) for server in sorted(self._fleet.servers(), key=lambda server: server.id)]

    def row(self, actor: Actor, name: str) -> Row:
        require(actor, Act.SEE_FLEET)
        return self._row(self._fleet.server(name))

    def _row(self, server: Server) -> Row:
        now = self._clock()
        current = self._fleet.maintenance()
        living = self._fleet.homes()
        report = self._fleet.reports().get(server.name)
        entry = current.entries.get(server.name)
        return Row(
            server=server,
            state=self._state(server.name, report, entry is not None, now),
            report=report,
            silent_for=max(0.0, now - report.at) if report else 0.0,
            home=living.get(server.name, 0),
            served=maintenance.count_served(server.name, current, living),
            destination=current.follow(server.name) if entry else "",
            since=entry.since if entry else "",
            visitors_from=tuple(current.sources_of(server.name)),
        )

    def _state(self, name: str, report: Report | None, in_maintenance: bool, now: float) -> State:
        found = state(report, in_maintenance, now)
        if found is State.UNREACHABLE and self._fleet.item(join_key(name)) is not None:
            # What it reported was before its record was made anew, or its machine is installed again.
            return State.AWAITING
        return found

    async def add(self, actor: Actor, server: Server) -> None:
        require(actor, Act.CHANGE_SERVER)
        check(server)
        if any(server.name == other.name or server.id == other.id for other in self._fleet.servers()):
            raise EXISTS.refuse(field="name", server=server.name)
        await self._shut_out(server.name)
        await self._registry.create(server_key(server.name), encode(server))
        await self._note(actor, server.name, done="added")

    async def edit(self, actor: Actor, name: str, *, ip: str | None = None, registration: str | None = None) -> None:
        """Change the addresses of a server; what is None stays."""
        require(actor, Act.CHANGE_SERVER)
        before = self._fleet.server(name)
        after = replace(
            before,
            ip=before.ip if ip is None else ip,
            registration=before.registration if registration is None else registration,
        )
        check(after)
        await self._registry.compare_and_set(server_key(name), encode(after), self._revision(name))
        await self._note(actor, name, done="edited", ip=after.ip, registration=after.registration)

    async def remove(self, actor: Actor, name: str) -> None:
        require(actor, Act.CHANGE_SERVER)
        row = self._row(self._fleet.server(name))
        if row.home:
            raise HOSTS_TENANTS.refuse(server=name, count=row.home)
        if row.visitors_from:
            raise IS_DESTINATION.refuse(server=name, source=row.visitors_from[0])
        await self._registry.delete(server_key(name), self._revision(name))
        await self._shut_out(name)
        try:
            await self._withdraw(name)
            await self._note(actor, name, done="removed")
        except Refusal as refusal:
            # A stolen server may have used up all room: removing it must not fail by that.
            if refusal.problem is not FULL:
                raise
            log.warning("%s was removed by %s; the registry has no room to note it", name, actor.name)

    async def _withdraw(self, name: str) -> None:
        """What it told of bans counts no more, not even for another record of its name."""
        item = await self._registry.get(withdrawn_key(name))
        if item is None:
            await self._registry.create(withdrawn_key(name), encode({"at": self._clock(), "by": ""}))
        else:
            await self._registry.compare_and_set(item.key, item.value, item.revision)

    async def _shut_out(self, name: str) -> None:
        """Certificates and tokens of a record of this name that is gone are void for good."""
        for key in (certificate_key(name), join_key(name)):
            item = await self._registry.get(key)
            if item is not None:
                await self._registry.delete(key, item.revision)

    def _revision(self, name: str) -> int:
        item = self._fleet.item(server_key(name))
        if item is None:
            raise UNKNOWN.refuse(server=name)
        return item.revision

    async def _note(self, actor: Actor, name: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.CHANGE_SERVER, name, "", **facts))
