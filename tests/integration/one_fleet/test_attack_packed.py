"""Strangers who pack as many requests into streams as they hold: four fail, then the kernel drops; phones get in."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator
from functools import partial

import pytest

from tests.integration.guard_ground import NODES, Ground, until
from tests.integration.sip_packed import answer, connected, insist
from tests.integration.sip_raw import register, right_answer, shortest, wrong_answer

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

THROUGH = 4
TLS_PORT = 5061


@pytest.fixture(autouse=True)
def forgiven(ground: Ground, node: str) -> Iterator[None]:
    yield
    ground.forgive_all(node)


def test_of_the_shortest_requests_four_are_taken(ground: Ground, node: str, account: str) -> None:
    own = ground.address()
    insist(ground, node, own, lambda: shortest())
    assert ground.logged(node, own, "ChallengeSent") == THROUGH
    assert ground.bans(node) == ground.kernel_bans(node) == [own]


def test_of_the_shortest_guesses_on_one_challenge_four_are_taken(ground: Ground, node: str, account: str) -> None:
    own = ground.address()
    with connected(ground, node, own) as sender:
        sender.sendall(shortest(account))
        challenge = answer(sender)
    insist(ground, node, own, lambda: shortest(account, wrong_answer(account, "x", challenge)))
    assert ground.logged(node, own) == THROUGH
    assert ground.bans(node) == ground.kernel_bans(node) == [own]


def test_requests_that_the_log_cannot_tell_of_are_counted_whatever_their_size(
    ground: Ground, node: str, account: str
) -> None:
    own = ground.address()
    ground.meet(node, own)
    for size in (6000, 8000, 9000, 31_000):
        with connected(ground, node, own) as sender:
            sender.sendall(over_tcp(register(node, account, "x", call_id="c" * size)))
            # The ban may come before the last one's answer.
            until(partial(_followed, ground, node, sender, own), f"what follows {size} bytes")
    until(lambda: own in ground.bans(node), "the ban")
    told = ground.ask(node, verb="explain", address=own)
    assert (told["banned"], [attempt["transport"] for attempt in told["attempts"]]) == (True, ["TCP"] * THROUGH)
    until(lambda: ground.logged(node, own, r"\w+") == 1, "the shortest in the log; all others are missing there")


def test_a_phone_that_nobody_knows_registers_over_tls(ground: Ground, node: str, account: str) -> None:
    spare = ground.plan.account(account.replace("_200", "_209"))
    own = ground.address()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connected(ground, node, own, TLS_PORT) as stream, context.wrap_socket(stream) as phone:
        phone.sendall(over_tls(register(node, spare.name, own)))
        digest = right_answer(spare.name, spare.password, node, answer(phone))
        phone.sendall(over_tls(register(node, spare.name, own, authorization=digest)))
        assert answer(phone).startswith(b"SIP/2.0 200")
    until(lambda: bool(ground.ask(node, verb="explain", address=own)["protected"]), "it is known")


def _followed(ground: Ground, node: str, sender: socket.socket, own: str) -> bool:
    """It is answered, or its sender is banned."""
    return bool(select.select([sender], [], [], 0)[0]) or own in ground.bans(node)


def over_tcp(text: bytes) -> bytes:
    return text.replace(b"/UDP", b"/TCP", 1)


def over_tls(text: bytes) -> bytes:
    return text.replace(b"/UDP", b"/TLS", 1)
