"""Which node is at the other end of a connection, and an end to the connections of nodes that were removed."""

from __future__ import annotations

import asyncio

from aiohttp import web

from asterisk_ext.ports import Fleet
from asterisk_ext.services.joining import is_admitted


class Admission:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._open: dict[asyncio.Transport, tuple[str, str]] = {}

    def peer_of(self, request: web.Request) -> str:
        """The name of the node that asks, by its certificate; empty for everybody else and for a removed node."""
        transport = request.transport
        certificate = transport.get_extra_info("peercert") if transport is not None else None
        if transport is None or not certificate:
            return ""
        name = str(next((value for ((field, value),) in certificate["subject"] if field == "commonName"), ""))
        serial = certificate["serialNumber"].lstrip("0").lower()
        if not is_admitted(self._fleet, name, serial):
            return ""
        if transport not in self._open:
            self._open = {known: whose for known, whose in self._open.items() if not known.is_closing()}
            self._open[transport] = (name, serial)
        return name

    async def run(self) -> None:
        """Cut the connections of nodes that are not admitted any more, whenever the copy has changed; for ever."""
        while True:
            revision = self._fleet.revision
            for transport, (name, serial) in list(self._open.items()):
                if not is_admitted(self._fleet, name, serial):
                    transport.abort()
                    del self._open[transport]
            await self._fleet.after(revision)
