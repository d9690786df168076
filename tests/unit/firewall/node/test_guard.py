"""The guard as the node service sees it, over the real socket: bans with their attempts, and who is spared."""

from __future__ import annotations

from pathlib import Path

from firewall.node.guard import NodeGuard
from tests.unit.firewall.test_guard_service import ATTACKER, OFFICE, Guard, served


async def test_a_ban_tells_the_attempts_that_decided_it_the_oldest_first(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    for number in range(1, 5):
        guard.now += 10
        guard.fail(ATTACKER, number)
    guard.now += 1
    guard.fail(ATTACKER, 5)
    async with served(guard) as client:
        [ban] = await NodeGuard(client, 24).bans()
    assert [attempt.line for attempt in ban.attempts] == [f"line {number}" for number in range(1, 5)]
    assert (ban.origin, ban.attempts[0].account, ban.attempts[-1].at) == ("log", "1_200", ban.since)


async def test_an_operators_ban_has_no_attempts(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    guard.fail(ATTACKER, 1)
    async with served(guard) as client:
        node = NodeGuard(client, 24)
        await node.ban(ATTACKER, "by hand", "someone")
        [ban] = await node.bans()
    assert (ban.origin, ban.attempts, ban.reason) == ("operator", (), "by hand")


async def test_a_slowed_office_is_spared_with_its_attempts_until_it_is_let_go(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    guard.succeed(OFFICE)
    guard.fail(OFFICE, 1, 2, 3, 4)
    async with served(guard) as client:
        node = NodeGuard(client, 24)
        [spared] = await node.spared()
        assert (spared.address, spared.reason, spared.accounts) == (OFFICE, "slowed", ("1_200",))
        assert [attempt.line for attempt in spared.attempts] == ["line 1", "line 2", "line 3", "line 4"]
        await node.lift(OFFICE, "someone")
        assert await node.spared() == []
        assert await node.bans() == []


async def test_a_phone_with_an_old_password_is_named(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    async with served(guard) as client:
        guard.succeed(OFFICE)
        guard.fail(OFFICE, 1, 2, transport="TLS")
        [spared] = await NodeGuard(client, 24).spared()
    assert (spared.reason, spared.accounts, spared.failures) == ("own_account", ("1_200",), 2)
