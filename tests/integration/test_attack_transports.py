"""Attackers over every transport of real Asterisk, in both families: four guesses are answered, then the kernel drops.

Their addresses are proven by a handshake, which the guard's metrics and the evidence say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest

from asterisk_ext.domain.address_list import source_of
from asterisk_ext.lab.topology import PREFIX6
from tests.integration.fleet import Lab
from tests.integration.guard_ground import LOG, NODES, Ground, until
from tests.integration.sip_stream import PORTS, StreamGuesser, Way

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

ATTACKER = "attacker1"
THROUGH = 4
FRESH = iter(range(0x6800, 0x7000))
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


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_four_guesses_are_answered_and_the_kernel_drops_the_rest(
    ground: Ground, node: str, account: str, way: Way, serves_websocket: None
) -> None:
    own, before = own_address(ground, way), dropped(ground, node, way)
    host = ground.plan.topology.host(node)
    guesser = StreamGuesser(ground, way, ATTACKER, own, host.ipv6 if way.ipv6 else host.ipv4, account)
    for number in range(1, THROUGH + 1):
        assert guesser.guess()
        until(partial(_has_logged, ground, node, way, own, number), "Asterisk logs the guess")
    ground.read_up(node)
    assert not guesser.guess()
    assert not guesser.guess(), "nor does it answer to a new connection"
    assert logged(ground, node, way, own) == THROUGH
    assert dropped(ground, node, way) > before
    source = source_of(own)
    assert ground.bans(node) == [source]
    assert kernel_bans(ground, node, way) == [source]
    told = ground.ask(node, verb="explain", address=own)
    assert len(told["lines"]) == THROUGH
    assert all(f"/{way.transport}/" in line for line in told["lines"])


def _has_logged(ground: Ground, node: str, way: Way, own: str, failures: int) -> bool:
    return logged(ground, node, way, own) == failures


def own_address(ground: Ground, way: Way) -> str:
    """One that nobody has used yet, in IPv6 of a /64 that nobody has used."""
    if not way.ipv6:
        return ground.address(ATTACKER)
    fresh = f"2001:2:0:{next(FRESH):x}::1"
    ground.net(ATTACKER, "ip", "addr", "add", f"{fresh}/{PREFIX6}", "dev", "eth0", "nodad")
    return fresh


def logged(ground: Ground, node: str, way: Way, own: str) -> int:
    """Failures in the true security log that name this peer over this transport."""
    text = ground.file(node, LOG).read_text(errors="replace")
    peer = rf'RemoteAddress="IPV[46]/{way.transport}/(?:::ffff:)?{re.escape(own)}/\d+"'
    return len(re.findall(rf'SecurityEvent="ChallengeResponseFailed".*,{peer}', text))


def dropped(ground: Ground, node: str, way: Way) -> int:
    """Packets that the kernel dropped because their sender is banned."""
    if not way.ipv6 or ground.plan.driver(node) == "nftables":
        return ground.dropped(node)
    told = ground.net(node, "ip6tables-legacy", "-t", "raw", "-nvxL", "ASTERISK_EXT_EARLY")
    return int(next(line for line in told.splitlines() if "asterisk_ext_ban6" in line).split()[0])


def kernel_bans(ground: Ground, node: str, way: Way) -> list[str]:
    if not way.ipv6:
        return ground.kernel_bans(node)
    if ground.plan.driver(node) == "nftables":
        _, _, elements = ground.net(node, "nft", "list", "set", "inet", "asterisk_ext", "ban6").partition("elements")
        return sorted(f"{network}/64" for network in re.findall(r"[0-9a-f:]+::", elements))
    _, _, members = ground.net(node, "ipset", "list", "asterisk_ext_ban6").partition("Members:")
    return sorted(re.findall(r"[0-9a-f:]+::/64", members))
