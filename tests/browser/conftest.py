"""A real Chromium before a console over a small fleet. Only the loopback is spoken to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page

from admin_http.app import build
from asterisk_ext.tasks import Tasks
from tests.unit.admin_http.world import PASSWORD, World

WIDTHS = (360, 390, 900, 1440)
"""Of a small phone, a phone, a tablet and a screen, in pixels."""


class Console:
    """The console as one person's browser shows it; what the browser complains of is kept."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def sideways_at(self, path: str) -> list[int]:
        """The widths at which a page would have to be moved sideways: it is opened at the least and then widened."""
        found = []
        for width in WIDTHS:
            await self.page.set_viewport_size({"width": width, "height": 740})
            if width == WIDTHS[0]:
                await self.open(path)
            if await self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found.append(width)
        return found

    async def log_in(self, name: str) -> None:
        """Without its pages, which take a second: ``tests/integration/one_fleet/test_console.py`` enters by them."""
        form: dict[str, str | float | bool] = {"name": name, "password": PASSWORD}
        answer = await self.page.context.request.post(self.base + "/login", form=form, max_redirects=0)
        assert answer.status == 303


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "copy.sqlite")
    async with Tasks() as tasks:
        tasks.start("copy", made.fleet.follow(made.registry))
        await made.fill()
        yield made
    made.fleet.close()


Look = Callable[..., Awaitable[Console]]


@pytest_asyncio.fixture(loop_scope="session")
async def look(world: World, browser: Browser) -> AsyncIterator[Look]:
    """Open a browser window of a size and log in as the user of a role."""
    async with TestServer(build(world.services)) as server:

        async def opened(role: str, width: int = 1440, height: int = 900) -> Console:
            context = await browser.new_context(
                viewport={"width": width, "height": height}, locale="pt-BR", reduced_motion="reduce"
            )
            console = Console(await context.new_page(), str(server.make_url("")).rstrip("/"))
            await console.log_in(role)
            return console

        yield opened
        for context in browser.contexts:
            await context.close()
