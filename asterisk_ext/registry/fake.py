"""A registry in memory, for the unit tests of what stands on the contract."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator

from asterisk_ext.ports import CONFLICT, MOVED, MOVED_MARK, Change, Clock, Gap, Item


class FakeRegistry:
    """``ports.Registry`` in dictionaries; ``forget`` drops the change log, as compaction does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: dict[str, Item] = {}
        self._log: list[Change] = []
        self._revision = 0
        self._forgotten = 0
        self._beats: dict[str, tuple[float, bytes]] = {}
        self._blobs: dict[str, bytes] = {}
        self._changed = asyncio.Event()

    def forget(self) -> None:
        self._log.clear()
        self._forgotten = self._revision

    async def close(self) -> None:
        return

    async def get(self, key: str) -> Item | None:
        return self._items.get(key)

    async def snapshot(self, prefix: str) -> tuple[list[Item], int]:
        return [self._items[key] for key in sorted(self._items) if key.startswith(prefix)], self._revision

    async def create(self, key: str, value: bytes) -> int:
        return self._write(key, value, 0)

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        return self._write(key, value, revision)

    async def delete(self, key: str, revision: int) -> int:
        return self._write(key, None, revision)

    async def watch(self, prefix: str, from_revision: int) -> AsyncGenerator[Change | Gap]:
        while True:
            changed = self._changed
            if from_revision < self._forgotten or from_revision > self._revision:
                yield Gap()
                return
            new = [change for change in self._log if change.revision > from_revision]
            for change in new:
                from_revision = change.revision
                if change.key.startswith(prefix):
                    yield change
            if not new:
                await changed.wait()

    async def beat(self, node: str, ttl: float, report: bytes) -> None:
        self._beats[node] = (self._clock(), report)

    async def beats(self) -> dict[str, tuple[float, bytes]]:
        return dict(self._beats)

    async def put_blob(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self._blobs[name] = data
        return name

    async def get_blob(self, sha256: str) -> bytes | None:
        return self._blobs.get(sha256)

    async def blobs(self) -> list[str]:
        return sorted(self._blobs)

    async def drop_blob(self, sha256: str) -> None:
        self._blobs.pop(sha256, None)

    def _write(self, key: str, value: bytes | None, revision: int) -> int:
        if MOVED_MARK in self._items and key != MOVED_MARK:
            raise MOVED.refuse()
        existing = self._items.get(key)
        if (existing.revision if existing else 0) != revision:
            raise CONFLICT.refuse(key=key)
        self._revision += 1
        if value is None:
            self._items.pop(key, None)
        else:
            self._items[key] = Item(key, value, self._revision)
        self._log.append(Change(key, value, self._revision))
        self._changed.set()
        self._changed = asyncio.Event()
        return self._revision
