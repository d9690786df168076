"""The etcd engine: the fleet's registry in an etcd cluster (API v3), on the client's stubs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import aclosing
from functools import partial
from itertools import count
from typing import Any

import grpc
from aetcd import rpc

from asterisk_ext.ports import CONFLICT, MOVED, MOVED_MARK, UNREACHABLE, Change, Clock, Gap, Item
from asterisk_ext.registry.etcd_keys import BEATS, BLOBS, ITEMS, ROOT, end_of
from asterisk_ext.registry.etcd_link import ELSEWHERE, HAS_LEADER, Link
from asterisk_ext.registry.etcd_room import make_room
from asterisk_ext.registry.etcd_users import Users
from asterisk_ext.registry.etcd_watch import CompactedError, Cursor, events

PAGE = 2_000
"""Records of one request of a snapshot."""
PIECE = 1024 * 1024
"""Bytes of an audio in one record: etcd takes 1.5 MB in a request."""

_HAS_NOT_MOVED = rpc.Compare(
    key=(ITEMS + MOVED_MARK).encode(), target=rpc.Compare.VERSION, result=rpc.Compare.EQUAL, version=0
)


class EtcdRegistry:
    """``ports.Registry`` over ``link``. Beats bear the time at which they were first seen here."""

    def __init__(self, link: Link, clock: Clock, ticks: Clock | None = None) -> None:
        """``ticks``: a clock that nobody sets, by which the age of beats is told; ``clock`` where there is none."""
        self._ticks = ticks or clock
        self._link = link
        self._clock = clock
        self._heard: dict[str, tuple[int, float]] = {}

    async def close(self) -> None:
        await self._link.close()

    async def admit(self, keeper: str, nodes: Iterable[str], consoles: Collection[str]) -> None:
        """Give each of ``nodes`` its rights in the cluster, and nobody else any; ``keeper`` administers it.

        Nothing is done where the cluster cannot know who asks: there is no TLS. Refuses ``registry.unreachable``.
        """
        if not self._link.is_known:
            return
        try:
            await Users(self._link).keep(keeper, nodes, consoles)
        except grpc.aio.AioRpcError as error:
            if error.code() not in ELSEWHERE:
                raise
            raise UNREACHABLE.refuse() from error

    async def make_room(self) -> None:
        """Have a cluster that was full take writes again; refuses ``registry.unreachable``."""
        await make_room(self._link)

    async def get(self, key: str) -> Item | None:
        answer = await self._range(ITEMS + key)
        return _item(answer.kvs[0]) if answer.kvs else None

    async def snapshot(self, prefix: str) -> tuple[list[Item], int]:
        items: list[Item] = []
        revision, start = 0, ITEMS + prefix
        while True:
            answer = await self._range(start, end_of(ITEMS + prefix), limit=PAGE, revision=revision)
            revision = revision or answer.header.revision
            items += map(_item, answer.kvs)
            if not answer.more:
                return items, revision
            start = ITEMS + items[-1].key + "\0"

    async def create(self, key: str, value: bytes) -> int:
        return await self._write(key, value, 0)

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        return await self._write(key, value, revision)

    async def delete(self, key: str, revision: int) -> int:
        return await self._write(key, None, revision)

    async def watch(self, prefix: str, from_revision: int) -> AsyncGenerator[Change | Gap]:
        """Goes on at another server, from where it was, when one is lost."""
        cursor, end = Cursor(from_revision), end_of(ITEMS + prefix)
        for failures in count(1):
            try:
                async with aclosing(events(self._link.watching(), ITEMS + prefix, end, cursor)) as new:
                    async for event in new:
                        failures = 0
                        if event is None:
                            if cursor.is_ahead and await self._revision() < cursor.revision:
                                yield Gap()
                                return
                            continue
                        deleted = event.type == rpc.Event.DELETE
                        key = event.kv.key.decode().removeprefix(ITEMS)
                        yield Change(key, None if deleted else event.kv.value, event.kv.mod_revision)
            except CompactedError:
                yield Gap()
                return
            except (grpc.aio.AioRpcError, TimeoutError) as error:
                if failures >= self._link.patient_rounds:
                    raise UNREACHABLE.refuse() from error
                self._link.move_on()
                await asyncio.sleep(0.1)

    async def beat(self, node: str, ttl: float, report: bytes) -> None:
        value = f"{self._clock():.3f}\n".encode() + report
        await self._put(BEATS + node, value)

    async def beats(self) -> dict[str, tuple[float, bytes]]:
        now, ticks = self._clock(), self._ticks()
        heard: dict[str, tuple[int, float]] = {}
        told: dict[str, tuple[float, bytes]] = {}
        for kv in (await self._range(BEATS, end_of(BEATS))).kvs:
            node = kv.key.decode().removeprefix(BEATS)
            stamp, _, report = kv.value.partition(b"\n")
            known = self._heard.get(node)
            if known is None:
                # Not seen before: the sender's word is all there is.
                known = (kv.mod_revision, ticks - max(0.0, now - float(stamp)))
            elif known[0] != kv.mod_revision:
                known = (kv.mod_revision, ticks)
            heard[node] = known
            told[node] = (now - (ticks - known[1]), report)
        self._heard = heard
        return told

    async def put_blob(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        if (await self._range(f"{BLOBS}{name}")).kvs:
            return name
        for number, start in enumerate(range(0, len(data), PIECE)):
            await self._put(f"{BLOBS}{name}/{number:04d}", data[start : start + PIECE])
        await self._put(f"{BLOBS}{name}", str(len(data)).encode())
        return name

    async def get_blob(self, sha256: str) -> bytes | None:
        if not (await self._range(f"{BLOBS}{sha256}")).kvs:
            return None
        pieces = []
        for number in count():
            found = (await self._range(f"{BLOBS}{sha256}/{number:04d}")).kvs
            if not found:
                break
            pieces.append(found[0].value)
        data = b"".join(pieces)
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    async def blobs(self) -> list[str]:
        answer = await self._range(BLOBS, end_of(BLOBS), keys_only=True)
        names = (kv.key.decode().removeprefix(BLOBS) for kv in answer.kvs)
        return [name for name in names if "/" not in name]

    async def drop_blob(self, sha256: str) -> None:
        """The record that says it is whole goes first."""
        for start, end in ((f"{BLOBS}{sha256}", None), (f"{BLOBS}{sha256}/", end_of(f"{BLOBS}{sha256}/"))):
            request = rpc.DeleteRangeRequest(key=start.encode(), range_end=(end or "").encode())
            await self._link.ask(partial(self._remove, request))

    async def _write(self, key: str, value: bytes | None, revision: int) -> int:
        name = (ITEMS + key).encode()
        request = rpc.TxnRequest(
            compare=[
                rpc.Compare(key=name, target=rpc.Compare.MOD, result=rpc.Compare.EQUAL, mod_revision=revision),
                *(() if key == MOVED_MARK else (_HAS_NOT_MOVED,)),
            ],
            success=[
                rpc.RequestOp(request_put=rpc.PutRequest(key=name, value=value))
                if value is not None
                else rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=name))
            ],
            failure=[
                rpc.RequestOp(request_range=rpc.RangeRequest(key=wanted)) for wanted in (name, _HAS_NOT_MOVED.key)
            ],
        )
        answer, unheard = await self._link.ask(
            lambda kv: kv.Txn(request, timeout=self._link.patience, metadata=HAS_LEADER), writes=True
        )
        if answer.succeeded:
            return int(answer.header.revision)
        found = answer.responses[0].response_range.kvs
        if unheard and ([kv.value for kv in found] == ([] if value is None else [value])):
            # An earlier attempt of ours was made, only its answer was lost.
            return int(found[0].mod_revision if found else answer.header.revision)
        if answer.responses[1].response_range.kvs:
            raise MOVED.refuse()
        raise CONFLICT.refuse(key=key)

    async def _remove(self, request: Any, kv: Any) -> Any:
        return await kv.DeleteRange(request, timeout=self._link.patience)

    async def _put(self, key: str, value: bytes) -> None:
        request = rpc.PutRequest(key=key.encode(), value=value)
        await self._link.ask(lambda kv: kv.Put(request, timeout=self._link.patience, metadata=HAS_LEADER), writes=True)

    async def _range(self, key: str, end: str = "", limit: int = 0, revision: int = 0, keys_only: bool = False) -> Any:
        request = rpc.RangeRequest(
            key=key.encode(), range_end=end.encode(), limit=limit, revision=revision, keys_only=keys_only
        )
        patience = 2 * self._link.patience
        answer, _ = await self._link.ask(lambda kv: kv.Range(request, timeout=patience, metadata=HAS_LEADER))
        return answer

    async def _revision(self) -> int:
        return int((await self._range(ROOT)).header.revision)


def _item(kv: Any) -> Item:
    return Item(kv.key.decode().removeprefix(ITEMS), kv.value, kv.mod_revision)
