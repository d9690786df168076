"""Virtual PBXs and their parts, changed over the API and through the pages, which do the same."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable

import pytest

from admin_http.api.route import ROOT
from asterisk_ext.domain.pbx import Status, digest
from tests.unit.admin_http.conftest import Client, Visitor
from tests.unit.admin_http.world import World

Visit = Callable[[str], Awaitable[Visitor]]
Token = Callable[..., Awaitable[dict[str, str]]]
EXTENSION = {"number": "205", "name": "Copa", "contacts": "2", "codecs": "alaw, opus", "password": "", "caller_id": ""}
ROUTE = {"pattern": "00.", "name": "Fora", "trunks": "trunk14", "strip": "2", "prepend": "0021", "caller_id": ""}


async def test_a_part_is_added_changed_and_removed_by_revision(client: Client, token: Token, world: World) -> None:
    headers = await token("operator")
    async with client.get(f"{ROOT}/pbx/1", headers=headers) as response:
        seen = (await response.json())["revision"]
    path = f"{ROOT}/pbx/1/extensions/205"
    body = {"number": "205", "name": "Copa"}
    async with client.put(f"{path}?revision={seen}", json=body, headers=headers) as response:
        answer = await response.json()
    assert list(answer["passwords"]) == ["1_205"]
    stored = world.fleet.tenant(1).extensions[-1]
    assert (stored.name, stored.digest) == ("Copa", digest("1_205", answer["passwords"]["1_205"]))
    async with client.put(f"{path}?revision={seen}", json={**body, "name": "Late"}, headers=headers) as response:
        assert (response.status, (await response.json())["error_id"]) == (409, "registry.conflict")
    async with client.put(path, json={**body, "name": "Cozinha"}, headers=headers) as response:
        assert (await response.json())["passwords"] == {}
    assert (world.fleet.tenant(1).extensions[-1].name, world.fleet.tenant(1).extensions[-1].digest) == (
        "Cozinha",
        stored.digest,
    )
    async with client.delete(path, headers=headers) as response:
        assert response.status == 204
    assert [item.number for item in world.fleet.tenant(1).extensions] == ["200", "201", "202"]


@pytest.mark.parametrize(
    ("path", "body", "error_id", "field"),
    [
        ("routes/00.", {"pattern": "00.${SHELL(id)}", "trunks": ["trunk14"]}, "pbx.invalid", "routes[0].pattern"),
        ("routes/00.", {"pattern": "00.", "trunks": ["trunk99"]}, "pbx.missing_target", "routes[0].trunks"),
        ("routes/00.", {"pattern": "00.", "trunks": ["trunk14"], "colour": 1}, "request.invalid", "colour"),
        ("trunks/trunk14", {"name": "trunk14", "host": "a\nb"}, "pbx.invalid", "trunks[0].host"),
        ("dids/4831210199", {"number": "4831210131", "target": "200"}, "pbx.did_taken", "dids[2].number"),
        ("extensions/190", {"number": "190"}, "pbx.extension_is_emergency_number", "extensions[3].number"),
        ("extensions/200", {"number": "201"}, "pbx.duplicate", "extensions[1].number"),
        ("ring_groups/600", {"number": "600", "members": ["999"]}, "pbx.missing_target", "ring_groups[0].members"),
    ],
)
async def test_a_part_that_could_do_harm_is_refused_by_its_place(
    client: Client, token: Token, world: World, path: str, body: dict[str, object], error_id: str, field: str
) -> None:
    before = world.fleet.tenant(1)
    async with client.put(f"{ROOT}/pbx/1/{path}", json=body, headers=await token("operator")) as response:
        answer = await response.json()
    assert (answer["error_id"], answer["field"]) == (error_id, field)
    assert world.fleet.tenant(1) == before


async def test_a_trunks_password_goes_in_and_never_comes_out(client: Client, token: Token, world: World) -> None:
    headers = await token("administrator")
    body = {"name": "trunk15", "host": "sip.carrier.example", "username": "u", "secret": "pa55-w0rd", "register": True}
    async with client.put(f"{ROOT}/pbx/1/trunks/trunk15", json=body, headers=headers) as response:
        assert response.status == 200
    assert world.fleet.tenant(1).trunks[1].secret == "pa55-w0rd"
    for path in ("/pbx/1", "/pbx", "/pbx/export", "/audit"):
        async with client.get(ROOT + path, headers=headers) as response:
            assert "pa55-w0rd" not in await response.text()
    async with client.get(f"{ROOT}/pbx/1", headers=headers) as response:
        assert [trunk["has_secret"] for trunk in (await response.json())["pbx"]["trunks"]] == [False, True]
    async with client.get(f"{ROOT}/pbx/export?secrets=true", headers=headers) as response:
        assert "pa55-w0rd" in await response.text()
    async with client.get(f"{ROOT}/pbx/export?secrets=true", headers=await token("operator")) as response:
        assert response.status == 403


async def test_a_virtual_pbx_with_calls_in_progress_is_not_removed(client: Client, token: Token, world: World) -> None:
    headers = await token("operator")
    async with client.delete(f"{ROOT}/pbx/1", headers=headers) as response:
        assert (response.status, (await response.json())["error_id"]) == (409, "pbx.has_calls")
    world.calls.calls.clear()
    async with client.delete(f"{ROOT}/pbx/1", headers=headers) as response:
        assert response.status == 204
    assert all(pbx.id != 1 for pbx in world.fleet.tenants())


async def test_a_billing_system_sets_and_lifts_many_blocks_after_a_dry_run(
    client: Client, token: Token, world: World
) -> None:
    headers = await token("operator")
    blocks = [{"pbx": 1, "status": "total_block", "reason": "fatura"}, {"pbx": 31, "status": "active"}]
    for dry_run, status in ((True, Status.ACTIVE), (False, Status.TOTAL_BLOCK)):
        body = {"blocks": blocks, "dry_run": dry_run}
        async with client.post(f"{ROOT}/pbx/blocks", json=body, headers=headers) as response:
            assert (await response.json())["changed"] == [1]
        assert world.fleet.tenant(1).status is status
    async with client.post(
        f"{ROOT}/pbx/blocks", json={"blocks": [{"pbx": 999, "status": "active"}]}, headers=headers
    ) as r:
        assert (r.status, (await r.json())["field"]) == (404, "blocks[0].pbx")


async def test_an_extension_added_on_its_page_shows_its_password_this_once(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    status, page = await browser.act("/pbx/1/extensions/add", **EXTENSION)
    assert status == 200
    shown = re.findall(r"<code>([^<]+)</code>", page)
    stored = world.fleet.tenant(1).extensions[-1]
    assert shown[0] == "1_205"
    assert stored.digest == digest("1_205", html.unescape(shown[1]))
    assert (stored.contacts, stored.codecs) == (2, ("alaw", "opus"))
    assert shown[1] not in await browser.read("/pbx/1/extensions/205/edit")
    await browser.act("/pbx/1/extensions/205/edit", **{**EXTENSION, "name": "Bar"})
    assert (world.fleet.tenant(1).extensions[-1].name, world.fleet.tenant(1).extensions[-1].digest) == (
        "Bar",
        stored.digest,
    )
    assert "Bar" in await browser.read("/pbx/1/parts")


async def test_a_refusal_stands_beside_its_field_and_what_was_typed_stays(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    status, page = await browser.act("/pbx/1/routes/add", **{**ROUTE, "pattern": '"><script>'})
    assert status == 422
    assert re.search(r'id="f-pattern"[^>]*aria-invalid="true"', page)
    assert "<script>" not in page.replace("<script src", "")
    assert world.fleet.tenant(1).routes == ()


async def test_a_route_is_added_and_removed_by_its_page_and_its_pattern_is_its_name(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    assert (await browser.act("/pbx/1/routes/add", **{**ROUTE, "pattern": "[2-5]XXXXXXX"}))[0] == 200
    assert [route.prepend for route in world.fleet.tenant(1).routes] == ["0021"]
    assert "[2-5]XXXXXXX" in await browser.read("/pbx/1/routes/%5B2-5%5DXXXXXXX/edit")
    await browser.act("/pbx/1/routes/%5B2-5%5DXXXXXXX/remove")
    assert world.fleet.tenant(1).routes == ()


async def test_what_is_in_use_is_not_removed_and_says_by_what(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    assert "600" in await browser.read("/pbx/1/extensions/200/remove")
    status, page = await browser.act("/pbx/1/extensions/200/remove")
    assert (status, "pbx.part_in_use" in page) == (409, True)
    assert len(world.fleet.tenant(1).extensions) == 3


async def test_two_who_edit_at_once_do_not_undo_each_other(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    old = str(world.tenants.revision(1))
    did = {"number": "4831210101", "target": "201", "revision": old}
    assert (await browser.act("/pbx/1/dids/4831210101/edit", **did))[0] == 200
    status, page = await browser.act("/pbx/1/dids/4831210101/edit", **{**did, "target": "202"})
    assert (status, "registry.conflict" in page) == (409, True)
    assert world.fleet.tenant(1).dids[0].target == "201"


async def test_a_virtual_pbx_is_added_edited_and_removed_by_its_pages(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    fields = {
        "id": "900", "name": "Nova", "domain": "nova.example.com", "home": "FLN-CORE-01", "mode": "managed",
        "language": "pt_BR", "max_calls": "4", "outside_prefixes": "0", "emergency_numbers": "190,192,193",
        "music_class": "default", "host": "198.18.250.1",
    }  # fmt: skip
    assert (await browser.act("/pbx/add", **{**fields, "host": ""}))[0] == 422
    assert (await browser.act("/pbx/add", **fields))[0] == 200
    assert world.fleet.tenant(900).emergency_trunks == ("trunk1",)
    changed = {**fields, "name": "Nova Era", "emergency_trunks": "trunk1", "outside_prefixes": "0, 9"}
    assert (await browser.act("/pbx/900/edit", **changed))[0] == 200
    assert (world.fleet.tenant(900).name, world.fleet.tenant(900).outside_prefixes) == ("Nova Era", ("0", "9"))
    assert (await browser.act("/pbx/add", **fields))[0] == 409
    assert (await browser.act("/pbx/900/remove"))[0] == 200
    assert all(pbx.id != 900 for pbx in world.fleet.tenants())
    status, page = await browser.act("/pbx/1/remove")
    assert (status, "pbx.has_calls" in page) == (409, True)
