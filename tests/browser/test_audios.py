"""Listening to audios and sending them, in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import FilePayload, expect

from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.audio import Kind
from dialplan.audio.conversion import FfmpegConverter
from tests.browser.conftest import Look
from tests.unit.admin_http.world import World
from tests.uploads import sweep

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
async def real(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Converts as the product does, so that the browser has something to play."""
    monkeypatch.setattr(world.audios, "_converter", FfmpegConverter())
    return world


async def test_an_announcement_is_played_as_by_telephone_and_as_it_was_sent(look: Look, real: World) -> None:
    await real.audios.add(ROOT, "aviso.mp3", sweep("mp3", 4.0))
    await real.audios.use(ROOT, Kind.PARTIAL, "aviso", language="pt_BR")
    console = await look("viewer")
    for path, place in (("/audios", 0), ("/audios", 1), ("/audios?tab=files", 0), ("/audios?tab=files", 1)):
        await console.open(path)
        button = console.page.locator("[data-play]").nth(place)
        await button.click()
        row = button.locator("xpath=ancestor::*[@data-audio]")
        await expect(button).to_contain_text("Pausar")
        await expect(row.locator("[data-time]")).to_contain_text("0:01 / 0:")
        assert await row.locator(".played").get_attribute("stroke-dasharray"), "the waveform fills"
        await button.click()
        await expect(button).not_to_contain_text("Pausar")
    assert console.complaints == []


async def test_a_file_is_sent_with_its_progress_and_used_at_once(look: Look, real: World) -> None:
    console = await look("operator")
    await console.open("/audios")
    upload = FilePayload(name="Natal 2025.flac", mimeType="audio/flac", buffer=sweep("flac", 2.0))
    await console.page.set_input_files("#f-file", files=[upload])
    await console.page.select_option("#f-use", "total_block/pt_BR")
    await console.page.click("#upload button.primary")
    await expect(console.page.locator(".strip")).to_contain_text("natal-2025 passa a ser ouvido", timeout=90_000)
    await expect(console.page.locator("main")).to_contain_text("natal-2025")
    await console.page.click(".strip button")
    await expect(console.page.locator(".strip")).to_contain_text("O padrão passa a ser ouvido")
    assert console.complaints == []


async def test_a_refused_file_says_why_beside_the_field_without_losing_the_page(look: Look, real: World) -> None:
    console = await look("operator")
    await console.open("/audios")
    upload = FilePayload(name="musica.mp3", mimeType="audio/mpeg", buffer=b"#EXTM3U\nhttp://127.0.0.1/\n")
    await console.page.set_input_files("#f-file", files=[upload])
    await console.page.fill("#f-name", "natal")
    await console.page.click("#upload button.primary")
    await expect(console.page.locator("#h-file")).to_contain_text("audio.not_audio")
    await expect(console.page.locator("#f-file")).to_be_focused()
    await expect(console.page.locator("#f-name")).to_have_value("natal")
    assert real.audios.library(ROOT).recordings == {}
