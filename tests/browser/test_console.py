"""The console in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Look
from tests.unit.admin_http.world import World, call, leg

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAGES = (
    "/", "/calls", "/servers", "/servers/add", "/servers/FLN-CORE-01", "/servers/FLN-CORE-01/maintenance", "/pbx",
    "/pbx/1", "/bans?why=203.0.113.45", "/bans/add", "/audit", "/audios", "/audios?tab=files", "/audios?tab=pbx",
    "/audios/choose?kind=music&pbx=1", "/blocked-calls",
)  # fmt: skip
EVIL = "<img src=x onerror=\"document.title='taken'\">"


async def test_no_page_breaks_its_policy_or_scrolls_sideways_on_a_small_phone(look: Look) -> None:
    console = await look("operator")
    assert {path: widths for path in PAGES if (widths := await console.sideways_at(path))} == {}
    assert console.complaints == []


async def test_calls_appear_change_and_go_by_themselves(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/calls")
    row = console.page.locator('tr.call[data-id="9.9"]')
    await expect(console.page.locator("[data-live]")).to_contain_text("Ao vivo")
    world.calls.say(call("9.9", "1", 0, "4899998888", "200", "Ring", leg("PJSIP/1_200-0000000a", "Ringing")))
    await expect(row).to_contain_text("4899998888")
    await expect(row.locator(".leg")).to_contain_text("Ringing")
    await expect(console.page.locator("[data-count=all]")).to_have_text("6")
    world.calls.say(call("9.9", "1", 0, "4899998888", "200", "Up", leg("PJSIP/1_200-0000000a", "Up", "200", "Ana")))
    await expect(row.locator(".leg")).to_contain_text("200 Ana")
    world.calls.end("9.9")
    await expect(row).to_have_count(0)
    await expect(console.page.locator("[data-count=all]")).to_have_text("5")
    assert console.complaints == []


async def test_a_server_that_falls_silent_has_its_calls_apart_and_out_of_the_totals(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/calls")
    await expect(console.page.locator("[data-live]")).to_contain_text("Ao vivo")
    world.calls.fall_silent("SPO-NODE-01", [call("9.9", "1", 60, "4899998888", "200")])
    await expect(console.page.locator("[data-silent]")).to_contain_text("SPO-NODE-01 não responde há 1")
    await expect(console.page.locator("[data-silent] .aged")).to_contain_text("4899998888")
    await expect(console.page.locator("[data-count=all]")).to_have_text("5")
    assert console.complaints == []


async def test_a_server_whose_calls_come_late_is_named_where_it_else_says_live(look: Look, world: World) -> None:
    console = await look("support")
    world.calls.tell_late(["SPO-NODE-01"])
    await console.open("/calls")
    state = console.page.locator("[data-live] .state")
    await expect(state).to_have_text("Com segundos de atraso: SPO-NODE-01")
    await expect(state).to_have_class("state warn")
    world.calls.tell_late([])
    await expect(state).to_have_text("Ao vivo")
    assert console.complaints == []


async def test_rows_do_not_move_while_one_points_at_them(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/calls")
    await expect(console.page.locator("[data-live]")).to_contain_text("Ao vivo")
    await console.page.hover('tr.call[data-id="1786601555.302"]')
    world.calls.say(call("9.9", "1", 0, "4899998888", "200", "Ring"))
    await expect(console.page.locator("[data-waiting]")).to_have_text("1 novas · mostrar")
    await expect(console.page.locator('tr.call[data-id="9.9"]')).to_have_count(0)
    world.calls.end("1786601653.100")
    await expect(console.page.locator('tr.call[data-id="1786601653.100"]')).to_have_class("call over-now")
    await console.page.mouse.move(5, 5)
    await expect(console.page.locator('tr.call[data-id="9.9"]')).to_be_visible()
    await expect(console.page.locator('tr.call[data-id="1786601653.100"]')).to_have_count(0)


async def test_what_a_caller_calls_himself_stays_text(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/calls")
    world.calls.say(call("9.9", "1", 0, EVIL, EVIL, "Up", leg(EVIL, "Up", EVIL, EVIL), name=EVIL, channel=EVIL))
    row = console.page.locator('tr.call[data-id="9.9"]')
    await expect(row).to_contain_text(EVIL)
    assert await row.locator("img").count() == 0
    await row.locator("[data-slot=details]").click()
    await console.page.click('tr.call-detail[data-id="9.9"] [data-slot=hang]')
    await expect(console.page.locator("dialog")).to_contain_text(EVIL)
    assert "taken" not in await console.page.title()
    assert console.complaints == []


async def test_details_open_below_the_call_with_the_figures_of_its_worst_leg(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/calls")
    row = console.page.locator('tr.call[data-id="1786601653.100"]')
    await row.locator("[data-slot=details]").click()
    below = console.page.locator('tr.call-detail[data-id="1786601653.100"]')
    await expect(below.locator("[data-slot=loss]")).to_have_text(re.compile(r"\d"))
    await expect(row.locator("[data-slot=details]")).to_have_text("Fechar")
    await row.locator("[data-slot=details]").click()
    await expect(below).to_have_count(0)
    await row.locator("[data-slot=details]").click()
    assert console.complaints == []
    world.calls.end("1786601653.100")
    await console.page.mouse.move(5, 5)
    await expect(below).to_have_count(0)
    assert all("404" in told for told in console.complaints), "only what was asked of the call as it ended is not found"


async def test_who_waits_on_hold_is_said_so(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/calls")
    other = leg("PJSIP/1_201-00000002", "Up", "201", "Recepção")
    waiting = call("9.9", "1", 0, "4899998888", "201", "Up", {**other, "held": True})
    world.calls.say(waiting)
    row = console.page.locator('tr.call[data-id="9.9"]')
    await expect(row.locator(".leg [data-slot=state]")).to_have_text("Up · espera")
    world.calls.say({**waiting, "destinations": [other]})
    await expect(row.locator(".leg [data-slot=state]")).to_have_text("Up")


async def test_hanging_up_asks_with_the_focus_on_the_safe_button(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/calls")
    await expect(console.page.locator("[data-live]")).to_contain_text("Ao vivo")
    await console.page.click('tr.call[data-id="1786601653.100"] [data-slot=details]')
    await console.page.click('tr.call-detail[data-id="1786601653.100"] [data-slot=hang]')
    await expect(console.page.locator("dialog [data-keep]")).to_be_focused()
    await console.page.keyboard.press("Enter")
    await expect(console.page.locator("dialog")).to_be_hidden()
    assert world.calls.hung_up == []
    await console.page.click('tr.call-detail[data-id="1786601653.100"] [data-slot=hang]')
    await console.page.click("dialog button.danger")
    await expect(console.page.locator(".strip")).to_contain_text("1786601653.100 desligada")
    assert world.calls.hung_up == ["1786601653.100"]


async def test_calls_stand_in_the_order_that_is_chosen(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/calls")
    await expect(console.page.locator("[data-live]")).to_contain_text("Ao vivo")
    await console.page.select_option("[name=order]", "caller")
    callers = console.page.locator("tr.call [data-slot=caller]")
    texts = await callers.all_text_contents()
    assert texts == sorted(texts)
    world.calls.say(call("9.9", "1", 0, "0000", "200", "Ring"))
    await expect(callers.first).to_have_text("0000")


async def test_filters_answer_at_once(look: Look) -> None:
    console = await look("support")
    await console.open("/calls")
    await expect(console.page.locator("[data-live]")).to_contain_text("Ao vivo")
    await console.page.fill("[data-call-filter] input[type=search]", "4835063033")
    await expect(console.page.locator("tr.call:visible")).to_have_count(1)
    await console.page.fill("[data-call-filter] input[type=search]", "nothing")
    await expect(console.page.locator("[data-empty]")).to_be_visible()


async def test_the_acts_menu_is_opened_used_and_left_by_keyboard(look: Look) -> None:
    console = await look("operator")
    await console.open("/servers")
    button = console.page.locator("[popovertarget=menu-2]")
    await button.focus()
    await console.page.keyboard.press("Enter")
    await expect(console.page.locator("#menu-2")).to_be_visible()
    await console.page.keyboard.press("Tab")
    await expect(console.page.locator("#menu-2 a").first).to_be_focused()
    await console.page.keyboard.press("Escape")
    await expect(console.page.locator("#menu-2")).to_be_hidden()
    await expect(button).to_be_focused()


async def test_the_first_tab_leads_past_the_navigation(look: Look) -> None:
    console = await look("viewer")
    await console.open("/servers")
    await console.page.keyboard.press("Tab")
    await expect(console.page.locator(".skip")).to_be_focused()
    await console.page.keyboard.press("Enter")
    await expect(console.page.locator("main")).to_be_focused()


async def test_choosing_a_status_changes_column_sentence_and_button(look: Look, world: World) -> None:
    console = await look("operator")
    await console.open("/pbx/31")
    await console.page.check("input[value=total_block]")
    await expect(console.page.locator("button.primary:visible")).to_have_text("Pôr em Bloqueio Total")
    await expect(console.page.locator(".in-words:visible")).to_contain_text("só ligam para emergências")
    await console.page.click("button.primary:visible")
    await expect(console.page.locator(".strip")).to_contain_text("Transportes Pampa em Bloqueio Total")
    await console.page.click(".strip button")
    await expect(console.page.locator(".strip")).to_contain_text("Transportes Pampa ativo")


async def test_the_reason_of_a_ban_opens_below_its_row(look: Look) -> None:
    console = await look("support")
    await console.open("/bans")
    await console.page.locator("[data-toggle]").first.click()
    await expect(console.page.locator(".log mark").first).to_have_text("IPV4/UDP/203.0.113.45/5071")
    assert console.page.url.endswith("/bans")


async def test_on_a_phone_the_menu_opens_over_the_page_and_escape_closes_it(look: Look) -> None:
    console = await look("operator", 390, 844)
    await console.open("/")
    await console.page.click(".bottom a[href='#nav']")
    await expect(console.page.locator("#nav")).to_be_visible()
    await console.page.keyboard.press("Escape")
    await expect(console.page.locator("#nav")).to_be_hidden()
    targets = console.page.locator("main .button:visible, .bottom a:visible")
    assert await targets.evaluate_all("all => all.filter(one => one.offsetHeight < 44).map(one => one.outerHTML)") == []
