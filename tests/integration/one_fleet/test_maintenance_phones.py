"""Phones that have not followed yet, and carriers that know one address only, on the real fleet.

The sample's phones register by IP: they stay with node1 whoever serves their virtual PBX.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator

import pytest

from asterisk_ext.config import Asterisk
from tests.integration.fleet import Lab, calls_so_far, frozen
from tests.integration.guard_ground import Ground, until
from tests.integration.sip_phone import Phone
from tests.integration.stream_phone import StreamPhone, trusting

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("no_call_of_an_earlier_test")]
MOVED = "1_209"
NODE_PORT = Asterisk().node_port


@pytest.fixture(scope="module")
def away(lab: Lab) -> Iterator[Lab]:
    """Node2 serves what lives on node1; every phone is still with node1, but for one."""
    lab.ext("node1", "server", "maintenance", "enter", "node1", "node2")
    assert lab.register(MOVED, node="node2").as_expected
    yield lab
    lab.register(MOVED, node="node2", seconds=0)
    lab.ext("node1", "server", "maintenance", "leave", "node1")


def test_what_arrives_at_the_destination_rings_the_phones_that_are_still_with_the_source(away: Lab) -> None:
    assert away.call("carrier", "4831210114", node="node2", seconds=1).final == 200, "a ring group"
    assert away.call(MOVED, "200", node="node2", seconds=1).final == 200


def test_a_call_of_a_carrier_that_knows_only_the_source_is_served_by_the_destination(away: Lab) -> None:
    before = calls_so_far(away, "node2")
    assert away.call("carrier", "4831210117", node="node1", seconds=1).final == 200
    assert calls_so_far(away, "node2") > before


def test_a_phone_that_is_still_with_the_source_calls_its_colleagues_by_the_destination(away: Lab) -> None:
    before = calls_so_far(away, "node2")
    assert away.call(MOVED, "201", node="node1", seconds=1).final == 200
    assert calls_so_far(away, "node2") > before


def test_a_phone_that_is_still_with_the_source_calls_190_and_the_world_by_the_source_s_own_trunks(away: Lab) -> None:
    before = calls_so_far(away, "node2")
    for number in ("190", "04833330000"):
        assert away.call(MOVED, number, node="node1", seconds=1).final == 200
    assert calls_so_far(away, "node2") == before


def test_where_the_destination_dies_right_after_the_flip_the_source_rings_the_phones_it_has_and_the_console_says_so(
    away: Lab,
) -> None:
    with frozen(away, "node2"):
        assert away.call("carrier", "4831210117", node="node1", seconds=1).final == 200
        assert away.call("2_209", "190", node="node1", seconds=1).final == 200
        until(lambda: seen(away) == (False, False, False), "the console says that nobody serves", 60)
    until(lambda: seen(away)[:2] == (True, True), "the destination is back", 60)


def seen(lab: Lab) -> tuple[bool, bool, bool | None]:
    """Whether the destination answers, whether it serves, and whether the source may be switched off."""
    told = lab.asked("servers/node1/maintenance")
    return told["seen"]["answers"], told["seen"]["served"], told["safe"]


async def test_a_server_s_certificate_opens_its_extensions_and_no_trunk_and_no_certificate_opens_nothing(
    away: Lab, ground: Ground
) -> None:
    """As who has stolen node2 would try it at node1."""
    context = trusting()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await connected(ground, context)
    context.load_cert_chain(ground.file("node2", "var/lib/asterisk-ext/identity/node.pem"))
    thief = StreamPhone((ground.ip("node1"), NODE_PORT), ground.ip("node2"), 5097, "asterisk-ext-node", "", "TLS")
    thief.use(*await connected(ground, context))
    try:
        assert (await thief.call("e1_201", talk=0.1)).final == 200
        for user in (
            "190",
            "e190",
            "e1_190",
            "r1_190",
            "1_trunk14",
            "e1_trunk14",
            "r1_trunk14",
            "e1_04833330000",
            "201",
        ):
            assert (await thief.call(user)).final >= 400, user
    finally:
        thief.close()


async def connected(ground: Ground, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """From node2 to where node1's Asterisk expects the fleet's."""

    def connect() -> socket.socket:
        return socket.create_connection((ground.ip("node1"), NODE_PORT))

    made = ground.inside("node2", connect)
    made.setblocking(False)
    return await asyncio.open_connection(sock=made, ssl=context, server_hostname="node1")


async def test_without_a_certificate_of_the_fleet_a_server_s_address_opens_nothing(away: Lab, ground: Ground) -> None:
    forger = Phone((ground.ip("node1"), 5060), ground.ip("node2"), 5099, "asterisk-ext-node")
    await forger.open(lambda ip, port: ground.bound(ip, port, "node2"))
    for user in ("e1_200", "r1_200", "190"):
        assert (await forger.call(user)).final >= 400
    forger.close()
