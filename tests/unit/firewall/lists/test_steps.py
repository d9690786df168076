"""Changing a list by steps: every address is judged by the old list or by the new one, at every moment."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firewall.lists.ranges import Range
from firewall.lists.steps import Step, steps

ADDRESSES = 60


def lists() -> st.SearchStrategy[list[Range]]:
    edges = st.lists(st.integers(0, ADDRESSES), unique=True, max_size=30).map(sorted)
    return edges.map(lambda all_: list(zip(all_[::2], all_[1::2], strict=False)))


def addresses(ranges: set[Range]) -> set[int]:
    return {address for first, end in ranges for address in range(first, end)}


@given(lists(), lists(), st.integers(1, 6))
def test_after_each_step_whoever_is_on_both_lists_is_on_and_whoever_is_on_neither_is_not(
    before: list[Range], after: list[Range], most: int
) -> None:
    now = set(before)
    both, either = (
        addresses(set(before)) & addresses(set(after)),
        addresses(set(before)) | addresses(set(after)),
    )
    for step in steps(before, after, most):
        assert now >= set(step.out)
        now = now - set(step.out) | set(step.new)
        assert both <= addresses(now) <= either
        in_order = sorted(now)
        assert all(one[1] < other[0] for one, other in pairwise(in_order))
    assert now == set(after)


@given(lists(), st.integers(1, 6))
def test_the_same_list_again_is_no_step(ranges: list[Range], most: int) -> None:
    assert list(steps(ranges, ranges, most)) == []


def test_a_step_has_no_more_ranges_than_it_should_but_for_what_belongs_together() -> None:
    before = [(i * 10, i * 10 + 5) for i in range(100)]
    after = [(i * 10, i * 10 + 6) for i in range(100)]
    assert {len(step) for step in steps(before, after, 10)} == {10}
    assert list(steps([(0, 50)], [(0, 9), (20, 29)], 1)) == [Step([(0, 50)], [(0, 9), (20, 29)])]
