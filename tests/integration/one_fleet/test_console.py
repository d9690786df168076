"""The console of the real fleet, in a real browser."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.integration.browser import log_in, open_page
from tests.integration.fleet import Lab

pytestmark = [pytest.mark.lab, pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_person_on_duty_sees_servers_tenants_and_who_serves_them(lab: Lab, browser: Browser) -> None:
    users = lab.status()["users"]
    async with open_page(browser) as page:
        await log_in(page, lab.console(), "operator", users["operator"])
        await expect(page.get_by_text("2 de 2 servidores respondem").first).to_be_visible()
        await page.goto(lab.console() + "servers")
        for name in ("node1", "node2"):
            await expect(page.get_by_role("link", name=name).first).to_be_visible()
        await page.goto(lab.console() + "pbx")
        for name in ("Clínica Vale Azul", "Auto Peças Litoral", "Transportes Pampa", "Hotel Serra Alta"):
            await expect(page.get_by_role("link", name=name)).to_be_visible()
        await expect(page.locator("tbody tr", has_text="Auto Peças Litoral")).to_contain_text("Bloqueio Parcial")


async def test_a_call_appears_is_answered_and_goes_without_the_page_being_loaded_again(
    lab: Lab, browser: Browser
) -> None:
    users = lab.status()["users"]
    async with open_page(browser) as page:
        await log_in(page, lab.console(), "support", users["support"])
        await page.goto(lab.console() + "calls")
        await page.evaluate("window.loadedOnce = true")
        call = asyncio.create_task(asyncio.to_thread(lab.call, "1_200", "201", seconds=4))
        row = page.locator("tr.call", has_text="PJSIP/1_201")
        await expect(row).to_contain_text("Up", timeout=15_000)
        await expect(row).to_contain_text("Recepção")
        await call
        await expect(row).to_have_count(0, timeout=15_000)
        assert await page.evaluate("window.loadedOnce")


async def test_a_blocked_address_is_seen_and_let_in_again_by_a_click(lab: Lab, browser: Browser) -> None:
    users = lab.status()["users"]
    lab.attack(failures=4, attacker="attacker3")
    async with open_page(browser) as page:
        await log_in(page, lab.console(), "support", users["support"])
        await page.goto(lab.console() + "bans")
        row = page.locator("tr", has_text="198.18.66.3").first
        await expect(row).to_be_visible()
        async with page.expect_navigation():
            await row.get_by_role("button", name="Desbloquear").click()
        await expect(page.locator("table").get_by_text("198.18.66.3")).to_have_count(0)
    assert "198.18.66.3" not in lab.ext("node1", "ban", "list")


async def test_maintenance_is_entered_and_left_from_the_console(lab: Lab, browser: Browser) -> None:
    users = lab.status()["users"]
    async with open_page(browser) as page:
        await log_in(page, lab.console(), "operator", users["operator"])
        await page.goto(lab.console() + "servers/node1/maintenance?destination=node2")
        await expect(page.get_by_text("node2").first).to_be_visible()
        async with page.expect_navigation():
            await page.get_by_role("button", name="Mover").first.click()
        await expect(page.locator("h1")).to_contain_text("node1 em manutenção")
        assert lab.told("node1", "server", "list")[0]["destination"] == "node2"
        lab.ext("node1", "server", "maintenance", "leave", "node1")
        await page.goto(lab.console() + "servers")
        await expect(page.locator("tbody tr", has_text="198.18.1.1").first).to_contain_text("Ativo")


async def test_a_viewer_sees_no_callers_number_and_no_act(lab: Lab, browser: Browser) -> None:
    users = lab.status()["users"]
    async with open_page(browser) as page:
        await log_in(page, lab.console(), "viewer", users["viewer"])
        await page.goto(lab.console() + "calls")
        call = asyncio.create_task(asyncio.to_thread(lab.call, "carrier", "4831210114", seconds=3))
        row = page.locator("tr.call", has_text="PJSIP/1_trunk14")
        await expect(row).to_contain_text("Up", timeout=15_000)
        text = await row.inner_text()
        assert "11987654321" not in text
        assert "Desligar" not in text
        await call


async def test_a_wrong_password_opens_nothing(lab: Lab, browser: Browser) -> None:
    async with open_page(browser, language="en-US") as page:
        await page.goto(lab.console() + "servers")
        await page.fill("input[name=name]", "operator")
        await page.fill("input[name=password]", "not the password")
        async with page.expect_event("response", lambda response: response.request.method == "POST") as answered:
            await page.keyboard.press("Enter")
        assert (await answered.value).status == 401
        await expect(page.get_by_text("The name or the password is not right.")).to_be_visible()
        assert await page.locator("input[name=name]").input_value() == "operator", "what was entered is not lost"
