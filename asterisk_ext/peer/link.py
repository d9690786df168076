"""The way to the other nodes of the fleet: their own HTTP, by mutual TLS."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.server import Server
from asterisk_ext.ports import SILENT
from asterisk_ext.services.joining import address_of

T = TypeVar("T")

PATIENCE = aiohttp.ClientTimeout(total=1)
LONGEST_EVENT = 64 * 1024 * 1024
"""Bytes of a snapshot."""


class _Told(msgspec.Struct):
    """A refusal as another node's API tells it; ``what`` and ``remedy`` with their places still open."""

    error_id: str = ""
    field: str = ""
    what: str = ""
    remedy: str = ""
    params: Mapping[str, object] = {}


class RefusedError(Exception):
    """A node's answer that is a refusal."""

    def __init__(self, status: int, data: bytes) -> None:
        try:
            self._told = msgspec.json.decode(data, type=_Told)
        except msgspec.DecodeError:
            self._told = _Told()
        super().__init__(status, self._told.error_id)
        self.status = status

    @property
    def error_id(self) -> str:
        return self._told.error_id

    @property
    def refusal(self) -> Refusal | None:
        """The refusal as that node raised it, to be said in the words of whoever asked; None: it told none."""
        told = self._told
        if not told.what:
            return None
        return Problem(told.error_id, self.status, told.what, told.remedy).refuse(told.field or None, **told.params)


class PeerLink:
    """Who answers has proved that it is the server that was asked."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), timeout=PATIENCE, read_bufsize=LONGEST_EVENT
        )

    async def close(self) -> None:
        await self.session.close()

    async def ask(
        self,
        server: Server,
        method: str,
        path: str,
        by: str = "",
        body: object = None,
        patience: aiohttp.ClientTimeout = PATIENCE,
    ) -> bytes:
        """The answer to a request for the user ``by``; ``RefusedError`` where it is a refusal.

        Refuses ``server.silent``; raises ``TimeoutError`` or ``aiohttp.ClientError`` for what may have been heard.
        """
        headers = {"X-Acting-User": quote(by)} if by else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self.session.request(
                method,
                url(server, path),
                headers=headers,
                data=msgspec.json.encode(body) if body is not None else None,
                timeout=patience,
                allow_redirects=False,
                server_hostname=server.name,
            ) as response:
                data = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise SILENT.refuse(server=server.name) from error
        if response.status >= 300:
            raise RefusedError(response.status, data)
        return data


def url(server: Server, path: str) -> URL:
    return URL(f"{address_of(server)}/api/v1/{path}", encoded=True)


def decoded(server: Server, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise SILENT.refuse(server=server.name) from error
