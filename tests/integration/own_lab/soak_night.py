"""Nights of maintenance: with the embedded registry (with etcd it is in ``test_lab_etcd``), and while that one moves.

They need labs of their own: ``make soak`` runs them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.bench.catalogue import ON_A_NAMED_LAB
from tests.bench.test_small import assert_tells_figures, tell
from tests.integration.conftest import free_ports
from tests.integration.fleet import Lab, lab_command
from tests.integration.guard_ground import Ground
from tests.integration.own_lab.night import (
    CALLED,
    DESTINATION,
    LATE,
    SOURCE,
    night,
    registered,
    ring,
    status,
    unbroken_call,
    until,
)
from tests.integration.own_lab.node_service import kill, started
from tests.integration.own_lab.reaper import reaped

FOLLOWS = "1_200"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    yield from made()


def made(*options: str) -> Iterator[Lab]:
    name = f"own-{os.getpid()}{len(options)}"
    with reaped(name):
        wanted = ("--nodes", "3", "--dns", "--port", str(free_ports(3)), *options)
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
    with closing(Ground(lab.name)) as ground:
        async with unbroken_call(ground):
            await away(lab)
            kill(ground, SOURCE)
            await until(lambda: lab.run(DESTINATION, "asterisk-ext", "registry", "promote").returncode == 0)
            await assert_rings(lab)
            lab.ext(DESTINATION, "pbx", "put", "1", "max_calls=50")
            with started(ground, SOURCE):
                await home(lab)


@pytest.fixture
def etcd_lab() -> Iterator[Lab]:
    yield from made("--registry", "etcd")


async def test_calls_go_on_while_the_registry_moves_to_another_engine_in_a_maintenance(etcd_lab: Lab) -> None:
    with closing(Ground(etcd_lab.name)) as ground, ExitStack() as services:
        async with unbroken_call(ground):
            await away(etcd_lab)
            etcd_lab.ext(SOURCE, "registry", "migrate", "--to", "embedded")
            for node in ground.plan.hosts:
                settings = ground.file(node, "etc/asterisk-ext/config.toml")
                settings.write_text(settings.read_text().replace('engine = "etcd"', 'engine = "embedded"'))
                kill(ground, node)
                services.enter_context(started(ground, node))
                await assert_rings(etcd_lab)
            await home(etcd_lab)


async def away(lab: Lab) -> None:
    await asyncio.to_thread(lab.ext, SOURCE, "server", "maintenance", "enter", SOURCE, DESTINATION)
    await until(lambda: status(lab)["seen"]["served"])


async def home(lab: Lab) -> None:
    """As soon as it may be; whoever has the DNS server's key goes on moving names."""
    await until(lambda: FOLLOWS in registered(lab, DESTINATION))
    words = ("asterisk-ext", "server", "maintenance", "leave", SOURCE)
    await until(lambda: lab.run(SOURCE, *words).returncode == 0)
    await until(lambda: FOLLOWS in registered(lab, SOURCE))


async def assert_rings(lab: Lab) -> None:
    assert (await ring(lab, LATE, "190", SOURCE)).final == 200
    assert (await ring(lab, "carrier", CALLED, SOURCE)).final == 200
