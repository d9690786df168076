"""Packets whose sender is forged: nobody who is known can be shut out by them; an unknown address can be framed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.fleet import Lab
from tests.integration.guard_ground import NODES, SLOWED_TO, Ground
from tests.integration.sip_phone import Phone
from tests.integration.sip_raw import forge, register

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

FORGED = 100
"""Of each sender; four would do against a guard that believes them."""
STALE = 'nonce="1700000000/0123456789abcdef0123456789abcdef",response="0123456789abcdef0123456789abcdef"'


@pytest.fixture(autouse=True)
def forgiven(ground: Ground, node: str) -> Iterator[None]:
    yield
    ground.forgive_all(node)


@pytest.fixture
async def phone(ground: Ground, node: str, account: str) -> AsyncIterator[Phone]:
    """A registered phone with an address of its own."""
    spare = ground.plan.account(account.replace("_200", "_209"))
    own = ground.address("phones1")
    opened = Phone((ground.ip(node), 5060), own, 5060, spare.name, spare.password)
    await opened.open(lambda ip, port: ground.bound(ip, port, "phones1"))
    assert (await opened.register()).final == 200
    yield opened
    opened.close()


def forged_failures(ground: Ground, node: str, sources: list[str], account: str) -> None:
    """Unknown accounts, wrong answers and requests that the log cannot tell of, in the name of each of these."""
    with ground.forger() as forger:
        for number in range(FORGED):
            for source in sources:
                unknown = register(ground.ip(node), f"stranger{number}", source)
                digest = f'Digest username="{account}",realm="asterisk-ext",{STALE},uri="sip:x",algorithm=MD5'
                known = register(ground.ip(node), account, source, authorization=digest)
                hidden = register(ground.ip(node), account, source, call_id="\xff", authorization=digest)
                forge(forger, source, ground.ip(node), [unknown, known, hidden], port=5060)
    ground.settled(node)


def hidden_failures(ground: Ground, node: str, source: str) -> int:
    """So many were counted that stand in no log."""
    lines = ground.ask(node, verb="explain", address=source)["lines"]
    return sum(line.startswith("not in the security log") for line in lines)


def never_banned(ground: Ground, node: str) -> list[str]:
    """The other node, the carrier of the trunks, the operator."""
    other = next(host for host in ground.plan.topology.nodes if host.name != node)
    return [host.ipv4 for host in (other, ground.plan.topology.host("carrier"), ground.plan.topology.host("operator"))]


async def test_forged_failures_ban_no_fleet_node_no_carrier_and_no_operator(
    ground: Ground, node: str, account: str, lab: Lab
) -> None:
    friends = never_banned(ground, node)
    forged_failures(ground, node, friends, account)
    reached = [ground.logged(node, friend) for friend in friends]
    assert min(reached) > 4, "they did reach Asterisk"
    assert min(hidden_failures(ground, node, friend) for friend in friends) > 4
    assert ground.bans(node) == ground.kernel_bans(node) == []
    number = {"node1": "4831210117", "node2": "5132210300"}[node]
    assert lab.call("carrier", number, node=node, seconds=0.2).final == 200


async def test_forged_failures_neither_ban_a_registered_phone_nor_keep_it_from_registering_and_calling(
    ground: Ground, node: str, account: str, phone: Phone
) -> None:
    forged_failures(ground, node, [phone.ip], account)
    assert ground.logged(node, phone.ip, "ChallengeSent") > 4
    assert ground.bans(node) == ground.kernel_bans(node) == []
    assert hidden_failures(ground, node, phone.ip)
    told = ground.ask(node, verb="explain", address=phone.ip)
    assert (told["protected"], told["banned"], told["accounts"]) == (True, False, [phone.account])
    # It is slowed: its first requests may be lost, and a phone repeats them.
    phone.repeats_after = SLOWED_TO
    assert (await phone.register()).final == 200
    assert (await phone.call("200")).final == 200


async def test_an_address_that_nobody_knows_can_be_framed_and_only_it_is_banned(
    ground: Ground, node: str, account: str, phone: Phone
) -> None:
    framed = ground.address("attacker2")
    with ground.forger() as forger:

        def send() -> None:
            forge(forger, framed, ground.ip(node), [register(ground.ip(node), "stranger", framed)])

        ground.insist(node, {framed: send})
    assert ground.bans(node) == [framed]
    assert (await phone.register()).final == 200
