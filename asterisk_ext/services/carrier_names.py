"""Carriers known by a DNS name: their calls come from addresses, so the names are looked up again and again."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from asterisk_ext.domain.pbx import Pbx, is_address
from asterisk_ext.ports.asterisk import Projector

PERIOD = 60.0
"""Seconds between look-ups; a new name is looked up at once."""
PATIENCE = 5.0
AT_ONCE = 20
MOST = 16
"""So many addresses of one name are taken."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]


async def resolve(name: str) -> Sequence[str]:
    """The IPv4 and IPv6 addresses of a name, sorted; raises OSError where there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    return sorted({str(address[0]) for *_, address in found})


def names(tenants: Iterable[Pbx]) -> set[str]:
    return {trunk.host for pbx in tenants for trunk in pbx.trunks if not is_address(trunk.host)}


def with_addresses(pbx: Pbx, known: Mapping[str, Sequence[str]]) -> Pbx:
    """The record with each trunk's addresses as its name leads to them."""
    if not any(trunk.host in known for trunk in pbx.trunks):
        return pbx
    trunks = (replace(trunk, addresses=(*trunk.addresses, *known.get(trunk.host, ()))) for trunk in pbx.trunks)
    return replace(pbx, trunks=tuple(trunks))


class CarrierNames:
    """``ports.asterisk.Projector`` before another one, which it gives the records with addresses in them."""

    def __init__(self, projector: Projector, resolve: Resolve = resolve) -> None:
        self._projector = projector
        self._resolve = resolve
        self._lock = threading.Lock()
        self._known: dict[str, Sequence[str]] = {}
        self._last: tuple[list[Pbx], Collection[int], dict[str, Any]] | None = None
        self._wanted: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._new = asyncio.Event()

    def apply(self, tenants: Sequence[Pbx], *, elsewhere: Collection[int] = (), **more: Any) -> object:
        """As the other projector's; a name that is new is looked up soon, and its trunk projected again then."""
        with self._lock:
            self._last = (list(tenants), elsewhere, more)
            self._wanted = names(tenants)
            if self._loop is not None and self._wanted - self._known.keys():
                self._loop.call_soon_threadsafe(self._new.set)
            return self._project()

    def addresses(self) -> Mapping[str, Sequence[str]]:
        """Where the names lead that were looked up; an empty sequence where a name leads nowhere."""
        return dict(self._known)

    def replaced(self) -> bool:
        return self._projector.replaced()

    async def run(self) -> None:
        """Look names up for ever; the last known addresses stay while a name server does not answer."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._new.clear()
            found = await self._look_up(self._wanted)
            if any(self._known.get(name) != addresses for name, addresses in found.items()):
                self._known |= found
                await asyncio.to_thread(self._again)
            try:
                async with asyncio.timeout(PERIOD):
                    await self._new.wait()
            except TimeoutError:
                continue

    async def _look_up(self, wanted: set[str]) -> dict[str, Sequence[str]]:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> tuple[str, Sequence[str]]:
            async with free:
                try:
                    async with asyncio.timeout(PATIENCE):
                        return name, tuple(await self._resolve(name))[:MOST]
                except (OSError, TimeoutError):
                    return name, self._known.get(name, ())

        return dict(await asyncio.gather(*(one(name) for name in sorted(wanted))))

    def _again(self) -> None:
        with self._lock:
            if self._last is not None:
                self._project()

    def _project(self) -> object:
        if self._last is None:
            return None
        tenants, elsewhere, more = self._last
        given = [with_addresses(pbx, self._known) for pbx in tenants]
        return self._projector.apply(given, elsewhere=elsewhere, **more)
