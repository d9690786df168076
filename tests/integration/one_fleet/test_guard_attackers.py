"""Attackers with different tools against real Asterisk: four failures get through from an address, then silence."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from asterisk_ext.lab import probes
from tests.integration.fleet import Lab
from tests.integration.guard_ground import NODES, Ground, pause
from tests.integration.sip_raw import REPEATS, SIP_PORT, Guesser, register, wrong_answer

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

THROUGH = 4
BURST = 300
ROUNDS = 3
FULL_AGAIN_SECONDS = 5
"""After so long a stranger may send as much at once as at first."""
PATIENCE = 30.0
"""A stranger who has failed gets one request a second through, and the tools repeat theirs later and later."""
STARTS, TOOL_SECONDS = 4, 5.0


@pytest.fixture(autouse=True)
def forgiven(ground: Ground, node: str) -> Iterator[None]:
    yield
    ground.forgive_all(node)


def test_with_raw_packets_four_guesses_are_answered_and_the_kernel_drops_the_rest(
    ground: Ground, node: str, account: str
) -> None:
    own, before = ground.address(), ground.dropped(node)
    with ground.udp(own) as sender:
        guesser = Guesser(sender, ground.ip(node), account)
        answered = []
        for _ in range(6):
            answered.append(guesser.guess())
            ground.read_up(node)
    assert answered == [True] * THROUGH + [False] * 2
    assert ground.logged(node, own) == THROUGH
    assert ground.dropped(node) > before
    assert ground.bans(node) == ground.kernel_bans(node) == [own]


def test_with_raw_packets_to_unknown_accounts_it_is_four_too(ground: Ground, node: str, account: str) -> None:
    own = ground.address()
    flood(ground, node, [own], lambda sender, number: register(ground.ip(node), f"stranger{number}", own))
    assert ground.logged(node, own, "ChallengeSent") == THROUGH
    assert ground.bans(node) == ground.kernel_bans(node) == [own]


def test_guesses_that_the_log_cannot_tell_of_end_after_four_requests(ground: Ground, node: str, account: str) -> None:
    own, answered = ground.address(), 0
    with ground.udp(own) as sender:
        sender.settimeout(REPEATS[0])
        deadline = time.monotonic() + PATIENCE
        while own not in ground.bans(node):
            assert time.monotonic() < deadline
            sender.sendto(register(ground.ip(node), account, own, call_id="\xff"), (ground.ip(node), SIP_PORT))
            with suppress(TimeoutError):
                answered += bool(sender.recv(65_535))
    assert answered == THROUGH
    assert ground.logged(node, own, r"\w+") == 0
    assert ground.kernel_bans(node) == [own]


def test_of_bursts_of_guesses_on_one_nonce_four_are_answered(ground: Ground, node: str, account: str) -> None:
    attackers = ground.addresses(ROUNDS)
    for own in attackers:
        burst(ground, node, account, own)
    assert [ground.logged(node, own) for own in attackers] == [THROUGH] * ROUNDS
    assert ground.bans(node) == ground.kernel_bans(node) == sorted(attackers)


def test_who_fails_one_by_one_and_then_sends_a_burst_gets_four_through_in_all(
    ground: Ground, node: str, account: str
) -> None:
    own = ground.address()
    with ground.udp(own) as sender:
        guesser = Guesser(sender, ground.ip(node), account)
        assert [guesser.guess() for _ in range(THROUGH - 2)] == [True] * (THROUGH - 2)
    ground.settled(node)
    pause(FULL_AGAIN_SECONDS)
    burst(ground, node, account, own)
    assert ground.logged(node, own) == THROUGH
    assert ground.bans(node) == [own]


def test_a_burst_from_many_ports_is_one_attacker_s(ground: Ground, node: str, account: str) -> None:
    own, number, deadline = ground.address(), 0, time.monotonic() + PATIENCE
    while own not in ground.bans(node):
        assert time.monotonic() < deadline
        for _ in range(BURST // 10):
            with ground.udp(own) as sender:
                number += 1
                sender.sendto(register(ground.ip(node), f"stranger{number}", own), (ground.ip(node), SIP_PORT))
    ground.settled(node)
    assert ground.logged(node, own, "ChallengeSent") == THROUGH


def test_with_sipp_it_is_four(ground: Ground, lab: Lab, node: str, account: str) -> None:
    own = ground.plan.topology.host("attacker2").ipv4
    logged, before = ground.logged(node, own), ground.dropped(node)
    tried = probes.attack(lab.name, node=node, failures=6, attacker="attacker2", account=account)
    assert len(tried.statuses) >= 2 * THROUGH, "each attempt is challenged and refused"
    assert ground.logged(node, own) - logged == THROUGH
    assert ground.dropped(node) > before
    assert ground.bans(node) == [own]


def test_with_svwar_it_is_four(ground: Ground, node: str, account: str) -> None:
    own, before = crack(ground, node, "attacker3", "ChallengeSent", "svwar", "--force", "-e1000-9999")
    assert ground.logged(node, own, "ChallengeSent") - before == THROUGH
    assert ground.bans(node) == ground.kernel_bans(node) == [own]


def test_with_svcrack_it_is_four_at_most(ground: Ground, node: str, account: str) -> None:
    own, before = crack(ground, node, "attacker4", "ChallengeResponseFailed", "svcrack", "-r1000-9999", "-u", account)
    assert ground.logged(node, own, "ChallengeSent"), "it is heard"
    # Once some of its guesses are lost it hardly sends any with credentials that hold.
    guessed = ground.logged(node, own) - before
    assert guessed <= THROUGH
    assert (own in ground.bans(node)) == (guessed == THROUGH)


def crack(ground: Ground, node: str, machine: str, event: str, *tool: str) -> tuple[str, int]:
    """The tool's address, and how much was logged of it before. It gives up, or waits for ever, when an answer is
    missing: it is started again, as its user would do."""
    own = ground.plan.topology.host(machine).ipv4
    before = ground.logged(node, own, event)
    for _ in range(STARTS):
        with sipvicious(ground, machine, *tool, ground.ip(node)) as running, suppress(subprocess.TimeoutExpired):
            running.wait(TOOL_SECONDS)
        if own in ground.bans(node):
            break
    ground.settled(node)
    return own, before


def burst(ground: Ground, node: str, account: str, own: str) -> None:
    """Guesses on one nonce as fast as they can be written, until the address is shut out."""
    with ground.udp(own) as sender:
        challenge = Guesser(sender, ground.ip(node), account).challenge()
        assert challenge

    def guess(sender: socket.socket, number: int) -> bytes:
        answer = wrong_answer(account, ground.ip(node), challenge)
        port = sender.getsockname()[1]
        return register(ground.ip(node), account, own, port=port, authorization=answer)

    flood(ground, node, [own], guess)


def flood(ground: Ground, node: str, sources: list[str], text: Callable[[socket.socket, int], bytes]) -> None:
    for own in sources:
        with ground.udp(own) as sender:
            deadline, number = time.monotonic() + PATIENCE, 0
            while own not in ground.bans(node) and time.monotonic() < deadline:
                for _ in range(BURST):
                    number += 1
                    sender.sendto(text(sender, number), (ground.ip(node), SIP_PORT))
        assert own in ground.bans(node)
    ground.settled(node)


@contextmanager
def sipvicious(ground: Ground, machine: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """The tool, until what it is watched for has happened."""
    running = subprocess.Popen(
        ["nsenter", f"--target={ground.holders[machine]}", "--net", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ground.file(machine, "tmp"),
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
