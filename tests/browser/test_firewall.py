"""The firewall's pages in a real browser: they fit a phone, and the minute of trial counts and holds no trap."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from playwright.async_api import expect

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.ports import Contact
from tests.browser.conftest import Look
from tests.unit.admin_http.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HERE = "/servers/FLN-CORE-01/firewall"


async def test_no_page_of_the_firewall_breaks_its_policy_or_scrolls_sideways(look: Look, world: World) -> None:
    await world.services.firewall.drafts.put(ROOT, "FLN-CORE-01", Rule(id="", type="wss", origins=("BR", "AR")))
    for width in (360, 390, 900, 1440):
        console = await look("operator", width, 740)
        for path in (HERE, f"{HERE}?edit=default-1", f"{HERE}?edit=new&from=192.0.2.1", f"{HERE}/plan"):
            await console.open(path)
            over = await console.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert over <= 0, f"{path} at {width}"
        assert console.complaints == []


async def test_the_trial_counts_down_and_a_second_enter_confirms_nothing(look: Look, world: World) -> None:
    apply = world.firewall_guard.apply

    async def now(*sent: Any, **more: Any) -> Any:
        pending = await apply(*sent, **more)
        world.firewall_guard.pending = dataclasses.replace(pending, at=world.now, deadline=world.now + 60)
        return world.firewall_guard.pending

    world.firewall_guard.apply = now  # type: ignore[method-assign]
    world.phones.there = [Contact("1_200", "192.0.2.33")]
    await world.services.firewall.drafts.remove(ROOT, "FLN-CORE-01", "default-1")
    console = await look("operator")
    await console.open(f"{HERE}/plan")
    await console.page.check("input[name=acknowledged]")
    await console.page.focus("form[action$=apply] button.primary")
    await console.page.keyboard.press("Enter")
    await console.page.wait_for_url(f"**{HERE}/trial")
    await expect(console.page.locator(".trial h2")).to_be_focused()
    await console.page.keyboard.press("Enter")
    assert world.firewall_guard.pending is not None
    await expect(console.page.locator("[data-left]")).not_to_have_text("60")
    await console.page.click("form[action$=confirm] button")
    await expect(console.page.locator(".strip")).to_contain_text("Regras novas de FLN-CORE-01 mantidas")
    assert console.complaints == []
