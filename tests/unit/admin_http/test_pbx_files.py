"""Pages for many virtual PBXs at once: what would change is said before anything does."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Awaitable, Callable

from aiohttp import FormData

from asterisk_ext.domain.pbx import Status, digest
from tests.unit.admin_http.conftest import Visitor
from tests.unit.admin_http.world import World

Visit = Callable[[str], Awaitable[Visitor]]
PJSIP = b"""
[7_300]
type = endpoint
aors = 7_300
[7_300]
type = aor
[stranger]
type = endpoint
"""


def file_of(*tenants: dict[str, object]) -> bytes:
    return json.dumps({"tenants": list(tenants)}).encode()


def bakery(**more: object) -> dict[str, object]:
    return {
        "id": 77,
        "name": "Padaria <Sol>",
        "domain": "sol.example",
        "home": "FLN-CORE-01",
        "extensions": [{"number": "200"}],
        "trunks": [{"name": "trunk1", "host": "198.18.20.1"}],
        "emergency_trunks": ["trunk1"],
        **more,
    }


async def posted(browser: Visitor, path: str, data: bytes = b"", **fields: str) -> tuple[int, str]:
    form = FormData({"csrf": browser.csrf, **fields}, quote_fields=False)
    if data:
        form.add_field("file", data, filename="tenants.json", content_type="application/octet-stream")
    async with browser.client.post(path, data=form, headers={"Origin": browser.origin}) as response:
        return response.status, await response.text()


def kept(page: str) -> str:
    """What the page carries to its next step."""
    found = re.search(r"<textarea name=\"content\" hidden>\n(.*?)</textarea>", page, re.DOTALL)
    assert found
    return html.unescape(found[1])


async def test_an_import_says_what_would_change_and_then_does_just_that(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    before = await world.truth()
    status, page = await posted(browser, "/pbx/files/import", file_of(bakery()))
    assert status == 200
    assert await world.truth() == before
    assert "Padaria &lt;Sol&gt;" in page
    assert "é criado" in page
    status, page = await posted(browser, "/pbx/files/import", content=kept(page), confirmed="true")
    assert status == 200
    password = re.search(r"<code>77_200</code></td><td><code>([^<]+)</code>", page)
    assert password
    assert world.fleet.tenant(77).extensions[0].digest == digest("77_200", password[1])
    status, page = await posted(browser, "/pbx/files/import", file_of(bakery()))
    assert "Importar" not in page
    assert "1 já está como o arquivo diz." in page


async def test_a_file_that_is_wrong_changes_nothing_and_says_where(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    before = await world.truth()
    for data, error_id in (
        (b"\xff\xfe\x00", "pbx.file_no_text"),
        (b"tenants: 3", "pbx.file_unreadable"),
        (file_of(bakery(), bakery()), "pbx.id_twice"),
        (file_of(bakery(emergency_trunks=[])), "pbx.no_emergency_trunk"),
    ):
        status, page = await posted(browser, "/pbx/files/import", data, confirmed="true")
        assert (status, error_id in page) == (422, True), page
    assert await world.truth() == before


async def test_what_is_exported_can_be_imported_and_tells_no_secret(visit: Visit) -> None:
    browser = await visit("operator")
    exported = await browser.read("/pbx/files/export?form=json")
    assert "digest" not in exported
    status, page = await posted(browser, "/pbx/files/import", exported.encode())
    assert status == 200
    assert "0 PABX Virtual mudaria" in page


async def test_secrets_are_exported_to_administrators_alone_and_it_is_noted(visit: Visit, world: World) -> None:
    operator = await visit("operator")
    assert "Exportar com as senhas" not in await operator.read("/pbx/files")
    status, page = await posted(operator, "/pbx/files/export", form="yaml")
    assert status == 403
    administrator = await visit("administrator")
    status, page = await posted(administrator, "/pbx/files/export", form="yaml")
    assert (status, "digest" in page) == (200, True)
    items, _ = await world.registry.snapshot("")
    assert sum(b"pbx.export_secrets" in item.value for item in items) == 1


async def test_a_pjsip_conf_becomes_a_proposal_that_can_be_looked_at(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    before = await world.truth()
    status, page = await posted(browser, "/pbx/files/propose", PJSIP, home="FLN-CORE-01", domain="example.net")
    assert status == 200
    assert "pbx7.example.net" in page
    assert "stranger: ficou de fora" in page, "in the language of who looks"
    assert await world.truth() == before


async def test_a_list_of_blocks_says_what_would_change_does_it_and_leads_back(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    before = {pbx.id: (pbx.status, pbx.reason) for pbx in world.fleet.tenants()}
    first, second = [pbx.id for pbx in world.fleet.tenants() if pbx.status is Status.ACTIVE][:2]
    data = f"{first}\n{second},total,fraude\n".encode()
    status, page = await posted(browser, "/pbx/blocks", data, status="partial_block", reason="Conta")
    assert status == 200
    assert {pbx.id: (pbx.status, pbx.reason) for pbx in world.fleet.tenants()} == before
    status, page = await posted(browser, "/pbx/blocks", content=kept(page), confirmed="true")
    assert status == 200
    now = {pbx.id: (pbx.status, pbx.reason) for pbx in world.fleet.tenants()}
    assert (now[first], now[second]) == ((Status.PARTIAL_BLOCK, "Conta"), (Status.TOTAL_BLOCK, "fraude"))
    status, page = await posted(browser, "/pbx/blocks", content=kept(page))
    status, page = await posted(browser, "/pbx/blocks", content=kept(page), confirmed="true")
    assert {pbx.id: (pbx.status, pbx.reason) for pbx in world.fleet.tenants()} == before


async def test_a_list_with_a_virtual_pbx_that_does_not_exist_is_refused_whole(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    before = await world.truth()
    for text, error_id in (
        ("1\n999999", "pbx.unknown"),
        ("x y", "pbx.block_file_unreadable"),
        ("1\n1", "pbx.block_twice"),
    ):
        status, page = await posted(browser, "/pbx/blocks", content=text, confirmed="true")
        assert (status in (404, 422), error_id in page) == (True, True), page
        assert text.split()[0] in page
    assert await world.truth() == before


async def test_support_may_neither_import_nor_block(visit: Visit, world: World) -> None:
    browser = await visit("support")
    before = await world.truth()
    assert "/pbx/files/import" not in await browser.read("/pbx/files")
    assert (await posted(browser, "/pbx/files/import", file_of(bakery()), confirmed="true"))[0] == 403
    assert (await posted(browser, "/pbx/blocks", content="1", confirmed="true"))[0] == 403
    assert await world.truth() == before
