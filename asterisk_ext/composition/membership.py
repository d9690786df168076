"""This node's place in the fleet: its certificate, the registry, its copy of it, and the way to the other nodes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from asterisk_ext.composition.succession import Succession
from asterisk_ext.config import Config
from asterisk_ext.domain import spread
from asterisk_ext.peer import HttpPeers
from asterisk_ext.peer.firewall import PeerFirewalls
from asterisk_ext.peer.link import PeerLink
from asterisk_ext.ports import Clock, Registry
from asterisk_ext.registry import engine
from asterisk_ext.registry.switch import Switch
from asterisk_ext.services import consoles
from asterisk_ext.services.joining import Admitting, Signer
from asterisk_ext.services.leftovers import Leftovers
from asterisk_ext.services.records import certificate_key
from asterisk_ext.services.registry_life import begin
from asterisk_ext.services.reporting import PERIOD
from asterisk_ext.services.waiting import first
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from asterisk_ext.trust import door, identity, seat
from asterisk_ext.trust.admission import Admission
from asterisk_ext.trust.authority import Authority, authority_at

IDENTITY, AUTHORITY = "identity", "authority"
RENEWAL = 3600.0
"""Seconds between looks at the certificate's age."""


@dataclass(frozen=True, slots=True)
class Membership:
    name: str
    identity: identity.Identity
    authority: Authority | None
    """On the server that keeps it."""
    registry: Registry
    copy: LocalCopy
    peers: HttpPeers
    firewalls: PeerFirewalls
    """Of the other nodes."""
    admission: Admission
    door: door.Door
    clock: Clock
    succession: Succession | None = None
    """Where a node keeps the registry; in a cluster nobody does."""
    consoles: tuple[str, ...] = ()
    """On the registry's server: the others that are consoles."""

    @property
    def _keeps(self) -> bool:
        """Whether this node speaks for the fleet's authority: not once another was promoted."""
        return self.authority is not None and (self.succession is None or self.succession.is_here)

    def serve(self, app: web.Application) -> None:
        """Let the other nodes use the registry that is kept here, and new ones join."""
        engine.serve(self.registry, app, self.admission.peer_of, lambda: consoles.of(self.copy))
        if self.succession is not None:
            heirs = seat.application(self.succession.seat, self.succession.heed, self.admission.peer_of)
            app.add_subapp(seat.PREFIX, heirs)
        if self.authority is not None:
            app.add_subapp(door.PREFIX, door.application(self._admitting(), self.authority.pem, self.admission.peer_of))

    def keep(self, tasks: Tasks) -> None:
        tasks.keep("copy of the registry", self._follow)
        tasks.keep("reports of the nodes", self._hear, pause=PERIOD)
        tasks.keep("removed nodes", self.admission.run)
        tasks.keep("certificate", self._stay_known)
        if self.succession is not None:
            tasks.keep("who keeps the registry", self.succession.run)
            tasks.keep("audios for a promotion", self.succession.stand_by)
        if self.authority is not None:
            tasks.keep("what nodes may not leave", Leftovers(self.registry, self.copy, lambda: self._keeps).run)
        if self.authority is not None and isinstance(self.registry, engine.Judge):
            judge = self.registry
            tasks.keep("rights in the registry's cluster", lambda: self._admit(judge))

    async def _admit(self, judge: engine.Judge) -> None:
        done: object = None
        while True:
            revision = self.copy.revision
            wanted = ([server.name for server in self.copy.servers()], consoles.of(self.copy))
            if self.copy.life is not None and wanted != done:
                await judge.admit(self.name, *wanted)
                done = wanted
            await first(self.copy.after(revision))

    async def _hear(self) -> None:
        """Consoles always listen to every report; who is none does while somebody looks."""
        await self.copy.hear(self.registry)
        if not consoles.may(self.copy, self.name):
            await self.copy.rest(spread.pause(len(self.copy.servers())) - PERIOD)

    async def _follow(self) -> None:
        self.identity.take_up()
        if self._keeps:
            await begin(self.registry, self.copy.life)
        elif self.copy.revision:
            await asyncio.sleep(spread.delay(self.name, len(self.copy.servers())))
        if isinstance(self.registry, Switch):
            await first(self.copy.follow(self.registry), self.registry.left())
        else:
            await self.copy.follow(self.registry)

    async def _stay_known(self) -> None:
        """Renew in time, for ever; the keeper of the authority admits itself whenever its record was made anew, and
        sees to it that the fleet's consoles are those of its settings."""
        while True:
            revision = self.copy.revision
            await self._renew()
            if self._keeps:
                await consoles.appoint(self.registry, self.copy, (self.name, *self.consoles))
            await first(self.copy.after(revision), asyncio.sleep(RENEWAL))

    async def _renew(self) -> None:
        if self._keeps and not self.copy.item(certificate_key(self.name)):
            await self._renew_here()
        elif self.identity.is_due(self.clock()) or not self.identity.is_for(self._address):
            if self._keeps:
                await self._renew_here()
            elif (home := self.identity.home) is not None:
                request = identity.request_for(self.name)
                self.identity.renew(request.key, await door.renewed(home, self.identity.asking, request))

    async def _renew_here(self) -> None:
        request = identity.request_for(self.name)
        certificate, serial = self._signing().sign(request.text, self.name, self._address)
        await self._admitting().admit_also(self.name, serial)
        self.identity.renew(request.key, certificate)

    @property
    def _address(self) -> str:
        """As this server's record has it; empty before there is one."""
        return next((server.ip for server in self.copy.servers() if server.name == self.name), "")

    def _admitting(self) -> Admitting:
        return Admitting(self.registry, self.copy, self._signing(), self.clock)

    def _signing(self) -> Signer:
        assert self.authority is not None  # noqa: S101 - only its keeper signs
        return door.Signing(self.authority, self.clock)


