"""Phones that have not followed yet, and carriers that know one address only, on the real fleet.

The sample's phones register by IP: they stay with node1 whoever serves their virtual PBX.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.fleet import Lab
from tests.integration.guard_ground import Ground
from tests.integration.sip_phone import Phone

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("no_call_of_an_earlier_test")]
MOVED = "1_209"


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


def test_where_the_destination_dies_right_after_the_flip_the_source_rings_the_phones_it_has(away: Lab) -> None:
    [pid] = away.run("node2", "cat", "/run/asterisk/asterisk.pid").stdout.split()
    away.run("node2", "kill", "-STOP", pid)
    try:
        assert away.call("carrier", "4831210117", node="node1", seconds=1).final == 200
        assert away.call("2_209", "190", node="node1", seconds=1).final == 200
    finally:
        away.run("node2", "kill", "-CONT", pid)


async def test_without_a_certificate_of_the_fleet_a_server_s_address_opens_nothing(away: Lab, ground: Ground) -> None:
    forger = Phone((ground.ip("node1"), 5060), ground.ip("node2"), 5099, "asterisk-ext-node")
    await forger.open(lambda ip, port: ground.bound(ip, port, "node2"))
    for user in ("e1_200", "r1_200", "190"):
        assert (await forger.call(user)).final >= 400
    forger.close()


def calls_so_far(lab: Lab, node: str) -> int:
    """How many calls a node's Asterisk has had since it started."""
    told = lab.asterisk(node, "core show calls")
    return int(next(line for line in told.splitlines() if "processed" in line).split()[0])
