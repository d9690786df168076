"""What the kernel's sets hold besides bans, and a guard killed between any two of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from asterisk_ext.domain.ban import PROTECTED_SECONDS
from asterisk_ext.domain.errors import Refusal
from firewall.bans import enforcement
from firewall.bans.enforcement import CROWDED_SECONDS, NARROW_SECONDS, NEAR_SECONDS, WATCHED_SECONDS
from firewall.guard_state import GuardState
from firewall.kernel.fake import FakeKernel
from firewall.kernel.port import KERNEL_REFUSED
from firewall.kernel.source_sets import SourceSet
from tests.unit.firewall.test_guard_service import ATTACKER, OFFICE, Guard

HOUR = 3600.0


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    return Guard(tmp_path)


def test_who_succeeds_is_known_to_the_kernel_for_a_day_and_after_a_restart(guard: Guard) -> None:
    guard.succeed(OFFICE)
    assert guard.kernel.listed(SourceSet.KNOWN) == {OFFICE: PROTECTED_SECONDS}
    guard.now += HOUR
    guard.kernel.flush()
    guard.again()
    assert guard.kernel.listed(SourceSet.KNOWN) == {OFFICE: PROTECTED_SECONDS - HOUR}


def test_a_stranger_who_fails_is_suspect_as_long_as_the_failure_counts(guard: Guard) -> None:
    guard.fail(ATTACKER, 1)
    assert guard.kernel.listed(SourceSet.SUSPECT) == {ATTACKER: 6 * HOUR}
    guard.now += HOUR
    guard.kernel.flush()
    guard.again()
    assert guard.kernel.listed(SourceSet.SUSPECT) == {ATTACKER: 5 * HOUR}


def test_a_suspect_s_streams_are_narrow_for_a_minute_and_near_a_ban_for_ten(guard: Guard) -> None:
    guard.fail(ATTACKER, 1)
    assert guard.kernel.listed(SourceSet.NARROW) == {ATTACKER: NARROW_SECONDS}
    guard.now += NARROW_SECONDS
    assert guard.kernel.listed(SourceSet.NARROW) == {}
    guard.again()
    assert guard.kernel.listed(SourceSet.NARROW) == {}
    guard.fail(ATTACKER, 2)
    assert guard.kernel.listed(SourceSet.NARROW) == {ATTACKER: NEAR_SECONDS}
    guard.now += NARROW_SECONDS
    guard.again()
    assert guard.kernel.listed(SourceSet.NARROW) == {ATTACKER: NEAR_SECONDS - NARROW_SECONDS}


def test_a_known_address_that_fails_is_no_suspect(guard: Guard) -> None:
    guard.succeed(OFFICE)
    guard.fail(OFFICE, 1)
    guard.again()
    assert guard.kernel.listed(SourceSet.SUSPECT) == {}


def test_so_many_bans_that_listing_them_would_hold_up_the_guard_are_counted(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attacker in ("203.0.113.66", "203.0.113.67", "203.0.113.68"):
        guard.engine.ban(attacker, HOUR)

    def listed(which: SourceSet) -> dict[str, float]:
        raise AssertionError("it was listed")

    monkeypatch.setattr(enforcement, "MOST_LISTED", 2)
    monkeypatch.setattr(guard.kernel, "listed", listed)
    monkeypatch.setattr(guard.kernel, "count", lambda: 3)
    assert guard.engine.repair() is False
    monkeypatch.setattr(guard.kernel, "count", lambda: 2)
    assert guard.engine.repair() is True


def fill(guard: Guard, monkeypatch: pytest.MonkeyPatch, *filled: SourceSet) -> None:
    """From now on these sets have no room."""
    put = guard.kernel.put

    def full(which: SourceSet, sources: Mapping[str, float]) -> None:
        if which in filled:
            raise KERNEL_REFUSED.refuse(reason="the set is full")
        put(which, sources)

    monkeypatch.setattr(guard.kernel, "put", full)


def test_a_set_of_suspects_that_is_full_holds_no_ban_back(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(guard, monkeypatch, SourceSet.SUSPECT, SourceSet.NARROW)
    guard.fail(ATTACKER, 1, 2, 3, 4)
    assert list(guard.kernel.bans()) == [ATTACKER]


def test_a_set_of_known_addresses_that_is_full_keeps_nothing_else_from_being_done(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(guard, monkeypatch, SourceSet.KNOWN)
    guard.succeed(OFFICE)
    guard.fail(OFFICE, 1, 2, 3, 4)
    guard.fail(ATTACKER, 1)
    assert list(guard.kernel.slowed()) == [OFFICE]
    assert list(guard.kernel.listed(SourceSet.SUSPECT)) == [ATTACKER]


def test_bans_are_short_while_so_many_hold_that_the_set_would_fill(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enforcement, "CROWDED", 2)
    for framed in ("203.0.113.1", "203.0.113.2", ATTACKER):
        guard.fail(framed, 1, 2, 3, 4)
    assert guard.kernel.bans() == {
        "203.0.113.1": 24 * HOUR,
        "203.0.113.2": 24 * HOUR,
        ATTACKER: CROWDED_SECONDS,
    }
    guard.now += 24 * HOUR
    guard.fail(ATTACKER, 5, 6, 7, 8)
    assert guard.kernel.bans() == {ATTACKER: 24 * HOUR}, "once there is room they last as long as ever"


def test_who_is_never_banned_is_no_stranger_to_the_kernel(guard: Guard) -> None:
    guard.engine.allow("198.51.100.0/24")
    guard.engine.set_fleet(["203.0.113.5"])
    assert guard.kernel.friends == ["198.51.100.0/24", "203.0.113.5/32"]
    guard.kernel.flush()
    guard.again()
    assert guard.kernel.friends == ["198.51.100.0/24", "203.0.113.5/32"]
    guard.engine.disallow("198.51.100.0/24")
    assert guard.kernel.friends == ["203.0.113.5/32"]


def test_strangers_are_limited_only_while_the_guard_reads_the_log(guard: Guard) -> None:
    assert not guard.kernel.watched, "nothing has been read yet"
    guard.succeed(OFFICE)
    guard.fail(ATTACKER, 1)
    assert guard.kernel.watched
    guard.now += WATCHED_SECONDS - 1
    guard.fail(ATTACKER, 2)
    guard.now += WATCHED_SECONDS - 1
    assert guard.kernel.watched
    guard.now += 2
    assert not guard.kernel.watched


def test_a_slow_down_is_listed_with_its_accounts_survives_a_restart_and_is_lifted(guard: Guard) -> None:
    guard.succeed(OFFICE)
    guard.fail(OFFICE, 1, 2, 3, 4)
    began = guard.now
    guard.now += HOUR
    guard.fail(OFFICE, 5)
    guard.kernel.flush()
    guard.again()
    (slowed,) = guard.engine.slowed()
    assert (slowed.source, slowed.since, slowed.until) == (OFFICE, began, guard.now + 6 * HOUR)
    assert slowed.accounts == ("1_200",)
    assert guard.engine.explain(OFFICE)["slowed_until"] == slowed.until
    assert guard.kernel.slowed() == {OFFICE: 6 * HOUR}
    guard.engine.lift(OFFICE)
    assert (guard.engine.slowed(), guard.kernel.slowed()) == ([], {})
    with pytest.raises(Refusal, match="neither banned nor slowed"):
        guard.engine.lift(OFFICE)


def test_who_is_slowed_down_is_known_again_with_the_first_success_after_it(guard: Guard) -> None:
    guard.succeed(OFFICE)
    guard.fail(OFFICE, 1, 2, 3, 4)
    guard.now += 400
    guard.succeed(OFFICE)
    assert guard.kernel.listed(SourceSet.KNOWN) == {}, "or the limit would not hold"
    guard.again()
    assert guard.kernel.listed(SourceSet.KNOWN) == {}
    guard.now += 6 * HOUR - 401
    guard.succeed(OFFICE)
    guard.now += 2
    guard.succeed(OFFICE)
    assert guard.kernel.listed(SourceSet.KNOWN) == {OFFICE: PROTECTED_SECONDS}


def test_who_is_let_in_again_is_known_as_long_as_it_was_to_be(guard: Guard) -> None:
    guard.succeed(OFFICE)
    guard.engine.ban(OFFICE, HOUR)
    guard.now += 400
    guard.succeed(OFFICE, "1_201")
    assert guard.kernel.listed(SourceSet.KNOWN) == {}, "a ban comes before all"
    guard.engine.lift(OFFICE)
    assert guard.kernel.listed(SourceSet.KNOWN) == {OFFICE: PROTECTED_SECONDS}


def test_after_others_have_flushed_everything_all_sets_are_as_they_were(guard: Guard) -> None:
    guard.engine.ban(ATTACKER, HOUR)
    guard.succeed(OFFICE)
    guard.succeed("198.51.100.21")
    guard.fail(OFFICE, 1, 2, 3, 4)
    guard.fail("203.0.113.7", 1)
    guard.engine.allow("192.0.2.0/24")
    before = {which: guard.kernel.listed(which) for which in SourceSet}
    assert all(before.values())
    guard.kernel.flush()
    assert guard.engine.repair(lost=True)
    assert {which: guard.kernel.listed(which) for which in SourceSet} == before
    assert guard.kernel.friends == ["192.0.2.0/24"]
    assert guard.kernel.watched
    assert not guard.engine.repair()


def test_a_second_guard_on_the_same_state_is_refused(guard: Guard) -> None:
    with pytest.raises(Refusal) as refused:
        GuardState(guard.directory / "guard.sqlite")
    assert refused.value.error_id == "guard.already_running"
    guard.state.close()
    GuardState(guard.directory / "guard.sqlite").close()


class Killed(BaseException):
    """The end of the process."""


STEPS = {
    "before the kernel is asked": (FakeKernel, "put", False),
    "after the kernel has the ban": (FakeKernel, "put", True),
    "before the state is written": (GuardState, "change", False),
    "in the middle of writing the state": (GuardState, "add_failures", True),
    "just before the state is whole": (GuardState, "set_place", True),
}


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_any_two_steps_of_a_ban_the_guard_neither_loses_nor_doubles_it(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    owner, name, after = STEPS[step]
    guard.fail(ATTACKER, 1, 2, 3)
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, killing(getattr(owner, name), after))
        with pytest.raises(Killed):
            guard.fail(ATTACKER, 4)
    place = guard.state.place()
    assert place is not None
    guard.again()
    if place.offset < 4:
        guard.fail(ATTACKER, 4)
    assert [(ban.source, ban.failures) for ban in guard.engine.bans()] == [(ATTACKER, 4)]
    assert list(guard.kernel.bans()) == [ATTACKER]
    assert len(guard.state.failures_of(ATTACKER)) == 4


def killing(does: Callable[..., object], after: bool) -> Callable[..., object]:
    def killed(*arguments: object) -> object:
        if after:
            does(*arguments)
        raise Killed

    return killed
