"""How often a node listens to the others' reports: at once and then all the while that somebody looks, else seldom."""

from __future__ import annotations

import asyncio

from asterisk_ext.domain.server import Report
from asterisk_ext.domain.spread import pause
from asterisk_ext.services import records
from asterisk_ext.services.heard import KEEN, Heard
from asterisk_ext.services.reporting import PERIOD

NEVER = 3600.0
OLD, NEW = {"node2": (1.0, records.encode(Report(calls=1)))}, {"node2": (9.0, records.encode(Report(calls=2)))}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def resting(heard: Heard) -> asyncio.Task[None]:
    rest = asyncio.create_task(heard.rest(NEVER))
    await asyncio.sleep(0)
    return rest


async def test_who_looks_ends_the_rest_and_sees_what_is_heard_then() -> None:
    heard = Heard(Clock())
    heard.take(OLD)
    rest = await resting(heard)
    look = asyncio.create_task(heard.look())
    await rest
    assert not look.done()
    heard.take(NEW)
    await look
    assert heard.reports["node2"].calls == 2


async def test_while_somebody_looks_there_is_no_rest_and_nobody_waits() -> None:
    clock = Clock()
    heard = Heard(clock)
    heard.take(OLD)
    await heard.look()
    await heard.rest(NEVER)
    clock.now += KEEN + 1
    rest = await resting(heard)
    assert not rest.done()
    rest.cancel()


async def test_a_registry_that_is_away_makes_one_look_wait_and_no_further_one() -> None:
    heard = Heard(Clock())
    rest = await resting(heard)
    await heard.look()
    await rest
    async with asyncio.timeout(0.5):
        await heard.look()


def test_a_fleet_of_a_dozen_is_listened_to_without_rest_and_of_a_thousand_every_few_minutes() -> None:
    assert pause(12) <= PERIOD
    assert pause(1000) == 200
