"""Carriers known by a DNS name are projected with the addresses that it leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from asterisk_ext.domain.pbx import Pbx, Trunk
from asterisk_ext.services.carrier_names import CarrierNames, names, resolve, with_addresses
from asterisk_ext.tasks import Tasks


def tenant(*hosts: str) -> Pbx:
    trunks = tuple(Trunk(name=f"trunk{at}", host=host) for at, host in enumerate(hosts))
    return Pbx(id=1, name="P", domain="p.example.net", home="node1", trunks=trunks)


class FakeProjector:
    def __init__(self) -> None:
        self.given: list[list[tuple[str, ...]]] = []
        self.more: dict[str, object] = {}
        self.news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def apply(self, tenants: Sequence[Pbx], *, elsewhere: Collection[int] = (), **more: object) -> object:
        self.given.append([trunk.known_by for pbx in tenants for trunk in pbx.trunks])
        self.more = more
        self._loop.call_soon_threadsafe(self.news.set)
        return "found"

    async def again(self) -> list[tuple[str, ...]]:
        await asyncio.wait_for(self.news.wait(), 5)
        self.news.clear()
        return self.given[-1]

    def replaced(self) -> bool:
        return False


async def test_a_new_name_is_looked_up_and_its_trunk_projected_again() -> None:
    leads_to = {"sip.carrier.example": ("198.18.20.1", "2001:2::20:1")}

    async def look(name: str) -> Sequence[str]:
        if name not in leads_to:
            raise OSError("no such name")
        return leads_to[name]

    projector = FakeProjector()
    carriers = CarrierNames(projector, look)
    async with Tasks() as tasks:
        tasks.start("names", carriers.run())
        await asyncio.sleep(0)
        pbx = tenant("sip.carrier.example", "198.18.20.9", "lost.example")
        assert await asyncio.to_thread(carriers.apply, [pbx], elsewhere={2}) == "found"
        wanted = [("198.18.20.1", "2001:2::20:1"), ("198.18.20.9",), ()]
        while (given := await projector.again()) != wanted:
            assert given == [(), ("198.18.20.9",), ()]


async def test_the_last_known_addresses_stay_while_no_name_server_answers() -> None:
    answers: list[Sequence[str]] = [("198.18.20.1",)]

    async def look(name: str) -> Sequence[str]:
        if not answers:
            raise OSError("name server is silent")
        return answers.pop()

    projector = FakeProjector()
    carriers = CarrierNames(projector, look)
    carriers.apply([tenant("sip.carrier.example")])
    async with Tasks() as tasks:
        tasks.start("names", carriers.run())
        while await projector.again() != [("198.18.20.1",)]:
            pass
        carriers.apply([tenant("sip.carrier.example", "other.example")])
        assert await projector.again() == [("198.18.20.1",), ()]


def test_only_names_are_looked_up_and_records_without_any_stay_the_same() -> None:
    pbx = tenant("sip.carrier.example", "198.18.20.9", "2001:2::9")
    assert names([pbx]) == {"sip.carrier.example"}
    assert with_addresses(pbx, {"elsewhere.example": ("198.18.20.1",)}) is pbx


async def test_the_machines_own_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in await resolve("localhost")
