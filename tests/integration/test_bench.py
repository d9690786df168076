"""The benches that need a fleet, run small on the shared one."""

from __future__ import annotations

import pytest

from tests.bench.catalogue import ON_A_LAB
from tests.bench.test_small import tell
from tests.integration.fleet import Lab
from tests.integration.guard_ground import Ground

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("name", ON_A_LAB)
def test_every_bench_on_a_fleet_tells_how_the_peer_did(lab: Lab, ground: Ground, name: str) -> None:
    try:
        told = tell(name, lab.name, *ON_A_LAB[name])
    finally:
        # The guard whose place the peer took was started again by the bench, and has ended with it; now it reads what
        # the peer's attackers did.
        ground.start_guard("node1")
        ground.read_up("node1")
        ground.forgive_all("node1")
    assert [row.split(" | ")[0] for row in told.splitlines() if " ms" in row] == [
        "| guard, nftables",
        "| guard, iptables",
        "| fail2ban, nftables",
    ]
