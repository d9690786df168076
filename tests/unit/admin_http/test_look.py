"""Where nobody looked for a while, who opens a page has the reports heard anew; another node that asks has not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.unit.admin_http.conftest import Client, Visitor
from tests.unit.admin_http.world import PEER, World

HOUR = 3600.0


async def test_a_page_shows_reports_as_they_are_now_although_the_node_was_resting(
    client: Client, visit: Callable[[str], Awaitable[Visitor]], world: World
) -> None:
    browser = await visit("viewer")
    world.now += HOUR  # the last look is long over
    resting = asyncio.create_task(world.fleet.rest(HOUR))
    await asyncio.sleep(0)
    async with client.get("/api/v1/calls", headers={"X-Test-Node": PEER}) as response:
        assert response.status == 200
    assert not resting.done()

    async def hear() -> None:
        await resting
        await world.report("SPO-NODE-01", registered=77)

    hearing = asyncio.create_task(hear())
    assert ">77<" in await browser.read("/servers/SPO-NODE-01")
    await hearing
