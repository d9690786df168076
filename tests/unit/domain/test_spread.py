"""A fleet's nodes do not all ask the registry in one moment."""

from __future__ import annotations

from asterisk_ext.domain.spread import A_SECOND, delay


def test_a_thousand_nodes_that_start_together_ask_the_registry_one_after_the_other() -> None:
    delays = sorted(delay(f"node{number}", 1000) for number in range(1000))
    assert delays[-1] < 1000 / A_SECOND
    together = max(sum(begin <= other < begin + 0.1 for other in delays) for begin in delays)
    assert together < 3 * A_SECOND / 10


def test_in_a_small_fleet_nobody_waits_and_no_node_waits_longer_at_another_time() -> None:
    assert max(delay(f"node{number}", 3) for number in range(1000)) < 0.02
    assert delay("node1", 40) == delay("node1", 40)
