"""Nights of maintenance with the embedded registry from the first day, and while its server dies.

They need a lab of their own: ``make soak`` runs them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.bench.catalogue import ON_A_NAMED_LAB
from tests.bench.test_small import assert_tells_figures, tell
from tests.integration.fleet import Lab, lab_command
from tests.integration.guard_ground import Ground
from tests.integration.machine import free_ports
from tests.integration.own_lab.night import (
    DESTINATION,
    SOURCE,
    night,
    nobody_notices,
    registered,
    served,
    unbroken_call,
    until,
)
from tests.integration.own_lab.node_service import NodeServices
from tests.integration.own_lab.reaper import reaped

FOLLOWS = "1_200"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    name = f"own-{os.getpid()}"
    with reaped(name):
        wanted = ("--nodes", "3", "--dns", "--port", str(free_ports(3)))
        done = lab_command("up", "--detach", "--name", name, *wanted)
        assert done.returncode == 0, done.stderr
        yield Lab(name)


async def test_nobody_notices_a_night_of_maintenance(lab: Lab) -> None:
    with closing(Ground(lab.name)) as ground:
        await night(lab, ground)


def test_the_bench_of_phones_that_follow_tells_how_many_have(lab: Lab) -> None:
    assert_tells_figures(tell("phones_follow", lab.name, *ON_A_NAMED_LAB["phones_follow"]))


async def test_calls_go_on_while_the_registry_s_server_dies_in_a_maintenance_and_a_console_takes_its_place(
    lab: Lab,
) -> None:
    with closing(Ground(lab.name)) as ground, closing(NodeServices(ground)) as services:
        async with unbroken_call(ground):
            await away(lab)
            services.kill(SOURCE)
            await until(lambda: lab.run(DESTINATION, "asterisk-ext", "registry", "promote").returncode == 0)
            await nobody_notices(lab, SOURCE)
            lab.ext(DESTINATION, "pbx", "put", "1", "max_calls=50")
            services.start(SOURCE)
            await home(lab)


async def away(lab: Lab) -> None:
    await asyncio.to_thread(lab.ext, SOURCE, "server", "maintenance", "enter", SOURCE, DESTINATION)
    await until(lambda: served(lab))


async def home(lab: Lab) -> None:
    """As soon as it may be; whoever has the DNS server's key goes on moving names."""
    await until(lambda: FOLLOWS in registered(lab, DESTINATION))
    words = ("asterisk-ext", "server", "maintenance", "leave", SOURCE)
    await until(lambda: lab.run(SOURCE, *words).returncode == 0)
    await until(lambda: FOLLOWS in registered(lab, SOURCE))
