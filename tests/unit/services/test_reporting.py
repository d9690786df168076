"""When the nodes of a fleet report: at few moments together, each once a period."""

from __future__ import annotations

import pytest

from asterisk_ext.services.reporting import MOMENTS, PERIOD, until_moment

NOON = 1_795_000_000.0
NODES = [f"node{number}" for number in range(1000)]


@pytest.mark.parametrize("began", [NOON, NOON + 0.3, NOON + 1.234, NOON - 3600.0, 0.0])
def test_from_the_second_report_on_a_node_reports_once_a_period_at_its_own_moment(began: float) -> None:
    for node in NODES:
        second = began + until_moment(node, began)
        assert until_moment(node, second) == pytest.approx(PERIOD, abs=1e-3)


def test_the_whole_fleet_reports_at_few_moments_and_no_moment_is_everybodys() -> None:
    moments = [round((NOON + until_moment(node, NOON)) % PERIOD / PERIOD * MOMENTS) % MOMENTS for node in NODES]
    counts = [moments.count(moment) for moment in range(MOMENTS)]
    assert sum(counts) == len(NODES)
    assert max(counts) < 1.3 * len(NODES) / MOMENTS


def test_the_first_report_comes_neither_right_after_another_nor_much_later_than_a_period() -> None:
    first = [until_moment(node, NOON + tenth / 10) for node in NODES for tenth in range(50)]
    assert min(first) > PERIOD / 10
    assert max(first) <= PERIOD * 1.1
