"""A maintenance watched in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from asterisk_ext.domain.server import Report
from asterisk_ext.services import records
from tests.browser.conftest import Look
from tests.unit.admin_http.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
PAGE = "/servers/FLN-CORE-01/maintenance"
PATIENCE_MS = 30_000


async def report(world: World, calls: int) -> None:
    """Both servers serve by the map in force; so many calls are left at the source."""
    told = Report(at=world.now, map_revision=world.fleet.map_revision, registered=4, calls=calls)
    for node in ("FLN-CORE-01", "POA-CORE-01"):
        await world.registry.beat(node, 6.0, records.encode(told))
    await world.fleet.hear(world.registry)
    await world.runner.step("FLN-CORE-01")


async def test_the_countdown_comes_to_safe_to_switch_off_by_itself_on_any_screen(look: Look, world: World) -> None:
    console = await look("operator", 360, 740)
    await console.open(f"{PAGE}?destination=POA-CORE-01")
    await console.page.get_by_role("button", name="Mover 2 PABX para POA-CORE-01").click()
    await expect(console.page.locator("h1")).to_contain_text("FLN-CORE-01 em manutenção")
    await report(world, calls=3)
    decides = console.page.locator(".decide")
    await expect(decides).to_contain_text("3 ligações terminando", timeout=PATIENCE_MS)
    await report(world, calls=0)
    await expect(decides).to_contain_text("Seguro desligar", timeout=PATIENCE_MS)
    assert await console.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert console.complaints == []


async def test_what_does_not_follow_is_counted_again_for_another_destination(look: Look, world: World) -> None:
    console = await look("operator", 1440, 900)
    await console.open(f"{PAGE}?destination=POA-CORE-01")
    await expect(console.page.locator("#left-behind")).to_contain_text("Se aceitam POA-CORE-01 não sabemos")
    await console.page.get_by_role("radio").nth(1).check()
    await expect(console.page.locator("#left-behind")).to_contain_text(
        "Se aceitam SPO-NODE-01 não sabemos", timeout=PATIENCE_MS
    )
    assert console.complaints == []
