"""Attackers over every stream transport of real Asterisk, in both families at once: four guesses of each are answered,
then the kernel drops. Their addresses are proven by a handshake; the evidence says so. The limit for strangers, which
would make it last minutes, is another matter (``test_attack_packed``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from asterisk_ext.domain.address_list import source_of
from asterisk_ext.lab.topology import PREFIX6
from tests.integration.fleet import Lab
from tests.integration.guard_ground import LOG, NODES, Ground, until
from tests.integration.sip_stream import PORTS, SILENCE, StreamGuesser, Way

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

ATTACKER = "attacker1"
THROUGH = 4
FRESH = {"node1": iter(range(0x6800, 0x6C00)), "node2": iter(range(0x6C00, 0x7000))}
WAYS = [Way(transport, ipv6) for transport in PORTS for ipv6 in (False, True)]
HTTP = "etc/asterisk/http.conf"
LISTEN = """
[general](+)
bindaddr = ::
tlsenable = yes
tlsbindaddr = [::]:8089
tlscertfile = /etc/asterisk/tls.crt
tlsprivatekey = /etc/asterisk/tls.key
"""
"""A hoster who serves WebSocket himself; the product's own HTTP listens on loopback."""


@pytest.fixture
def serves_websocket(ground: Ground, lab: Lab, node: str) -> Iterator[None]:
    path = ground.file(node, HTTP)
    kept = path.read_text()
    path.write_text(kept + LISTEN)
    lab.asterisk(node, "module reload http")
    yield
    path.write_text(kept)
    lab.asterisk(node, "module reload http")


@pytest.fixture(autouse=True)
def forgiven(ground: Ground, node: str) -> Iterator[None]:
    yield
    ground.forgive_all(node)


def test_four_guesses_by_each_transport_come_through_and_the_kernel_drops_the_rest(
    ground: Ground, node: str, account: str, serves_websocket: None
) -> None:
    own = {way: own_address(ground, node, way) for way in WAYS}
    ground.meet(node, *own.values())
    before = dropped(ground, node)
    with ThreadPoolExecutor(len(WAYS)) as attackers:
        attacks = {way: attackers.submit(attack, ground, node, account, way, own[way]) for way in WAYS}
    assert {str(way): attack.result() for way, attack in attacks.items()} == {str(way): [] for way in WAYS}
    assert dropped(ground, node) > before
    sources = sorted(source_of(address) for address in own.values())
    assert ground.bans(node) == sources
    assert kernel_bans(ground, node) == sources
    for way, address in own.items():
        told = ground.ask(node, verb="explain", address=address)
        assert [f"/{way.transport}/" in line for line in told["lines"]] == [True] * THROUGH, way


def attack(ground: Ground, node: str, account: str, way: Way, own: str) -> list[str]:
    """Guess until nothing is answered any more; returns what was otherwise than it should be."""
    host = ground.plan.topology.host(node)
    guesser = StreamGuesser(ground, way, ATTACKER, own, host.ipv6 if way.ipv6 else host.ipv4, account)
    wrong = []
    for number in range(1, THROUGH + 1):
        # The fourth is a failure too; the ban may be faster than its answer.
        if not guesser.guess() and number < THROUGH:
            wrong.append(f"guess {number} is not answered")
        until(partial(_has_logged, ground, node, way, own, number), f"Asterisk logs guess {number}")
    ground.read_up(node)
    if guesser.guess(SILENCE):
        wrong.append("a guess too many is answered")
    if guesser.guess(SILENCE):
        wrong.append("a new connection is answered")
    if (failures := logged(ground, node, way, own)) != THROUGH:
        wrong.append(f"{failures} failures")
    return wrong


def _has_logged(ground: Ground, node: str, way: Way, own: str, failures: int) -> bool:
    return logged(ground, node, way, own) == failures


def own_address(ground: Ground, node: str, way: Way) -> str:
    """One that nobody has used yet, in IPv6 of a /64 that nobody has used."""
    if not way.ipv6:
        return ground.address(ATTACKER)
    fresh = f"2001:2:0:{next(FRESH[node]):x}::1"
    ground.net(ATTACKER, "ip", "addr", "add", f"{fresh}/{PREFIX6}", "dev", "eth0", "nodad")
    return fresh


def logged(ground: Ground, node: str, way: Way, own: str) -> int:
    """Failures in the true security log that name this peer over this transport."""
    text = ground.file(node, LOG).read_text(errors="replace")
    peer = rf'RemoteAddress="IPV[46]/{way.transport}/(?:::ffff:)?{re.escape(own)}/\d+"'
    return len(re.findall(rf'SecurityEvent="ChallengeResponseFailed".*,{peer}', text))


def dropped(ground: Ground, node: str) -> int:
    """Packets of either family that the kernel dropped because their sender is banned."""
    if ground.plan.driver(node) == "nftables":
        return ground.dropped(node)
    told = ground.net(node, "ip6tables-legacy", "-t", "raw", "-nvxL")
    return ground.dropped(node) + sum(int(line.split()[0]) for line in told.splitlines() if "asterisk_ext_ban6" in line)


def kernel_bans(ground: Ground, node: str) -> list[str]:
    if ground.plan.driver(node) == "nftables":
        _, _, elements = ground.net(node, "nft", "list", "set", "inet", "asterisk_ext", "ban6").partition("elements")
        return sorted([*ground.kernel_bans(node), *(f"{net}/64" for net in re.findall(r"[0-9a-f:]+::", elements))])
    _, _, members = ground.net(node, "ipset", "list", "asterisk_ext_ban6").partition("Members:")
    return sorted([*ground.kernel_bans(node), *re.findall(r"[0-9a-f:]+::/64", members)])
