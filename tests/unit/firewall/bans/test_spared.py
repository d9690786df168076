"""Whom the guard spares: known while it lasts, bounded, gone once it is banned or let go."""

from __future__ import annotations

from firewall.bans.spared import MOST, REMEMBERED_SECONDS, HeldBack
from firewall.guard_state import Slowed

OFFICE = "198.51.100.20"
NOON = 1_795_000_000.0


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


def held(memory: HeldBack, source: str = OFFICE, account: str = "1_204") -> None:
    memory.note("held", {"source": source, "reason": "own_account", "accounts": [account]})


def test_a_ban_that_is_held_back_again_is_one_row_that_counts() -> None:
    clock = Clock()
    memory = HeldBack(clock)
    held(memory)
    clock.now += 60
    held(memory, account="1_205")
    [row] = memory.rows([])
    assert (row.source, row.since, row.failures, row.accounts) == (OFFICE, NOON, 2, ("1_205",))


def test_it_is_forgotten_after_a_day_or_when_the_address_is_banned_or_let_go() -> None:
    clock = Clock()
    memory = HeldBack(clock)
    for ending in ("banned", "lifted"):
        held(memory)
        memory.note(ending, {"source": OFFICE})
        assert memory.rows([]) == []
    held(memory)
    clock.now += REMEMBERED_SECONDS + 1
    assert memory.rows([]) == []


def test_who_is_slowed_down_is_told_as_that() -> None:
    memory = HeldBack(Clock())
    held(memory)
    [row] = memory.rows([Slowed(OFFICE, NOON, NOON + 10, 4, ("1_200",))])
    assert (row.reason, row.accounts, row.until) == ("slowed", ("1_200",), NOON + 10)


def test_a_flood_takes_bounded_memory() -> None:
    memory = HeldBack(Clock())
    for number in range(MOST + 10):
        held(memory, f"source {number}")
    assert len(memory.rows([])) == MOST


def test_a_suspension_concerns_nobody_in_particular() -> None:
    memory = HeldBack(Clock())
    memory.note("suspended", {"until": NOON})
    assert memory.rows([]) == []
