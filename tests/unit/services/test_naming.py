"""For how long resolvers may remember where a name leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.names import Name
from asterisk_ext.domain.node_rights import NOT_YOURS
from asterisk_ext.domain.server import Server, Technology
from asterisk_ext.services.naming import HURRIED_TTL, Naming
from tests.unit.services.conftest import World
from tests.unit.services.test_maintenance_planned import planned

ZONE, NAME = "sip.example.net", "node9.sip.example.net"


class FakeNameServer:
    """``ports.names.NameServer``"""

    def __init__(self) -> None:
        self.names: dict[str, Name] = {}

    async def look(self, names: Iterable[str]) -> dict[str, Name]:
        return {name: self.names.get(name, Name(frozenset(), 0)) for name in names}

    async def point(self, to: Mapping[str, str], ttl: int) -> None:
        self.names |= {name: Name(frozenset({address}), ttl) for name, address in to.items()}


async def test_names_are_remembered_for_seconds_only_while_a_maintenance_is_planned(world: World) -> None:
    record = Server(id=9, name="node9", technology=Technology.NODE, ip="198.18.1.9", registration=NAME)
    await world.servers.add(ROOT, record)
    server = FakeNameServer()
    naming = Naming(world.registry, world.fleet, server, ZONE, 30, world.clock)
    await naming.keep()
    assert server.names[NAME].ttl == 30
    await planned(world)
    await naming.keep()
    assert server.names[NAME].ttl == HURRIED_TTL


async def test_where_another_server_was_promoted_names_go_on_being_moved_by_whoever_has_the_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> int:
        raise NOT_YOURS.refuse(node="node1", what="dns/state")

    monkeypatch.setattr(world.registry, "create", refused)
    record = Server(id=9, name="node9", technology=Technology.NODE, ip="198.18.1.9", registration=NAME)
    server = FakeNameServer()
    naming = Naming(world.registry, world.fleet, server, ZONE, 30, world.clock)
    monkeypatch.setattr(world.fleet, "servers", lambda: [record])
    await naming.keep()
    assert server.names[NAME].addresses == {"198.18.1.9"}
