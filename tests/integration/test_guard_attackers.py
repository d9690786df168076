"""Attackers with different tools against real Asterisk: four failures get through from an address, then silence.

Who does not wait gets through, besides, what Asterisk has received before the kernel knows of the fourth failure.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from asterisk_ext.lab import probes
from tests.integration.fleet import Lab
from tests.integration.guard_ground import NODES, Ground, until
from tests.integration.sip_raw import SIP_PORT, Guesser, register, wrong_answer

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

THROUGH = 4
IN_FLIGHT = 20
"""The tools send up to two hundred requests a second, and the guard may have to wait for a processor."""


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
    assert ground.dropped(node) - before == 2
    assert ground.bans(node) == ground.kernel_bans(node) == [own]


def test_with_raw_packets_to_unknown_accounts_it_is_four_too(ground: Ground, node: str, account: str) -> None:
    own, before = ground.address(), ground.dropped(node)
    with ground.udp(own) as sender:
        for number in range(8):
            sender.sendto(register(ground.ip(node), f"stranger{number}", own), (ground.ip(node), SIP_PORT))
            ground.settled(node, 0.05)
    assert ground.logged(node, own, "ChallengeSent") == THROUGH
    assert ground.dropped(node) - before == 8 - THROUGH
    assert ground.bans(node) == [own]


def test_of_a_burst_only_what_was_in_asterisk_s_hands_already_is_answered(
    ground: Ground, node: str, account: str
) -> None:
    own, before, burst = ground.address(), ground.dropped(node), 400
    to = (ground.ip(node), SIP_PORT)
    with ground.udp(own) as sender:
        guesser = Guesser(sender, to[0], account)
        challenge = guesser.challenge()
        for _ in range(burst):
            answer = wrong_answer(account, to[0], challenge)
            sender.sendto(register(to[0], account, own, port=guesser.port, authorization=answer), to)
    ground.settled(node)
    through = ground.logged(node, own)
    assert ground.dropped(node) - before >= burst - through
    assert THROUGH <= through < burst
    assert ground.bans(node) == [own]


def test_with_sipp_it_is_four(ground: Ground, lab: Lab, node: str, account: str) -> None:
    own = ground.plan.topology.host("attacker2").ipv4
    logged, before = ground.logged(node, own), ground.dropped(node)
    tried = probes.attack(lab.name, node=node, failures=6, attacker="attacker2", account=account)
    assert len(tried.statuses) >= 2 * THROUGH, "each attempt is challenged and refused"
    assert THROUGH <= ground.logged(node, own) - logged <= THROUGH + 1
    assert ground.dropped(node) > before
    assert ground.bans(node) == [own]


def test_with_sipvicious_it_is_four_and_of_passwords_what_is_on_its_way_by_then(
    ground: Ground, node: str, account: str
) -> None:
    enumerator, cracker = (ground.plan.topology.host(name).ipv4 for name in ("attacker3", "attacker4"))
    before = [ground.logged(node, enumerator, "ChallengeSent"), ground.logged(node, cracker)]
    while (through := ground.logged(node, enumerator, "ChallengeSent") - before[0]) < THROUGH:
        # It gives up after two: every account looks alike to it, existing or not.
        with sipvicious(ground, "attacker3", "svwar", "--force", "-e100-110", ground.ip(node)) as running:
            wanted = before[0] + through + 2
            until(partial(_has_ended_or_logged, running, ground, node, enumerator, wanted), "svwar's requests")
        assert ground.logged(node, enumerator, "ChallengeSent") > before[0] + through, "svwar got no answer"
        ground.read_up(node)
    for machine, tool in (("attacker3", ("svwar", "--force", "-e100-110")), ("attacker4", ("svcrack", "-u", account))):
        with sipvicious(ground, machine, *tool, ground.ip(node)):
            until(partial(_has_dropped, ground, node, ground.dropped(node)), f"the kernel drops what {tool[0]} sends")
    ground.settled(node)
    after = [ground.logged(node, enumerator, "ChallengeSent"), ground.logged(node, cracker)]
    found, guessed = (now - then for now, then in zip(after, before, strict=True))
    assert THROUGH <= found <= THROUGH + 1
    assert THROUGH <= guessed < THROUGH + IN_FLIGHT
    assert ground.bans(node) == sorted([enumerator, cracker])


def _has_ended_or_logged(tool: subprocess.Popen[bytes], ground: Ground, node: str, own: str, requests: int) -> bool:
    return tool.poll() is not None or ground.logged(node, own, "ChallengeSent") >= requests


def _has_dropped(ground: Ground, node: str, before: int) -> bool:
    return ground.dropped(node) > before


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
