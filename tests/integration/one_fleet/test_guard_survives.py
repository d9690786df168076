"""What others do to the firewall is undone, and a guard killed at any moment neither loses nor doubles a ban."""

from __future__ import annotations

import contextlib
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.integration.guard_ground import NODES, Ground, pause, until
from tests.integration.sip_raw import SIP_PORT, Guesser, register

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

FOREIGN = {
    "nftables": ["nft flush ruleset", "nft delete table inet asterisk_ext", "nft flush chain inet asterisk_ext early"],
    "iptables": [
        "iptables-legacy -t raw -F",
        "iptables-legacy -t raw -F ASTERISK_EXT_EARLY",
        "iptables-legacy -F",
        "ipset flush",
    ],
}


@pytest.fixture(autouse=True)
def forgiven(ground: Ground, node: str) -> Iterator[None]:
    yield
    ground.forgive_all(node)


def is_answered(ground: Ground, node: str, own: str) -> bool:
    with ground.udp(own) as sender:
        return bool(Guesser(sender, ground.ip(node), "stranger").challenge())


def shut_out(ground: Ground, node: str, account: str) -> str:
    own = ground.address()
    with ground.udp(own) as sender:
        guesser = Guesser(sender, ground.ip(node), account)
        until(lambda: not guesser.guess(), "the attacker is shut out")
    return own


def test_foreign_changes_of_the_firewall_are_undone_and_told_and_the_bans_hold(
    ground: Ground, node: str, account: str
) -> None:
    own = shut_out(ground, node, account)
    for change in FOREIGN[ground.plan.driver(node)]:
        with ground.events(node) as events:
            ground.net(node, *change.split())
            assert next(event["event"] for event in events) == "repaired", change
        assert ground.kernel_bans(node) == [own], change
        assert not is_answered(ground, node, own), change


def test_while_the_guard_is_dead_its_bans_hold_and_afterwards_it_knows_what_it_knew(
    ground: Ground, node: str, account: str
) -> None:
    own, late = shut_out(ground, node, account), ground.address()
    known = ground.ask(node, verb="status")["never_ban"]
    ground.kill_guard(node)
    try:
        assert ground.kernel_bans(node) == [own]
        assert not is_answered(ground, node, own)
        with ground.udp(late) as sender:
            guesser = Guesser(sender, ground.ip(node), account)
            assert [guesser.guess() for _ in range(4)] == [True] * 4
    finally:
        ground.start_guard(node)
    ground.settled(node)
    assert ground.bans(node) == ground.kernel_bans(node) == sorted([own, late]), "it reads what it has missed"
    assert ground.ask(node, verb="status")["never_ban"] == known


def test_killed_at_random_moments_of_an_attack_it_neither_loses_nor_doubles_a_ban(
    ground: Ground, node: str, account: str
) -> None:
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    attackers, patient = ground.addresses(24), ground.address()
    for part in range(4):
        with ground.udp(patient) as sender:
            if part < 3:
                Guesser(sender, ground.ip(node), account).guess()
        for own in attackers[part::4]:
            texts = [register(ground.ip(node), f"x{number}", own) for number in range(4)]
            with ground.udp(own) as sender:
                for text in texts:
                    sender.sendto(text, (ground.ip(node), SIP_PORT))
            pause(moments.uniform(0, 0.004))
        ground.kill_guard(node)
        ground.start_guard(node)
    ground.settled(node)
    # Where the guard was faster than the four: a suspect gets one a second through.
    with contextlib.ExitStack() as senders:
        left = sorted(set(attackers) - set(ground.bans(node)))
        ground.insist(node, {own: again(ground, node, own, senders.enter_context(ground.udp(own))) for own in left})
    told = Counter(ban["source"] for ban in ground.ask(node, verb="list"))
    assert told == Counter(attackers), f"seed {seed}"
    assert Counter(ground.kernel_bans(node)) == Counter(attackers), f"seed {seed}"
    explained = ground.ask(node, verb="explain", address=patient)
    assert (explained["banned"], explained["failures_counted"]) == (False, 3), f"seed {seed}"


def again(ground: Ground, node: str, own: str, sender: socket.socket) -> Callable[[], object]:
    numbers = count()
    return lambda: sender.sendto(register(ground.ip(node), f"y{next(numbers)}", own), (ground.ip(node), SIP_PORT))
