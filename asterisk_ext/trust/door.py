"""Joining over HTTP: what the keeper of the authority answers, and how a new machine and a node ask."""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from asterisk_ext.domain import join
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.join import REFUSED, STRANGER, Token
from asterisk_ext.ports import UNREACHABLE
from asterisk_ext.services.joining import Admitting
from asterisk_ext.trust.authority import Authority
from asterisk_ext.trust.identity import Home, Request, fingerprint

PREFIX = "/fleet/v1"
PATIENCE = aiohttp.ClientTimeout(total=30, connect=10)
"""Seconds, for what a person waits for once; a server that has just started may be busy."""
NO_NODE = Problem("join.no_node", 403, "Only a node of the fleet may ask this.", "Join the fleet first.")


class Asked(msgspec.Struct, frozen=True):
    request: str
    server: str = ""
    secret: str = ""


class Answered(msgspec.Struct, frozen=True):
    certificate: str


@dataclass(frozen=True, slots=True)
class Signing:
    """``services.joining.Signer`` by the authority."""

    authority: Authority
    clock: Callable[[], float]

    def sign(self, request: str, name: str, address: str) -> tuple[str, str]:
        signed = self.authority.sign(request, name, address, self.clock())
        return signed.pem, signed.serial


@dataclass(frozen=True, slots=True)
class Door:
    """``services.joining.Door`` as this node knows it."""

    keeper: str
    url: str
    port: int
    fingerprint: str


def application(admitting: Admitting, authority: str, peer_of: Callable[[web.Request], str]) -> web.Application:
    """The sub-application to mount at ``/fleet/v1``; strangers may read the authority's certificate and knock."""

    async def tell(request: web.Request) -> web.Response:
        return web.Response(text=authority)

    async def redeem(request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read(), type=Asked)
        return _signed(await admitting.redeem(asked.server, asked.secret, asked.request))

    async def renew(request: web.Request) -> web.Response:
        name = peer_of(request)
        if not name:
            raise NO_NODE.refuse()
        asked = msgspec.json.decode(await request.read(), type=Asked)
        return _signed(await admitting.renew(name, asked.request))

    app = web.Application(middlewares=[_refusals], client_max_size=64 * 1024)
    app.add_routes([web.get("/authority", tell), web.post("/join", redeem), web.post("/renew", renew)])
    return app


@web.middleware
async def _refusals(request: web.Request, handler: Callable[[web.Request], object]) -> web.StreamResponse:
    try:
        return await handler(request)  # type: ignore[misc, no-any-return]
    except Refusal as refusal:
        return web.json_response({"error_id": refusal.error_id}, status=refusal.problem.status)
    except msgspec.DecodeError:
        return web.json_response({"error_id": "join.unreadable"}, status=400)


def _signed(certificate: str) -> web.Response:
    return web.Response(body=msgspec.json.encode(Answered(certificate)), content_type="application/json")


async def knock(token: Token, request: Request) -> tuple[str, str]:
    """Our certificate and the authority's. Nothing is sent before the authority is known by its fingerprint."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    authority = (await _ask(token.url, "GET", "/authority", blind, "")).decode(errors="replace")
    try:
        known = fingerprint(authority)
    except ValueError:
        raise STRANGER.refuse(url=token.url) from None
    if not hmac.compare_digest(known, token.fingerprint):
        raise STRANGER.refuse(url=token.url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    asked = Asked(request=request.text, server=token.server, secret=token.secret)
    answer = await _ask(token.url, "POST", "/join", context, token.keeper, asked)
    return msgspec.json.decode(answer, type=Answered).certificate, authority


async def renewed(home: Home, context: ssl.SSLContext, request: Request) -> str:
    """A fresh certificate for the one that ``context`` presents."""
    answer = await _ask(home.url, "POST", "/renew", context, home.keeper, Asked(request=request.text))
    return msgspec.json.decode(answer, type=Answered).certificate


async def _ask(
    url: str, method: str, path: str, context: ssl.SSLContext, name: str, asked: Asked | None = None
) -> bytes:
    data = msgspec.json.encode(asked) if asked else None
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.request(
                method, URL(url + PREFIX + path), data=data, ssl=context, server_hostname=name or None
            ) as response,
        ):
            if response.status in (REFUSED.status, 404, 409) and asked:
                raise REFUSED.refuse(server=asked.server)
            response.raise_for_status()
            return await response.content.read(64 * 1024)
    except aiohttp.ClientConnectorCertificateError:
        raise STRANGER.refuse(url=url) from None
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise UNREACHABLE.refuse() from error


def token_of(text: str, name: str) -> Token:
    """Refuses ``join.other_name`` where the machine bears another name than the token's record."""
    token = join.read(text)
    if token.server != name:
        raise join.OTHER_NAME.refuse(server=token.server, name=name)
    return token
