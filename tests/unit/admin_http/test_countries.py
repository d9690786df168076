"""Country lists over the API and on the console's pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from asterisk_ext.domain.access import ROOT as EVERYBODY
from asterisk_ext.domain.errors import Refusal
from firewall.countries.delegated import BAD_FILE
from tests.unit.admin_http.conftest import Client, Visitor
from tests.unit.admin_http.world import World

ROOT = "/api/v1/firewall/countries"
Visit = Callable[[str], Awaitable[Visitor]]
Token = Callable[..., Awaitable[dict[str, str]]]
CUT = BAD_FILE.refuse(field="file", name="lacnic", reason="line 9: it promises 8 records and has 5")


async def ended(world: World) -> None:
    """The update that goes on is over."""
    await world.lists.over.wait()
    world.lists.over.clear()


async def answer(client: Client, method: str, path: str, headers: dict[str, str], **body: Any) -> tuple[int, Any]:
    async with client.request(method, path, headers=headers, **body) as response:
        return response.status, await response.json() if response.status != 204 else None


async def test_every_list_has_its_names_counts_and_whether_a_rule_names_it(client: Client, token: Token) -> None:
    _, told = await answer(client, "GET", ROOT, await token("support"))
    rows = {row["code"]: row for row in told["countries"]}
    assert (told["since"], told["source"], sorted(rows)) == ("2026-02-01", "LACNIC", ["AR", "BR", "UY"])
    assert rows["BR"]["names"] == {"pt-BR": "Brasil", "en": "Brazil"}
    assert (rows["BR"]["in_use"], rows["UY"]["in_use"]) == (True, False)
    assert (rows["UY"]["prefixes4"], rows["UY"]["prefixes6"]) == (92, 38)


async def test_one_countrys_prefixes_are_told_and_an_unknown_one_is_refused(client: Client, token: Token) -> None:
    headers = await token("support")
    assert (await answer(client, "GET", f"{ROOT}/uy", headers))[1]["ipv4"] == ["200.40.0.0/16"]
    status, told = await answer(client, "GET", f"{ROOT}/XX", headers)
    assert (status, told["error_id"]) == (422, "country.unknown")


async def test_an_update_shows_how_far_it_is_and_then_the_new_day(client: Client, token: Token, world: World) -> None:
    headers = await token("operator")
    world.lists.going_on.clear()
    assert (await answer(client, "POST", f"{ROOT}/update", headers, json={}))[0] == 202
    _, told = await answer(client, "GET", f"{ROOT}/update", headers)
    assert (told["phase"], told["file"], told["done"], told["total"]) == ("fetching", "lacnic", 500, 1000)
    status, refused = await answer(client, "POST", f"{ROOT}/update", headers, json={})
    assert (status, refused["error_id"]) == (409, "country.update_under_way")
    world.lists.going_on.set()
    await ended(world)
    _, told = await answer(client, "GET", f"{ROOT}/update", headers)
    assert (told["phase"], told["since"], told["error_id"]) == ("idle", "2026-08-10", "")


async def test_an_update_that_is_refused_says_why_and_leaves_the_lists(
    client: Client, token: Token, world: World
) -> None:
    headers = await token("operator")
    world.lists.refusal = CUT
    await answer(client, "POST", f"{ROOT}/update", headers, json={})
    await ended(world)
    _, told = await answer(client, "GET", f"{ROOT}/update", headers)
    assert (told["error_id"], told["since"]) == ("country.file_invalid", "")
    assert (await answer(client, "GET", ROOT, headers))[1]["since"] == "2026-02-01"


async def test_files_handed_over_are_what_an_update_from_files_uses_once(
    client: Client, token: Token, world: World
) -> None:
    headers = await token("operator")
    assert (await answer(client, "PUT", f"{ROOT}/files/lacnic", headers, data=b"2|lacnic|"))[0] == 204
    await answer(client, "POST", f"{ROOT}/update", headers, json={"from_files": True})
    await ended(world)
    assert world.lists.built == ["lacnic"]
    status, told = await answer(client, "POST", f"{ROOT}/update", headers, json={"from_files": True})
    assert (status, told["error_id"]) == (409, "country.no_sources")
    status, told = await answer(client, "PUT", f"{ROOT}/files/elsewhere", headers, data=b"x")
    assert (status, told["error_id"]) == (422, "country.registry_unknown")


async def test_the_schedule_updates_too_and_waits_for_an_update_that_goes_on(world: World) -> None:
    world.lists.going_on.clear()
    await world.countries.due()
    await world.countries.due()
    assert world.countries.status(EVERYBODY).by == "schedule"
    world.lists.going_on.set()
    await ended(world)
    assert world.countries.status(EVERYBODY).since == "2026-08-10"


async def test_support_may_look_and_not_update(client: Client, token: Token) -> None:
    status, told = await answer(client, "POST", f"{ROOT}/update", await token("support"), json={})
    assert (status, told["error_id"]) == (403, "access.forbidden")


@pytest.mark.parametrize(("language", "name"), [("pt-BR", "Uruguai"), ("en", "Uruguay")])
async def test_the_page_names_countries_in_the_readers_language_with_flag_and_counts(
    visit: Visit, language: str, name: str
) -> None:
    page = await (await visit("support")).read("/firewall/countries", **{"Accept-Language": language})
    assert name in page
    assert "/static/flags/UY.svg" in page
    assert page.index("Bra") < page.index("Argentina"), "what a rule names comes first"


async def test_a_country_is_found_by_part_of_its_name_without_accents(visit: Visit) -> None:
    page = await (await visit("support")).read("/firewall/countries?text=uRUg")
    assert "UY.svg" in page
    assert "BR.svg" not in page


async def test_the_page_begins_an_update_and_says_how_it_ended(visit: Visit, world: World) -> None:
    browser = await visit("operator")
    world.lists.refusal = CUT
    status, _ = await browser.act("/firewall/countries/update")
    await ended(world)
    page = await browser.read("/firewall/countries", **{"Accept-Language": "pt-BR"})
    assert status == 200
    assert "A última atualização não trouxe nada." in page
    assert "country.file_invalid" in page


async def test_without_the_guard_the_page_says_so(visit: Visit, world: World) -> None:
    async def silent() -> Any:
        raise Refusal(BAD_FILE, {"name": "x", "reason": "no guard"})

    world.lists.table = silent  # type: ignore[method-assign]
    browser = await visit("support")
    async with browser.client.get("/firewall/countries") as response:
        assert "country.file_invalid" in await response.text()
        assert response.status == BAD_FILE.status
