"""A registry that is moved from one engine to another while everybody holds it: its server has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from asterisk_ext.ports import Change, Gap, Item
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.remote import RemoteRegistry

Engine = EmbeddedRegistry | RemoteRegistry


class Switch:
    """``ports.Registry``; who watches begins anew after ``left``: a watch does not end by itself."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._left = asyncio.Event()

    @property
    def is_here(self) -> bool:
        """Whether this node keeps the registry."""
        return isinstance(self.engine, EmbeddedRegistry)

    async def use(self, engine: Engine) -> None:
        before, self.engine = self.engine, engine
        self._left.set()
        self._left = asyncio.Event()
        await before.close()

    async def left(self) -> None:
        """Wait until another engine is used than now."""
        await self._left.wait()

    async def count_above(self, revision: int) -> None:
        if isinstance(self.engine, EmbeddedRegistry):
            await self.engine.count_above(revision)

    async def close(self) -> None:
        await self.engine.close()

    async def get(self, key: str) -> Item | None:
        return await self.engine.get(key)

    async def snapshot(self, prefix: str) -> tuple[list[Item], int]:
        return await self.engine.snapshot(prefix)

    async def create(self, key: str, value: bytes) -> int:
        return await self.engine.create(key, value)

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        return await self.engine.compare_and_set(key, value, revision)

    async def delete(self, key: str, revision: int) -> int:
        return await self.engine.delete(key, revision)

    def watch(self, prefix: str, from_revision: int) -> AsyncGenerator[Change | Gap]:
        return self.engine.watch(prefix, from_revision)

    async def beat(self, node: str, ttl: float, report: bytes) -> None:
        await self.engine.beat(node, ttl, report)

    async def beats(self) -> dict[str, tuple[float, bytes]]:
        return await self.engine.beats()

    async def put_blob(self, data: bytes) -> str:
        return await self.engine.put_blob(data)

    async def get_blob(self, sha256: str) -> bytes | None:
        return await self.engine.get_blob(sha256)

    async def blobs(self) -> list[str]:
        return await self.engine.blobs()

    async def drop_blob(self, sha256: str) -> None:
        await self.engine.drop_blob(sha256)
