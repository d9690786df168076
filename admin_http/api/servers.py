"""SIP servers over the API."""

from __future__ import annotations

import msgspec

from admin_http.api.route import Route
from admin_http.services import Services
from asterisk_ext.domain import server as domain
from asterisk_ext.domain.access import Act, Actor
from asterisk_ext.domain.server import Report, Server, State, Technology
from asterisk_ext.ports import CONFLICT, UNREACHABLE
from asterisk_ext.services.joining import NO_ADDRESS
from asterisk_ext.services.servers import Row


class ServerRow(msgspec.Struct, kw_only=True):
    """A server with its state."""

    server: Server
    state: State
    report: Report | None
    """What the node last said of itself; null when it never reported."""
    silent_for: float
    """Seconds since that report."""
    home: int
    """Virtual PBXs that live here."""
    served: int
    """Virtual PBXs that it should serve now."""
    destination: str
    """Who serves its virtual PBXs while it is in maintenance."""
    since: str
    visitors_from: tuple[str, ...]


class JoinToken(msgspec.Struct, kw_only=True):
    """What a new machine shows to join, once, within the hour; run ``command`` there and give it the token."""

    token: str
    command: str = "asterisk-ext node join"


class NewServer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: int
    name: str
    technology: Technology
    ip: str
    registration: str = ""
    port: int = 8480
    fleet_port: int = 8481


class ServerChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is absent stays as it is."""

    ip: str | None = None
    registration: str | None = None


def row_of(row: Row) -> ServerRow:
    return msgspec.convert(row, ServerRow, from_attributes=True)


async def table(services: Services, actor: Actor) -> list[ServerRow]:
    return [row_of(row) for row in services.servers.table(actor)]


async def one(services: Services, actor: Actor, name: str) -> ServerRow:
    return row_of(services.servers.row(actor, name))


async def add(services: Services, actor: Actor, body: NewServer) -> ServerRow:
    server = Server(
        id=body.id,
        name=body.name,
        technology=body.technology,
        ip=body.ip,
        registration=body.registration,
        port=body.port,
        fleet_port=body.fleet_port,
    )
    await services.servers.add(actor, server)
    return row_of(services.servers.row(actor, body.name))


async def token(services: Services, actor: Actor, name: str) -> JoinToken:
    return JoinToken(token=await services.joining.issue(actor, name))


async def edit(services: Services, actor: Actor, name: str, body: ServerChange) -> ServerRow:
    await services.servers.edit(actor, name, ip=body.ip, registration=body.registration)
    return row_of(services.servers.row(actor, name))


async def remove(services: Services, actor: Actor, name: str) -> None:
    await services.servers.remove(actor, name)


WRITES = (CONFLICT, UNREACHABLE)
"""Problems of whatever writes to the registry."""

ROUTES = (
    Route(method="GET", path="/servers", handle=table, summary="All servers by id, with states", act=Act.SEE_FLEET),
    Route(
        method="GET",
        path="/servers/{name}",
        handle=one,
        summary="One server",
        act=Act.SEE_FLEET,
        problems=(domain.UNKNOWN,),
    ),
    Route(
        method="POST",
        path="/servers",
        handle=add,
        summary="Add a server; it awaits installation until it reports",
        act=Act.CHANGE_SERVER,
        status=201,
        problems=(domain.INVALID, domain.EXISTS, *WRITES),
    ),
    Route(
        method="POST",
        path="/servers/{name}/join-token",
        handle=token,
        summary="Issue the token with which a machine joins as this server; earlier ones are void",
        act=Act.CHANGE_SERVER,
        status=201,
        problems=(domain.UNKNOWN, NO_ADDRESS, *WRITES),
    ),
    Route(
        method="PATCH",
        path="/servers/{name}",
        handle=edit,
        summary="Change a server's IP or registration address",
        act=Act.CHANGE_SERVER,
        problems=(domain.UNKNOWN, domain.INVALID, *WRITES),
    ),
    Route(
        method="DELETE",
        path="/servers/{name}",
        handle=remove,
        summary="Remove a server that hosts nothing",
        act=Act.CHANGE_SERVER,
        problems=(domain.UNKNOWN, domain.HOSTS_TENANTS, domain.IS_DESTINATION, *WRITES),
    ),
)
