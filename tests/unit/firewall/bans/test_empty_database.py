"""Our own fault makes five hundred registered phones fail: none of them is banned for it, and attackers are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.scenarios.security.asterisk_writer import Happening, record
from tests.unit.firewall.bans.test_follower import LOGGED, counts, followed
from tests.unit.firewall.test_guard_service import Guard

PHONES, ROUNDS = 500, 5
"""One try more than makes a ban."""
GUESSING, KNOCKING = "203.0.113.66", "2001:db8:66::6"
"""One has a phone's account over UDP, the other tries names over TCP."""


def of_phone(number: int) -> tuple[str, bytes]:
    """Each at an address of its own, some by IPv6."""
    address = f"2001:db8:{number:x}::1" if number % 5 == 0 else f"198.51.{number // 200}.{number % 200 + 1}"
    return address, b"71_%d" % (1000 + number)


def unknown(address: str, account: bytes, attempt: int, transport: str = "UDP") -> bytes:
    """What Asterisk writes of one attempt where it knows no such account."""
    session, answer = b"%d@%s" % (attempt, address.encode()), b"%032x" % attempt

    def told(name: str, account: bytes) -> bytes:
        return record(Happening(name, address, "PJSIP", transport, account, session, b"n", answer))

    once = told("InvalidAccountID", account) + told("ChallengeSent", b"<unknown>")
    return once + told("InvalidAccountID", account) + told("ChallengeResponseFailed", b"<unknown>")


def registered() -> Iterator[bytes]:
    for number in range(PHONES):
        address, account = of_phone(number)
        yield record(Happening("SuccessfulAuth", address, account=account, session=b"%d@phone" % number))


def emptied(chance: Random) -> Iterator[bytes]:
    """All phones try again and again, and the two attackers among them."""
    for attempt in range(ROUNDS):
        lines = [unknown(*of_phone(number), attempt) for number in range(PHONES)]
        lines.append(unknown(GUESSING, of_phone(7)[1], attempt))
        lines.append(unknown(KNOCKING, b"admin%d" % attempt, attempt, "TCP"))
        chance.shuffle(lines)
        yield from lines


async def test_emptying_the_database_under_500_registered_phones_bans_none_of_them_while_attackers_are_banned(
    tmp_path: Path,
) -> None:
    guard = Guard(tmp_path)
    guard.now = LOGGED + 60
    async with followed(guard) as path:
        path.write_bytes(b"".join(registered()))
        with path.open("ab") as log:
            log.write(b"".join(emptied(Random(7))))
        await counts(guard, ROUNDS * (PHONES + 2))
        assert guard.engine.policy.is_suspended(guard.now)
        assert set(guard.kernel.bans()) == {GUESSING, "2001:db8:66::/64"}
    guard.state.close()
