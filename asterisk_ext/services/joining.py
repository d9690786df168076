"""Joining: a token for a server's record, a certificate for who shows it, and renewals for who has one."""

from __future__ import annotations

import secrets
from typing import Protocol

from asterisk_ext.domain import join
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.join import REFUSED, VALID_FOR, Issued, Token
from asterisk_ext.domain.server import Server
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import certificate_key, decode, encode, join_key

NO_ADDRESS = Problem(
    "join.no_address",
    409,
    "No token was issued: {server}, which signs, has no record yet, so nobody could be told its address.",
    "Add {server} first.",
)
KEPT = 2
"""Certificates of a node that are good at a time: the newest and the one before."""


class Signer(Protocol):
    """The fleet's authority, on the server that keeps it."""

    def sign(self, request: str, name: str, address: str) -> tuple[str, str]:
        """A certificate and its serial number."""
        ...


class Door(Protocol):
    """Where new servers knock."""

    @property
    def keeper(self) -> str: ...

    @property
    def url(self) -> str:
        """Empty on the keeper itself, whose address is in its record."""
        ...

    @property
    def port(self) -> int: ...

    @property
    def fingerprint(self) -> str: ...


class Joining:
    def __init__(self, registry: Registry, fleet: Fleet, audit: Audit, door: Door, clock: Clock) -> None:
        self._registry = registry
        self._fleet = fleet
        self._audit = audit
        self._door = door
        self._clock = clock

    async def issue(self, actor: Actor, name: str) -> str:
        """A token for the record of ``name``; those issued for it before are void."""
        require(actor, Act.CHANGE_SERVER)
        server = self._fleet.server(name)
        token = Token(
            server=name,
            url=self._door.url or self._own_url(),
            keeper=self._door.keeper,
            fingerprint=self._door.fingerprint,
            secret=secrets.token_urlsafe(32),
        )
        issued = Issued(digest=join.digest(token.secret), until=self._clock() + VALID_FOR, id=server.id)
        await self._put(join_key(name), encode(issued))
        await self._audit.note(actor, Act.CHANGE_SERVER, name, "", done="join token issued")
        return join.written(token)

    def _own_url(self) -> str:
        keeper = self._door.keeper
        found = [server for server in self._fleet.servers() if server.name == keeper]
        if not found:
            raise NO_ADDRESS.refuse(server=keeper)
        return address_of(found[0])

    async def _put(self, key: str, value: bytes) -> None:
        item = await self._registry.get(key)
        if item is None:
            await self._registry.create(key, value)
        else:
            await self._registry.compare_and_set(key, value, item.revision)


class Admitting:
    """On the server that keeps the authority: signs for who shows a token, and for who has a certificate."""

    def __init__(self, registry: Registry, fleet: Fleet, signer: Signer, clock: Clock) -> None:
        self._registry = registry
        self._fleet = fleet
        self._signer = signer
        self._clock = clock

    async def redeem(self, name: str, secret: str, request: str) -> str:
        """The certificate for a token's secret, which is void from then on; refuses ``join.refused``."""
        item = await self._registry.get(join_key(name))
        server = next((server for server in self._fleet.servers() if server.name == name), None)
        if item is None or server is None:
            raise REFUSED.refuse(server=name)
        if not join.fits(decode(item.value, Issued), secret, server.id, self._clock()):
            raise REFUSED.refuse(server=name)
        certificate, serial = self._signer.sign(request, name, server.ip)
        await self._registry.delete(item.key, item.revision)
        await self._admit(name, [serial])
        return certificate

    async def renew(self, name: str, request: str) -> str:
        """Another certificate for a node that has a good one."""
        certificate, serial = self._signer.sign(request, name, self._fleet.server(name).ip)
        await self.admit_also(name, serial)
        return certificate

    async def admit_also(self, name: str, serial: str) -> None:
        item = await self._registry.get(certificate_key(name))
        known = decode(item.value, list[str]) if item else []
        await self._admit(name, [serial, *known][:KEPT])

    async def _admit(self, name: str, serials: list[str]) -> None:
        key = certificate_key(name)
        item = await self._registry.get(key)
        if item is None:
            revision = await self._registry.create(key, encode(serials))
        else:
            revision = await self._registry.compare_and_set(key, encode(serials), item.revision)
        await self._fleet.reached(revision)


def is_admitted(fleet: Fleet, name: str, serial: str) -> bool:
    """Whether a certificate is one of those that the server of that name may show now."""
    item = fleet.item(certificate_key(name))
    return (
        item is not None
        and any(server.name == name for server in fleet.servers())
        and serial in decode(item.value, list[str])
    )


def address_of(server: Server) -> str:
    host = f"[{server.ip}]" if ":" in server.ip else server.ip
    return f"https://{host}:{server.fleet_port}"
