"""Our own fault makes honest phones fail: nobody is banned for it, and real attackers still are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.empty_database import ROUNDS, happen
from tests.integration.fleet import Lab
from tests.integration.guard_ground import NODES, Ground

pytestmark = [pytest.mark.lab, pytest.mark.last, pytest.mark.parametrize(("node", "account"), NODES)]

PHONES = 100


@pytest.fixture(autouse=True)
def forgiven(ground: Ground, node: str) -> Iterator[None]:
    yield
    ground.forgive_all(node)


async def test_emptying_the_realtime_database_bans_no_registered_phone_while_an_attacker_is_banned(
    ground: Ground, lab: Lab, node: str, account: str
) -> None:
    outcome = await happen(ground, lab, node, PHONES)
    assert outcome.refused == ROUNDS * PHONES
    assert outcome.suspended
    assert outcome.banned == [outcome.attacker]
    assert outcome.dropped_out == []