@asynccontextmanager
async def membership(config: Config, clock: Clock) -> AsyncIterator[Membership]:
    """Waits until this machine has joined a fleet, where it does not keep one itself."""
    state, name = Path(config.node.state), config.node.name
    authority = authority_at(state / AUTHORITY, clock()) if config.registry.serve and not follows(state) else None
    if authority is not None and not identity.has_joined(state / IDENTITY):
        own = identity.request_for(name)
        signed = authority.sign(own.text, name, "", clock())
        identity.keep(state / IDENTITY, own.key, signed.pem, authority.pem, None)
    await _joined(state / IDENTITY)
    shown = identity.Identity(state / IDENTITY)
    async with AsyncExitStack() as stack:
        registry = engine.open_engine(config.registry, state, shown, clock)
        stack.push_async_callback(registry.close)
        copy = stack.enter_context(closing(LocalCopy(state / "copy.sqlite3", clock, ticks=time.monotonic)))
        link = PeerLink(shown.asking)
        stack.push_async_callback(link.close)
        succession = None
        if isinstance(registry, Switch):
            succession = Succession(name, shown, registry, copy, clock, state)
            await succession.look()
        home, known = shown.home, identity.fingerprint(shown.authority)
        yield Membership(
            name=name,
            identity=shown,
            authority=None if home else authority,
            registry=registry,
            copy=copy,
            peers=HttpPeers(link),
            firewalls=PeerFirewalls(link),
            admission=Admission(copy),
            door=door.Door(home.keeper if home else name, home.url if home else "", config.fleet.port, known),
            clock=clock,
            succession=succession,
            consoles=config.registry.consoles,
        )


def follows(state: Path) -> bool:
    """Whether another server keeps the registry, whatever the settings say: one was promoted while this was away."""
    return (state / IDENTITY / "home.json").exists()


async def _joined(place: Path) -> None:
    if not identity.has_joined(place):
        logging.getLogger(__name__).warning("waiting for `asterisk-ext node join`")
    while not identity.has_joined(place):  # noqa: ASYNC110 - another process writes the files
        await asyncio.sleep(1)
