"""A real Chromium for the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, ConsoleMessage, Page


def is_complaint(message: ConsoleMessage) -> bool:
    """A refused password is an answer of status 401, which the browser calls an error of loading."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


@asynccontextmanager
async def open_page(
    browser: Browser, width: int = 1440, height: int = 900, language: str = "pt-BR"
) -> AsyncIterator[Page]:
    """An empty page; leaving the context fails where a page broke a rule of its own or threw an error."""
    complaints: list[str] = []
    async with await browser.new_context(viewport={"width": width, "height": height}, locale=language) as context:
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert complaints == []


async def log_in(page: Page, console: str, name: str, password: str) -> None:
    """From the first page to the overview, as a person does."""
    await page.goto(console)
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", password)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
