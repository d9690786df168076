"""A night of maintenance with the embedded registry; with etcd it is in ``test_lab_etcd``.

It needs another lab of its own: ``make soak`` runs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.bench.catalogue import ON_A_NAMED_LAB
from tests.bench.test_small import assert_tells_figures, tell
from tests.integration.conftest import free_ports
from tests.integration.fleet import Lab, lab_command
from tests.integration.guard_ground import Ground
from tests.integration.own_lab.night import night
from tests.integration.own_lab.reaper import reaped


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    name = f"own-{os.getpid()}"
    with reaped(name):
        done = lab_command("up", "--detach", "--name", name, "--nodes", "3", "--dns", "--port", str(free_ports(3)))
        assert done.returncode == 0, done.stderr
        yield Lab(name)


async def test_nobody_notices_a_night_of_maintenance(lab: Lab) -> None:
    with closing(Ground(lab.name)) as ground:
        await night(lab, ground)


def test_the_bench_of_phones_that_follow_tells_how_many_have(lab: Lab) -> None:
    assert_tells_figures(tell("phones_follow", lab.name, *ON_A_NAMED_LAB["phones_follow"]))
