"""The firewall's pages in a real browser: they fit a phone, and the minute of trial counts and holds no trap."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from playwright.async_api import expect

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.firewall_rule import Rule
from asterisk_ext.ports.asterisk import Contact
from tests.browser.conftest import Look
from tests.unit.admin_http.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HERE = "/servers/FLN-CORE-01/firewall"


async def test_no_page_of_the_firewall_breaks_its_policy_or_scrolls_sideways(look: Look, world: World) -> None:
    await world.services.firewall.drafts.put(ROOT, "FLN-CORE-01", Rule(id="", type="wss", origins=("BR", "AR")))
    console = await look("operator")
    pages = (HERE, f"{HERE}?edit=default-1", f"{HERE}?edit=new&from=192.0.2.1", f"{HERE}/plan")
    assert {path: widths for path in pages if (widths := await console.sideways_at(path))} == {}
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


async def test_a_country_is_found_by_its_name_and_the_sentence_follows(look: Look) -> None:
    console = await look("operator")
    await console.open(f"{HERE}?edit=new")
    page = console.page
    await page.click(".countries summary")
    await page.fill(".countries [type=search]", "arg")
    await expect(page.locator(".country-list label:visible")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("input[name=origins]")).to_have_value("country:AR")
    await expect(page.locator("[data-sentence]")).to_contain_text("quem vem de AR Argentina pode usar SIP")
    await page.fill("input[name=origins]", "br, 203.0.113.5/24")
    await expect(page.locator("[data-sentence]")).to_contain_text(
        "203.0.113.5/24 nomeia um endereço dentro de uma rede"
    )
    await page.fill(".countries [type=search]", "")
    await expect(page.locator("input[value='country:BR']")).to_be_checked()
    await expect(page.locator("input[value='country:AR']")).not_to_be_checked()
    assert console.complaints == []


async def test_rules_are_put_in_order_by_keyboard_and_the_focus_stays_on_the_rule(look: Look, world: World) -> None:
    async def order() -> list[str]:
        return [rule.id for rule in (await world.services.firewall.table(ROOT, "FLN-CORE-01")).draft]

    before = await order()
    console = await look("operator")
    await console.open(HERE)
    page = console.page
    await page.focus(f"#rule-{before[0]} [data-grip]")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#order-told")).to_contain_text("Lugar 3 de 7")
    await page.keyboard.press("Escape")
    assert (
        await page.evaluate("[...document.querySelectorAll('tr[data-rule]')].map((row) => row.dataset.rule)") == before
    )
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"#rule-{before[0]} [data-grip]")).to_be_focused()
    assert await order() == [before[1], before[0], *before[2:]]
    assert console.complaints == []


async def test_rules_are_put_in_order_by_dragging(look: Look, world: World) -> None:
    console = await look("operator")
    await console.open(HERE)
    rows = [rule.id for rule in (await world.services.firewall.table(ROOT, "FLN-CORE-01")).draft]
    grip, over = (console.page.locator(f"#rule-{one}") for one in (rows[3], rows[0]))
    held, target = await grip.locator("[data-grip]").bounding_box(), await over.bounding_box()
    assert held and target
    await console.page.mouse.move(held["x"] + 8, held["y"] + 8)
    await console.page.mouse.down()
    await console.page.mouse.move(held["x"] + 8, target["y"] + target["height"] / 2, steps=8)
    await console.page.mouse.up()
    await expect(console.page.locator(".note.warn")).to_contain_text("Rascunho com")
    moved = [rule.id for rule in (await world.services.firewall.table(ROOT, "FLN-CORE-01")).draft]
    assert moved == [rows[3], *rows[:3], *rows[4:]]
    assert console.complaints == []
