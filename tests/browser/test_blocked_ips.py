"""The page of blocked IPs: what happened, its attempts, who was spared; an attacker's words stay text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import expect

from asterisk_ext.ports.guard import Attempt, Banned, Spared
from tests.browser.conftest import Look
from tests.unit.admin_http.world import LINE, NOW, World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

EVIL = "<img src=x onerror=\"document.title='taken'\"><b>"
ATTACKER = "203.0.113.45"
BANS = ".table-card:not(.spared) tbody"


async def test_a_ban_from_the_log_says_what_happened(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/bans")
    row = console.page.locator(BANS, has_text=ATTACKER)
    await expect(row).to_contain_text("Senha errada em 3 ramais")
    await expect(row).to_contain_text("4 tentativas em 41 s · SIP UDP")


async def test_why_lists_the_attempts_and_folds_their_log_lines(look: Look, world: World) -> None:
    console = await look("support")
    await console.open(f"/bans?why={ATTACKER}")
    attempts = console.page.locator(BANS, has_text=ATTACKER).locator(".tried li")
    await expect(attempts).to_have_count(4)
    await expect(attempts.first).to_contain_text("senha errada, conta 1_200 (Clínica Vale Azul)")
    await expect(attempts.first).to_contain_text("UDP, endereço não provado")
    line = attempts.first.locator("pre")
    await expect(line).to_be_hidden()
    await attempts.first.locator("summary").press("Enter")
    await expect(line).to_be_visible()
    await expect(line.locator("mark")).to_have_text(f"IPV4/UDP/{ATTACKER}/5071")


async def test_a_spared_office_is_named_with_its_phone(look: Look, world: World) -> None:
    console = await look("support")
    await console.open("/bans")
    row = console.page.locator(".spared tbody", has_text="203.0.113.160")
    await expect(row).to_contain_text("Senha antiga em um ramal")
    await expect(row).to_contain_text("Auto Peças Litoral · ramal 200")
    await row.get_by_role("link", name="Abrir Auto Peças Litoral").click()
    await expect(console.page.locator("h1")).to_contain_text("Auto Peças Litoral")


async def test_a_slowed_address_is_let_go_and_the_strip_says_so(look: Look, world: World) -> None:
    slowed = Spared("192.0.2.7", NOW - 60, NOW + 21_000, 4, "slowed", ("1_200",))
    world.guard.spares.append(slowed)
    console = await look("support")
    await console.open("/bans")
    await console.page.locator(".spared tbody", has_text="192.0.2.7").get_by_role("button").click()
    await expect(console.page.locator(".strip")).to_contain_text("192.0.2.7 não está mais contido")
    await expect(console.page.locator(".strip button")).to_have_count(0)
    await expect(console.page.locator(".spared")).not_to_contain_text("192.0.2.7")


async def test_what_an_attacker_calls_himself_stays_text(look: Look, world: World) -> None:
    attempt = Attempt(NOW - 9, "PJSIP", "UDP", EVIL, "InvalidAccountID", LINE.replace("1_202", EVIL))
    world.guard.banned["192.0.2.9"] = Banned("192.0.2.9", NOW, NOW + 9, 4, "", "log", (attempt,))
    world.guard.spares.append(
        Spared("192.0.2.8", NOW, NOW + 9, 4, "own_account", (EVIL,), (replace(attempt, transport="TCP"),))
    )
    console = await look("support")
    await console.open("/bans?why=192.0.2.9")
    row = console.page.locator(BANS, has_text="192.0.2.9")
    await expect(row.locator(".account")).to_have_text(EVIL[:40] + "…")
    await row.locator("summary").click()
    await expect(row.locator("pre")).to_contain_text(EVIL)
    await expect(console.page.locator(".spared")).to_contain_text(EVIL[:40])
    assert await console.page.locator("main img, pre b").count() == 0
    assert "taken" not in await console.page.title()
    assert console.complaints == []


async def test_the_page_fits_a_small_phone_with_everything_open(look: Look, world: World) -> None:
    console = await look("support", 390, 844)
    await console.open(f"/bans?why={ATTACKER}")
    await console.page.locator(BANS, has_text=ATTACKER).locator("summary").first.click()
    wide = await console.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
