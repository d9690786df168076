"""Which registry a node follows."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.registry_life import Life, Step, judge


@pytest.mark.parametrize(
    ("ours", "theirs", "step"),
    [
        (None, None, Step.GO_ON),
        (None, Life(1, "a"), Step.TAKE_ANEW),
        (Life(1, "a"), Life(1, "a"), Step.GO_ON),
        (Life(1, "a"), Life(2, "b"), Step.TAKE_ANEW),
    ],
)
def test_a_node_goes_on_with_its_registry_and_takes_a_newer_life_whole(
    ours: Life | None, theirs: Life | None, step: Step
) -> None:
    assert judge(ours, theirs) is step


@pytest.mark.parametrize("theirs", [None, Life(2, "another"), Life(1, "a")])
def test_a_registry_that_was_emptied_or_is_of_no_newer_epoch_is_refused(theirs: Life | None) -> None:
    with pytest.raises(Refusal) as refusal:
        judge(Life(2, "b"), theirs)
    assert refusal.value.error_id == "registry.stale"
