"""The page of the hoster's address lists, and their API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asterisk_ext.domain.access import ROOT
from tests.unit.admin_http.conftest import Client, Visitor
from tests.unit.admin_http.test_firewall_pages import text_of
from tests.unit.admin_http.world import World

Visit = Callable[[str], Awaitable[Visitor]]
Token = Callable[..., Awaitable[dict[str, str]]]
HERE = "/firewall/lists"


async def test_a_list_is_made_edited_and_removed(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    entries = "203.0.113.80/29\r\n203.0.113.5 - 203.0.113.9, 2001:db8:5::/48"
    _, page = await browser.act(f"{HERE}/save", name="offices", entries=entries, revision="0")
    assert "Lista offices guardada" in text_of(page) and "203.0.113.5-203.0.113.9" in page
    lists = world.services.firewall.lists
    revision = str(lists.table(ROOT)["offices"].revision)
    assert "203.0.113.80/29\n" in await browser.read(f"{HERE}?edit=offices")
    await browser.act(f"{HERE}/save", name="offices", entries="192.0.2.1", revision=revision)
    assert lists.all() == {"offices": ("192.0.2.1",)}
    _, page = await browser.act(f"{HERE}/remove", name="offices", revision=str(lists.table(ROOT)["offices"].revision))
    assert "Lista offices removida" in text_of(page) and lists.all() == {}


async def test_of_two_editors_the_second_sees_both_lists_and_loses_nothing(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    await world.services.firewall.lists.save(ROOT, "offices", ["203.0.113.5"])
    status, page = await browser.act(f"{HERE}/save", name="offices", entries="192.0.2.1", revision="0")
    assert status == 409
    assert "root mudou a lista offices" in text_of(page)
    assert "Como está agora: 203.0.113.5" in text_of(page) and ">192.0.2.1</textarea>" in page


async def test_a_wrong_entry_is_said_beside_the_field(visit: Visit) -> None:
    status, page = await (await visit("operator")).act(f"{HERE}/save", name="x", entries="203.0.113.5/24", revision="0")
    assert (status, "Escreva 203.0.113.0/24 para a rede" in page) == (422, True)
    assert ">203.0.113.5/24</textarea>" in page


async def test_who_may_not_change_lists_looks_at_them(visit: Visit, world: World) -> None:
    await world.services.firewall.lists.save(ROOT, "offices", ["203.0.113.5"])
    browser = await visit("support")
    page = await browser.read(f"{HERE}?edit=offices")
    assert "offices" in page and "textarea" not in page
    assert (await browser.act(f"{HERE}/save", name="x", entries="192.0.2.1"))[0] == 403


async def test_the_api_changes_lists_by_revision(client: Client, token: Token) -> None:
    headers, path = await token("operator"), "/api/v1/firewall/lists/offices"
    async with client.put(path, json={"entries": ["192.0.2.1"], "revision": 0}, headers=headers) as response:
        revision = (await response.json())["revision"]
    async with client.put(path, json={"entries": ["192.0.2.2"], "revision": 0}, headers=headers) as response:
        told = await response.json()
        assert (response.status, told["error_id"]) == (409, "firewall.list_changed_meanwhile")
    async with client.delete(f"{path}?revision={revision}", headers=headers) as response:
        assert response.status == 204
