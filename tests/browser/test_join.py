"""A server is added in the browser, and the console shows how its machine joins."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Look

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_who_adds_a_server_is_led_to_its_join_token(look: Look) -> None:
    console = await look("operator")
    await console.open("/servers/add")
    await console.page.fill("input[name=name]", "POA-NODE-01")
    await console.page.fill("input[name=ip]", "198.18.1.9")
    await console.page.click("form.card button.primary")
    await console.page.wait_for_url(console.base + "/servers/POA-NODE-01/join")
    await console.page.click("form.card button.primary")
    token = console.page.locator("#f-token")
    assert len(await token.input_value()) > 200
    assert "asterisk-ext node join" in await console.page.inner_text("ol")
    assert console.complaints == []
