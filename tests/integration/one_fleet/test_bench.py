"""The benches that need a fleet, run small on the shared one."""

from __future__ import annotations

import pytest

from tests.bench.catalogue import ON_A_LAB
from tests.bench.test_small import tell
from tests.integration.fleet import Lab
from tests.integration.guard_ground import Ground

pytestmark = pytest.mark.lab


def test_the_bench_of_the_guard_tells_how_fail2ban_did(lab: Lab, ground: Ground) -> None:
    try:
        told = tell("guard_on_asterisk", lab.name, *ON_A_LAB["guard_on_asterisk"])
    finally:
        # The guard whose place the peer took was started again by the bench, and has ended with it; now it reads what
        # the peer's attackers did.
        ground.start_guard("node1")
        ground.read_up("node1")
        ground.forgive_all("node1")
    assert _rows(told) == ["| guard, nftables", "| guard, iptables", "| fail2ban, nftables"]


def test_the_bench_of_the_fleets_bans_tells_when_they_hold_and_are_lifted_everywhere(lab: Lab) -> None:
    told = tell("fleet_bans", lab.name, *ON_A_LAB["fleet_bans"])
    assert len(_rows(told)) == 2


def test_the_bench_of_a_flip_tells_when_the_destination_serves_and_what_a_call_in_progress_hears(lab: Lab) -> None:
    told = tell("maintenance_on_asterisk", lab.name, *ON_A_LAB["maintenance_on_asterisk"])
    assert len(_rows(told)) == 12


def _rows(told: str) -> list[str]:
    return [row.split(" | ")[0] for row in told.splitlines() if " ms" in row]
