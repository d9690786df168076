"""Whatever an attacker writes into a request, the ban falls on its true sender, and nothing hides the failure."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from tests.integration.guard_ground import NODES, Ground
from tests.integration.sip_raw import SIP_PORT, Guesser, register, wrong_answer

pytestmark = [pytest.mark.lab, pytest.mark.parametrize(("node", "account"), NODES)]

Text = Callable[[str, socket.socket, int], bytes]
VICTIM = "198.18.250.250"
FAKE = f'RemoteAddress="IPV4/UDP/{VICTIM}/5060"'
HEAD = (
    'SecurityEvent="InvalidAccountID",EventTV="2026-11-23T00:00:00.000+0000",Severity="Error",Service="PJSIP",'
    'EventVersion="1",AccountID="x",SessionID="y",LocalAddress="IPV4/UDP/198.18.1.1/5060",'
)
ACCOUNTS = {
    "a fake peer": f"x%22,{FAKE.replace(chr(34), '%22')}",
    "a line break": f"x%0d%0a{FAKE.replace(chr(34), '%22')}",
    "quotes and commas": "x%22,%22,%22",
    "a zero byte": "x%00y",
    "an escape sequence": "x%1b%5b31",
    "bytes that are no UTF-8": "x%ff%fe",
    "a very long name": "x" * 3000,
}
SESSIONS = {
    "a fake peer": f'x",{FAKE}',
    "a fake peer and a fake end": f'x",{FAKE},Challenge=""',
    "a whole fake record": f'x",{FAKE}[2026-11-23 00:00:00.000] SECURITY[1] res_security_log.c: {HEAD}{FAKE}',
    "an escape character": "x\x1b",
    "quotes and commas": '",",",',
    "a very long one": "x" * 6000,
}
DIGESTS = {
    "a fake peer in the nonce": ("nonce", f'x\\",{FAKE.replace(chr(34), chr(92) + chr(34))},Challenge=\\"'),
    "a fake peer in the user name": ("username", f'x\\",{FAKE.replace(chr(34), chr(92) + chr(34))}'),
    "a fake peer in the realm": ("realm", f'x\\",{FAKE.replace(chr(34), chr(92) + chr(34))}'),
    "a fake peer in the response": ("response", f'x\\",{FAKE.replace(chr(34), chr(92) + chr(34))}'),
    "a fake peer in the cnonce": ("cnonce", f'x\\",{FAKE.replace(chr(34), chr(92) + chr(34))}'),
}


@pytest.fixture(autouse=True)
def forgiven(ground: Ground, node: str) -> Iterator[None]:
    yield
    ground.forgive_all(node)


def attack(ground: Ground, node: str, senders: dict[str, str], text: Text) -> None:
    """Each sends a text of its kind until it is banned; the true senders are, and nobody else."""
    with ExitStack() as opened:
        sends: dict[str, Callable[[], object]] = {}
        for what, own in senders.items():
            sends[own] = _sends(ground, node, what, opened.enter_context(ground.udp(own)), text)
        ground.insist(node, sends)
    banned = ground.bans(node)
    assert VICTIM not in banned
    assert [what for what, sender in senders.items() if sender not in banned] == []
    assert sorted(senders.values()) == banned == ground.kernel_bans(node)


def _sends(ground: Ground, node: str, what: str, sender: socket.socket, text: Text) -> Callable[[], object]:
    numbers = count()
    return lambda: sender.sendto(text(what, sender, next(numbers)), (ground.ip(node), SIP_PORT))


def test_hostile_account_names_are_counted_for_their_true_sender(ground: Ground, node: str, account: str) -> None:
    def text(what: str, sender: socket.socket, number: int) -> bytes:
        answer = wrong_answer("x", "x", b"")
        return register(ground.ip(node), ACCOUNTS[what], sender.getsockname()[0], authorization=answer)

    attack(ground, node, dict(zip(ACCOUNTS, ground.addresses(len(ACCOUNTS)), strict=True)), text)


def test_hostile_call_ids_are_counted_for_their_true_sender(ground: Ground, node: str, account: str) -> None:
    def text(what: str, sender: socket.socket, number: int) -> bytes:
        answer, call_id = wrong_answer("x", "x", b""), f"{number}{SESSIONS[what]}"
        own = sender.getsockname()[0]
        return register(ground.ip(node), "stranger", own, call_id=call_id, authorization=answer)

    attack(ground, node, dict(zip(SESSIONS, ground.addresses(len(SESSIONS)), strict=True)), text)


def test_hostile_credentials_are_counted_for_their_true_sender(ground: Ground, node: str, account: str) -> None:
    challenges: dict[str, bytes] = {}

    def text(what: str, sender: socket.socket, number: int) -> bytes:
        own, port = sender.getsockname()
        if own not in challenges:
            challenges[own] = Guesser(sender, ground.ip(node), "stranger").challenge()
        field, value = DIGESTS[what]
        answer = wrong_answer("stranger", ground.ip(node), challenges[own], **{field: value})
        return register(ground.ip(node), "stranger", own, port=port, authorization=answer)

    attack(ground, node, dict(zip(DIGESTS, ground.addresses(len(DIGESTS)), strict=True)), text)
