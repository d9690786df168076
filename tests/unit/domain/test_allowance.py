"""How much of one node the others take."""

from __future__ import annotations

from asterisk_ext.domain.allowance import Allowance


def test_a_node_that_tells_too_many_bans_is_held_back_and_the_others_are_not() -> None:
    allowance = Allowance(burst=3, a_second=1)
    assert [allowance.take("node2", 100.0) for _ in range(5)] == [True, True, True, False, False]
    assert allowance.take("node3", 100.0)
    assert [allowance.take("node2", 102.0) for _ in range(3)] == [True, True, False]


def test_a_clock_that_jumps_gives_no_more_than_a_burst_and_takes_nothing() -> None:
    allowance = Allowance(burst=2, a_second=1)
    assert [allowance.take("node2", 100.0) for _ in range(3)] == [True, True, False]
    assert not allowance.take("node2", 100.0 - 3600)
    assert [allowance.take("node2", 100.0 + 3600) for _ in range(3)] == [True, True, False]
