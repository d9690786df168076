"""The embedded registry of another node, over HTTP."""

from __future__ import annotations

import hashlib
import io
import ssl
import time
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import aiohttp
import msgspec

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.node_rights import NOT_A_CONSOLE, NOT_YOURS, TOO_MUCH
from asterisk_ext.ports import CONFLICT, DISK_FULL, MOVED, STRANGER, UNREACHABLE, UNSURE, Change, Gap, Item
from asterisk_ext.registry import wire

T = TypeVar("T")

PATIENCE = aiohttp.ClientTimeout(total=5, connect=2)
CARRYING = aiohttp.ClientTimeout(total=60, connect=2, sock_read=10)
"""An audio is some megabytes, and so is a replay of the whole registry, perhaps over a slow line."""
WATCHING = aiohttp.ClientTimeout(total=None, connect=2, sock_read=3 * wire.KEEPALIVE)
"""A watch that has said nothing for three keepalives is dead."""
LARGE = 512 * 1024
"""Bytes from which what is sent is read by a thread: it would hold up everything else."""
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of one change: a list of addresses may be a single record."""
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientResponseError)
"""Nothing was written: there was no connection, or it was refused."""


class RemoteRegistry:
    """``ports.Registry`` at ``url``; refuses ``registry.unreachable`` when it does not answer in time."""

    def __init__(self, url: str, context: ssl.SSLContext | bool = True, keeper: str | None = None) -> None:
        """``context`` presents this node's certificate; ``keeper`` is the name that the server must prove."""
        self._url = url.rstrip("/") + wire.PREFIX
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), timeout=PATIENCE, read_bufsize=LONGEST_LINE
        )
        self._keeper = keeper

    async def close(self) -> None:
        await self._session.close()

    async def get(self, key: str) -> Item | None:
        return await self._ask("GET", "/item", Item | None, params={"key": key})  # type: ignore[arg-type]

    async def snapshot(self, prefix: str) -> tuple[list[Item], int]:
        data = await self._send("GET", "/snapshot", {"prefix": prefix}, b"", CARRYING)
        answer = msgspec.json.decode(data, type=wire.Snapshot)
        return answer.items, answer.revision

    async def create(self, key: str, value: bytes) -> int:
        return await self._write(wire.Write(key, value, 0))

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        return await self._write(wire.Write(key, value, revision))

    async def delete(self, key: str, revision: int) -> int:
        return await self._write(wire.Write(key, None, revision))

    async def watch(self, prefix: str, from_revision: int) -> AsyncGenerator[Change | Gap]:
        params = {"prefix": prefix, "from": str(from_revision)}
        try:
            async with self._session.get(
                self._url + "/watch", params=params, timeout=WATCHING, server_hostname=self._keeper
            ) as response:
                _check_known(response)
                response.raise_for_status()
                async for text in response.content:
                    line = msgspec.json.decode(text, type=wire.Line)
                    if line.gap:
                        yield Gap()
                    elif line.change is not None:
                        yield line.change
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UNREACHABLE.refuse() from error

    async def beat(self, node: str, ttl: float, report: bytes) -> None:
        await self._ask("POST", "/beat", None, body=wire.Beat(node, ttl, report))

    async def beats(self) -> dict[str, tuple[float, bytes]]:
        """Their times are told by this node's clock: the server's may be an hour off."""
        answer = await self._ask("GET", "/beats", wire.Beats)
        ahead = time.time() - answer.now if answer.now else 0.0
        return {node: (at + ahead, report) for node, (at, report) in answer.beats.items()}

    async def put_blob(self, data: bytes) -> str:
        return (await self._send("POST", "/blob", None, io.BytesIO(data), CARRYING)).decode()

    async def get_blob(self, sha256: str) -> bytes | None:
        data = await self._send("GET", f"/blob/{sha256}", None, b"", CARRYING)
        if data and hashlib.sha256(data).hexdigest() != sha256:
            raise UNREACHABLE.refuse()
        return data or None

    async def blobs(self) -> list[str]:
        return (await self._ask("GET", "/blobs", wire.Blobs)).names

    async def drop_blob(self, sha256: str) -> None:
        await self._send("DELETE", f"/blob/{sha256}", None, b"")

    async def _write(self, write: wire.Write) -> int:
        """Asked once more where the answer was lost: a compare-and-set is never made twice."""
        try:
            return (await self._ask("POST", "/write", wire.Written, body=write)).revision
        except Refusal as refusal:
            if refusal.problem is not UNSURE:
                raise
        try:
            item = await self.get(write.key)
            if (item.revision if item else 0) == write.revision:
                return (await self._ask("POST", "/write", wire.Written, body=write)).revision
            if (item.value if item else None) == write.value:
                return item.revision if item else (await self.snapshot(write.key))[1]
        except Refusal as refusal:
            raise (UNSURE.refuse() if refusal.problem is UNREACHABLE else refusal) from None
        raise CONFLICT.refuse(key=write.key)

    async def _ask(
        self, method: str, path: str, kind: type[T] | None, params: dict[str, str] | None = None, body: object = None
    ) -> T:
        data = msgspec.json.encode(body) if body is not None else b""
        answer = await self._send(method, path, params, data if len(data) < LARGE else io.BytesIO(data))
        return msgspec.json.decode(answer, type=kind) if kind is not None else None  # type: ignore[return-value]

    async def _send(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None,
        data: bytes | io.BytesIO,
        patience: aiohttp.ClientTimeout | None = None,
    ) -> bytes:
        url, patience = self._url + path, patience or PATIENCE
        try:
            async with self._session.request(
                method, url, params=params, data=data, timeout=patience, server_hostname=self._keeper
            ) as response:
                if response.status in (CONFLICT.status, NOT_YOURS.status, TOO_MUCH.status, DISK_FULL.status):
                    raise _refused(await response.json())
                _check_known(response)
                if response.status == 404:
                    return b""
                response.raise_for_status()
                return await response.read()
        except _NOT_SENT as error:
            raise UNREACHABLE.refuse() from error
        except (TimeoutError, aiohttp.ClientError) as error:
            raise (UNSURE if path == "/write" else UNREACHABLE).refuse() from error


def _check_known(response: aiohttp.ClientResponse) -> None:
    if response.status == wire.STRANGER_STATUS:
        raise STRANGER.refuse()


def _refused(told: dict[str, Any]) -> Refusal:
    known = {problem.error_id: problem for problem in (CONFLICT, MOVED, NOT_YOURS, NOT_A_CONSOLE, TOO_MUCH, DISK_FULL)}
    return known[told["error_id"]].refuse(**told["params"])
