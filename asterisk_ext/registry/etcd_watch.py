"""One stream of an etcd watch: opened within a deadline, told apart from a lost one, and resumable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from aetcd import rpc

from asterisk_ext.registry.etcd_link import HAS_LEADER

OPENING = 5.0
"""Seconds that a server has to open a watch."""


class CompactedError(Exception):
    """The cluster does not hold the changes since the cursor any more."""


class Cursor:
    """How far a watcher is; ``is_ahead`` where the server that was asked knows less than the watcher."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.is_ahead = False


async def events(watching: Any, start: str, end: str, cursor: Cursor) -> AsyncGenerator[Any, None]:
    """None once the watch is open, then every event after the cursor, which moves along.

    Raises CompactedError, TimeoutError, or gRPC's error when the stream is lost. A server that lost its leader ends it.
    """
    call = watching.Watch(metadata=HAS_LEADER)
    try:
        request = rpc.WatchCreateRequest(
            key=start.encode(),
            range_end=end.encode(),
            start_revision=cursor.revision + 1,
            progress_notify=True,
            fragment=True,
        )
        async with asyncio.timeout(OPENING):
            await call.write(rpc.WatchRequest(create_request=request))
            created = await call.read()
        _check(created)
        cursor.is_ahead = created.header.revision < cursor.revision
        yield None
        while True:
            response = await call.read()
            _check(response)
            for event in response.events:
                cursor.revision = event.kv.mod_revision
                yield event
            if not response.events and not response.fragment:
                cursor.revision = max(cursor.revision, response.header.revision)
    finally:
        call.cancel()


def _check(response: Any) -> None:
    # At the end of a stream gRPC gives a mark of its own instead of a response.
    if not isinstance(response, rpc.WatchResponse):
        raise TimeoutError
    if response.compact_revision:
        raise CompactedError
    if response.canceled:
        raise TimeoutError
